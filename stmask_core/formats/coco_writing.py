"""COCO, one image entry per frame: for tools that know images but not videos.

Each mask is an ordinary COCO annotation (run lengths, ``iscrowd`` 0) that carries its identity twice, as
``track_id`` and as ``attributes.track_id``, because tools look in one place or the other. Images carry
``video_id`` and ``frame_index``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stmask_core.formats.atomic import atomic_write
from stmask_core.formats.coco import TABLES
from stmask_core.formats.exchange import Exchange, ExchangeVideo, observations_by_frame
from stmask_core.formats.frame_names import frame_file_names
from stmask_core.formats.reports import WriteReport


def write_coco(exchange: Exchange, path: str | os.PathLike[str], *, compressed: bool = True) -> WriteReport:
    """Write every frame of every video as an image, every mask as an annotation, in one pass over the videos.

    compressed: run lengths as text (what most tools want) or as lists.
    """
    report = WriteReport(path=Path(path))
    images: list[dict[str, Any]] = []
    videos: list[dict[str, Any]] = []
    number = 0
    with atomic_write(path) as file:
        file.write('{"annotations": [')
        for video_id, video in enumerate(exchange.videos, start=1):
            first_image = len(images) + 1
            for annotation in _annotations(video, first_image, number + 1, compressed=compressed):
                file.write(("," if number else "") + "\n" + _dump(annotation))
                number += 1
            images += _images(video, video_id, first_image)
            videos.append({"id": video_id, "name": video.name, "width": video.width, "height": video.height})
            report = report.with_video(video)
        categories = [
            {**c.extra, "id": c.id, "name": c.name, "supercategory": c.supercategory}
            for c in exchange.categories
        ]
        for name, rows in (("images", images), ("videos", videos), ("categories", categories)):
            file.write(f'\n],\n"{name}": [' + ",".join("\n" + _dump(row) for row in rows))
        file.write("\n]")
        for name, value in {"info": {}, "licenses": [], **exchange.extra}.items():
            if name not in TABLES:
                file.write(f",\n{_dump(name)}: {_dump(value)}")
        file.write("\n}\n")
    return report


def _annotations(
    video: ExchangeVideo, first_image: int, first_id: int, *, compressed: bool
) -> Iterator[dict[str, Any]]:
    number = first_id
    for frame, observations in sorted(observations_by_frame(video).items()):
        for track, observation in observations:
            mask = observation.mask
            x1, y1, x2, y2 = mask.box or (0, 0, 0, 0)
            attributes = {
                "track_id": track.id,
                "occluded": observation.occlusion > 0,
                "occlusion": observation.occlusion,
                "source": observation.source,
                "locked": observation.locked,
            }
            size = [mask.height, mask.width]
            row: dict[str, Any] = {
                **observation.extra,
                "id": number,
                "image_id": first_image + frame,
                "category_id": track.category_id,
                "segmentation": mask.to_coco()
                if compressed
                else {"size": size, "counts": mask.to_coco_list()},
                "area": mask.area,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "iscrowd": int(track.is_crowd),
                "track_id": track.id,
                "attributes": attributes,
            }
            if observation.score is not None:
                row["score"] = observation.score
            yield row
            number += 1


def _images(video: ExchangeVideo, video_id: int, first_image: int) -> Iterator[dict[str, Any]]:
    for frame, name in enumerate(frame_file_names(video)):
        yield {
            "id": first_image + frame,
            "file_name": name,
            "width": video.width,
            "height": video.height,
            "video_id": video_id,
            "frame_index": frame,
        }


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
