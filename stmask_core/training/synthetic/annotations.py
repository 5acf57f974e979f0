"""Synthetic truth as YouTube-VIS JSON: one annotation per object, the extra truth in extra keys.

Extra keys of an annotation, each a list with one entry per frame:
``amodal_segmentations`` (null out of view), ``occlusion`` (null out of view), ``truncation``,
``blur`` (pixels, null out of view), ``out_of_view``; and ``identity``, the number of the object in its
clip. Extra keys of a video: ``seed``, ``split``, ``fps``, ``exposure`` (seconds), ``place``.
A segmentation is null where no pixel of the object is visible. Definitions are in truth.py.
"""

from __future__ import annotations

from typing import Any

from stmask_core.structures.masks import Mask
from stmask_core.training.synthetic.categories import CATEGORIES
from stmask_core.training.synthetic.truth import ObjectTruth
from stmask_core.training.synthetic.world import Clip

Json = dict[str, Any]


class ClipAnnotations:
    """Collects the truth of one clip, frame by frame."""

    def __init__(self, clip: Clip, name: str, media: str | None = None) -> None:
        self.clip, self.name, self.media = clip, name, media
        self.tracks: dict[int, list[ObjectTruth]] = {a.identity: [] for a in clip.actors}

    def add(self, objects: tuple[ObjectTruth, ...]) -> None:
        """Append the truth of the next frame."""
        for truth in objects:
            self.tracks[truth.identity].append(truth)

    def video(self) -> Json:
        """The video entry without its id."""
        clip = self.clip
        extra = {"media": self.media} if self.media else {}
        return {
            "width": clip.size[0],
            "height": clip.size[1],
            "length": clip.frames,
            "file_names": [f"{self.name}/{k:05d}.jpg" for k in range(clip.frames)],
            "license": 1,
            "coco_url": "",
            "flickr_url": "",
            "date_captured": "",
            "seed": clip.seed,
            "split": clip.split,
            "fps": clip.fps,
            "exposure": round(clip.exposure, 6),
            "place": clip.scenery.biome.name,
            **extra,
        }

    def annotations(self) -> list[Json]:
        """One entry per object that was visible at least once, without ids."""
        return [
            self._annotation(track)
            for track in self.tracks.values()
            if any(not truth.visible.is_empty for truth in track)
        ]

    def _annotation(self, track: list[ObjectTruth]) -> Json:
        return {
            "category_id": track[0].category.id,
            "identity": track[0].identity,
            "segmentations": [_segmentation(truth.visible) for truth in track],
            "areas": [truth.visible.area or None for truth in track],
            "bboxes": [_box(truth.visible) for truth in track],
            "iscrowd": 0,
            "width": self.clip.size[0],
            "height": self.clip.size[1],
            "length": 1,
            "amodal_segmentations": [_segmentation(truth.amodal) for truth in track],
            "occlusion": [_rounded(truth.occlusion) for truth in track],
            "truncation": [_rounded(truth.truncation) for truth in track],
            "blur": [_rounded(truth.blur) for truth in track],
            "out_of_view": [truth.out_of_view for truth in track],
        }


def dataset_json(clips: list[tuple[Json, list[Json]]]) -> Json:
    """A whole YouTube-VIS file from (video, annotations) of each clip; ids count from 1."""
    videos: list[Json] = []
    annotations: list[Json] = []
    for video, tracks in clips:
        videos.append({"id": len(videos) + 1, **video})
        for track in tracks:
            annotations.append({"id": len(annotations) + 1, "video_id": len(videos), **track})
    return {
        "info": {"description": "Synthetic video with exact truth, drawn by stmask synth"},
        "licenses": [
            {"id": 1, "name": "CC0-1.0", "url": "https://creativecommons.org/publicdomain/zero/1.0/"}
        ],
        "videos": videos,
        "categories": [{"id": c.id, "name": c.name, "supercategory": "object"} for c in CATEGORIES],
        "annotations": annotations,
    }


def _segmentation(mask: Mask) -> Json | None:
    """Uncompressed run lengths, as the official train files have them and every reader takes."""
    if mask.is_empty:
        return None
    return {"size": [mask.height, mask.width], "counts": mask.to_coco_list()}


def _box(mask: Mask) -> list[int] | None:
    """[x, y, width, height] as YouTube-VIS wants it."""
    box = mask.box
    return None if box is None else [box[0], box[1], box[2] - box[0], box[3] - box[1]]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
