"""``objects.json``: what label pictures cannot say (names, categories, track ids), written beside them.

DAVIS and MOTS hold numbers only. Other tools ignore this file; ours reads it back, so that an export returns
to a project with the identities and categories it left with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stmask_core.errors import FormatError
from stmask_core.formats.exchange import ExchangeCategory, ExchangeVideo
from stmask_core.formats.json_reading import as_int, as_list, as_object, as_text, load_json

FILE_NAME = "objects.json"


@dataclass(frozen=True, slots=True)
class LabelledObject:
    """What one number in the pictures stands for."""

    label: int
    track_id: int
    category_id: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class LabelledVideo:
    """One folder (or text file) of labels. first_frame: the number the format gives to frame 0."""

    folder: str
    name: str
    width: int
    height: int
    length: int
    objects: tuple[LabelledObject, ...]
    first_frame: int = 0


@dataclass(frozen=True, slots=True)
class ObjectsFile:
    """The contents of one ``objects.json``."""

    categories: tuple[ExchangeCategory, ...] = ()
    videos: Mapping[str, LabelledVideo] = field(default_factory=dict)


def describe(
    video: ExchangeVideo, folder: str, labels: Mapping[int, int], first_frame: int = 0
) -> LabelledVideo:
    """The entry of a video; labels: track id -> number in the pictures."""
    objects = tuple(LabelledObject(labels[t.id], t.id, t.category_id, t.name) for t in video.tracks)
    return LabelledVideo(folder, video.name, video.width, video.height, video.length, objects, first_frame)


def write_objects(
    folder: Path, categories: tuple[ExchangeCategory, ...], videos: list[LabelledVideo]
) -> None:
    """Write ``objects.json`` into a folder that is being built."""
    content = {
        "categories": [{"id": c.id, "name": c.name, "supercategory": c.supercategory} for c in categories],
        "videos": [
            {
                "folder": v.folder,
                "name": v.name,
                "width": v.width,
                "height": v.height,
                "length": v.length,
                "first_frame": v.first_frame,
                "objects": [
                    {"label": o.label, "track_id": o.track_id, "category_id": o.category_id, "name": o.name}
                    for o in v.objects
                ],
            }
            for v in videos
        ],
    }
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / FILE_NAME).write_text(text, encoding="utf-8", newline="\n")


def read_objects(folder: Path) -> ObjectsFile | None:
    """The ``objects.json`` of a folder; None when there is none. Raises FormatError naming the place."""
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    content = as_object(load_json(path), FILE_NAME)
    categories = tuple(
        _category(entry, f"{FILE_NAME} categories[{i}]")
        for i, entry in enumerate(as_list(content.get("categories"), f"{FILE_NAME} categories"))
    )
    videos: dict[str, LabelledVideo] = {}
    for i, entry in enumerate(as_list(content.get("videos"), f"{FILE_NAME} videos")):
        video = _video(entry, f"{FILE_NAME} videos[{i}]", {c.id for c in categories})
        videos[video.folder] = video
    return ObjectsFile(categories, videos)


def _category(entry: Any, place: str) -> ExchangeCategory:
    fields = as_object(entry, place)
    return ExchangeCategory(
        as_int(fields.get("id"), f"{place}.id"),
        as_text(fields.get("name"), f"{place}.name"),
        as_text(fields.get("supercategory", "object"), f"{place}.supercategory"),
    )


def _video(entry: Any, place: str, category_ids: set[int]) -> LabelledVideo:
    fields = as_object(entry, place)
    objects: dict[int, LabelledObject] = {}
    tracks: set[int] = set()
    for i, item in enumerate(as_list(fields.get("objects"), f"{place}.objects")):
        one = _object(item, f"{place}.objects[{i}]")
        if one.label in objects or one.track_id in tracks:
            raise FormatError(f"{place}.objects[{i}]: a label or track id comes twice.")
        if one.category_id not in category_ids:
            raise FormatError(f"{place}.objects[{i}]: no category has the id {one.category_id}.")
        objects[one.label] = one
        tracks.add(one.track_id)
    numbers = {
        key: as_int(fields.get(key), f"{place}.{key}") for key in ("width", "height", "length", "first_frame")
    }
    return LabelledVideo(
        folder=as_text(fields.get("folder"), f"{place}.folder"),
        name=as_text(fields.get("name"), f"{place}.name"),
        objects=tuple(objects.values()),
        **numbers,
    )


def _object(entry: Any, place: str) -> LabelledObject:
    fields = as_object(entry, place)
    numbers = {key: as_int(fields.get(key), f"{place}.{key}") for key in ("label", "track_id", "category_id")}
    if min(numbers.values()) < 1:
        raise FormatError(f"{place}: labels and ids count from 1.")
    return LabelledObject(name=as_text(fields.get("name", ""), f"{place}.name"), **numbers)
