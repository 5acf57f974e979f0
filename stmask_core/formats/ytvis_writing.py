"""YouTube-VIS annotations out of the neutral shape: what every reader of the format was found to take.

That is list run lengths, height and width per annotation, null where an object is absent, ids from 1.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stmask_core.formats.atomic import atomic_write
from stmask_core.formats.exchange import Exchange, ExchangeCategory, ExchangeTrack, ExchangeVideo
from stmask_core.formats.frame_names import frame_file_names
from stmask_core.formats.reports import WriteReport
from stmask_core.formats.run_lengths import counts_text
from stmask_core.formats.ytvis_exchange import OCCLUSIONS, TABLES, FreshIds

VIDEO_DEFAULTS = {"license": 1, "coco_url": "", "flickr_url": "", "date_captured": ""}


def write_ytvis(exchange: Exchange, path: str | os.PathLike[str], *, compressed: bool = False) -> WriteReport:
    """Write one annotation per track, in one pass over the videos.

    compressed: run lengths as text instead of lists. Ids are kept; one that is below 1 or used before (in
    another video) is replaced by the next free one, and a note in the report says so.
    """
    report = WriteReport(path=Path(path))
    videos: list[dict[str, Any]] = []
    video_ids, track_ids = FreshIds(), FreshIds()
    with atomic_write(path) as file:
        file.write('{"annotations": [')
        for video in exchange.videos:
            video_id = video_ids.give(video.id)
            for track in video.tracks:
                id_ = track_ids.give(track.id)
                file.write(",\n" if len(track_ids.taken) > 1 else "\n")
                file.write(_annotation(video, track, id_, video_id, compressed=compressed))
            videos.append(_video_entry(video, video_id))
            report = report.with_video(video)
        categories = [_category_entry(category) for category in exchange.categories]
        for name, rows in (("videos", videos), ("categories", categories)):
            file.write(f'\n],\n"{name}": [' + ",".join("\n" + _dump(row) for row in rows))
        file.write("\n]")
        for name, value in _head(exchange.extra).items():
            if name not in TABLES:
                file.write(f",\n{_dump(name)}: {_dump(value)}")
        file.write("\n}\n")
    if track_ids.changed or video_ids.changed:
        report = report.with_note(
            f"{track_ids.changed} track and {video_ids.changed} video ids had to change"
        )
    return report


def _annotation(
    video: ExchangeVideo, track: ExchangeTrack, id_: int, video_id: int, *, compressed: bool
) -> str:
    """One track as JSON text."""
    segmentations = ["null"] * video.length
    bboxes: list[Any] = [None] * video.length
    areas: list[Any] = [None] * video.length
    for observation in track.observations:
        mask, frame = observation.mask, observation.frame
        if mask.box is None:
            continue
        x1, y1, x2, y2 = mask.box
        segmentations[frame] = (
            _dump(mask.to_coco())
            if compressed
            else f'{{"counts": {counts_text(mask)}, "size": [{mask.height}, {mask.width}]}}'
        )
        bboxes[frame] = [x1, y1, x2 - x1, y2 - y1]
        areas[frame] = mask.area
    fields = {
        **track.extra,
        "height": video.height,
        "width": video.width,
        "length": 1,
        "category_id": track.category_id,
        "segmentations": None,
        "bboxes": bboxes,
        "video_id": video_id,
        "iscrowd": int(track.is_crowd),
        "id": id_,
        "areas": areas,
        **_own_fields(video, track),
    }
    texts = {name: _dump(value) for name, value in fields.items()}
    texts["segmentations"] = f"[{', '.join(segmentations)}]"
    return "{" + ", ".join(f"{_dump(name)}: {text}" for name, text in texts.items()) + "}"


def _own_fields(video: ExchangeVideo, track: ExchangeTrack) -> dict[str, Any]:
    """Lists beside ``segmentations`` that other readers ignore; only those that say something."""
    fields: dict[str, Any] = {"name": track.name} if track.name else {}
    columns: dict[str, Mapping[int, Any]] = {
        "sources": {o.frame: o.source for o in track.observations if o.source != "imported"},
        "scores": {o.frame: o.score for o in track.observations if o.score is not None},
        "locked": {o.frame: True for o in track.observations if o.locked},
        "occlusion": {o.frame: OCCLUSIONS[o.occlusion] for o in track.observations if o.occlusion},
    }
    for name, column in columns.items():
        if column:
            fields[name] = [column.get(frame) for frame in range(video.length)]
    return fields


def _video_entry(video: ExchangeVideo, video_id: int) -> dict[str, Any]:
    return {
        **VIDEO_DEFAULTS,
        **video.extra,
        "id": video_id,
        "width": video.width,
        "height": video.height,
        "length": video.length,
        "file_names": frame_file_names(video),
    }


def _category_entry(category: ExchangeCategory) -> dict[str, Any]:
    return {
        **category.extra,
        "supercategory": category.supercategory,
        "id": category.id,
        "name": category.name,
    }


def _head(extra: Mapping[str, Any]) -> dict[str, Any]:
    info = {"description": "STMask Annotator", "url": "", "version": "1.0", "year": 0, "contributor": ""}
    licenses = [{"id": 1, "name": "unknown", "url": ""}]
    return {"info": {**info, "date_created": ""}, "licenses": licenses, **extra}


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
