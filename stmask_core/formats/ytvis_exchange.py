"""YouTube-VIS annotations (2019, 2021, OVIS) into the neutral shape. The way out is ``ytvis_writing``.

Accepts polygons, uncompressed and compressed run lengths, null and all-zero masks for absent frames, files
without annotations, string ids, stale boxes and areas (both are taken from the masks), unknown fields (kept).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stmask_core.errors import FormatError
from stmask_core.formats.exchange import (
    SOURCES,
    Exchange,
    ExchangeCategory,
    ExchangeTrack,
    ExchangeVideo,
    Observation,
)
from stmask_core.formats.frame_names import safe_relative_name
from stmask_core.formats.json_reading import (
    as_int,
    as_list,
    as_object,
    as_text,
    decode_object,
    read_text,
    rest_of,
    stream_json,
    text_or,
)
from stmask_core.formats.run_lengths import decode_segmentations
from stmask_core.structures.masks import Mask, check_image_size

TABLES = ("videos", "categories", "annotations")
VIDEO_KEYS = frozenset(("id", "width", "height", "length", "file_names"))
TRACK_KEYS = frozenset(
    (
        *("id", "video_id", "category_id", "segmentations", "areas", "bboxes", "iscrowd"),
        *("height", "width", "length", "name"),
    )
)
COLUMNS = ("scores", "sources", "occlusion", "locked")
OCCLUSIONS = ("no_occlusion", "slight_occlusion", "severe_occlusion")  # the words of OVIS
MOST_PROBLEMS = 5  # listed in one error


class FreshIds:
    """Unique ids from 1 up, kept where possible."""

    def __init__(self) -> None:
        self.taken: set[int] = set()
        self.changed = 0
        self._free = 1

    def give(self, wanted: int) -> int:
        """``wanted`` if it may be used, else the next free number."""
        if wanted < 1 or wanted in self.taken:
            self.changed += 1
            while self._free in self.taken:
                self._free += 1
            wanted = self._free
        self.taken.add(wanted)
        return wanted


@dataclass(slots=True)
class _Annotation:
    """One annotation as the file says it, its masks already small. polygons wait for the video's size."""

    place: str
    id: int
    video_id: int
    category_id: int
    masks: list[Mask | list[Any] | None]
    fields: dict[str, Any]
    boxes: Any


@dataclass(slots=True)
class _File:
    """A file as it is being read."""

    videos: dict[int, ExchangeVideo]
    categories: dict[int, ExchangeCategory]
    annotations: list[_Annotation]
    extra: dict[str, Any]
    warnings: list[str]


def read_ytvis(path: str | os.PathLike[str]) -> Exchange:
    """Read an annotation file; FormatError names the place of what is wrong.

    Duplicate annotation ids and ids 0 are given new numbers with a warning, because the official scorer
    miscounts them.
    """
    path = Path(path)
    found = _File({}, {}, [], {}, [])
    names: set[str] = set()
    for key, index, value in stream_json(read_text(path), path.name, {"annotations": _decode_annotation}):
        names.add(key)
        _take(found, key, index, value, path.name)
    if "videos" not in names:
        hint = "It has images: is it COCO? Say --format coco." if "images" in names else ""
        raise FormatError(f"{path.name}: has no list of videos.", hint)
    _check_references(found, path.name)
    _renumber(found)
    tracks: dict[int, list[ExchangeTrack]] = {id_: [] for id_ in found.videos}
    stale = 0
    while found.annotations:  # emptied as it goes
        annotation = found.annotations.pop()
        track, wrong = _track(annotation, found.videos[annotation.video_id])
        tracks[annotation.video_id].append(track)
        stale += wrong
    if stale:
        found.warnings.append(f"{path.name}: {stale} boxes or areas contradict their masks; the masks count")
    videos = tuple(_with_tracks(video, tracks[id_]) for id_, video in found.videos.items())
    return Exchange(tuple(found.categories.values()), videos, found.extra, tuple(found.warnings))


def _decode_annotation(text: str, at: int) -> tuple[Any, int]:
    return decode_object(text, at, {"segmentations": decode_segmentations})


def _take(found: _File, key: str, index: int, value: Any, name: str) -> None:
    """One piece of the file."""
    place = f"{key}[{index}]"
    if key == "" and (index >= 0 or value == []):
        raise FormatError(
            f"{name}: a list, as results files are.", "For predictions say --format ytvis-results."
        )
    if key in ("videos", "categories") and index < 0 and value != []:
        raise FormatError(f"{name}: {key} is not a list.")
    if key == "annotations" and index < 0 and value not in ([], None):
        raise FormatError(f"{name}: annotations is neither a list nor null.")
    if key == "videos" and index >= 0:
        video = _read_video(value, place)
        if video.id in found.videos:
            raise FormatError(f"{place}: the id {video.id} is used twice.")
        found.videos[video.id] = video
    elif key == "categories" and index >= 0:
        category = _read_category(value, place)
        if category.id in found.categories:
            raise FormatError(f"{place}: the id {category.id} is used twice.")
        found.categories[category.id] = category
    elif key == "annotations" and index >= 0:
        found.annotations.append(_read_annotation(value, place))
    elif key not in TABLES:
        kept = rest_of({key: value}, frozenset())
        if index >= 0 and kept:
            found.extra.setdefault(key, []).append(value)
        else:
            found.extra.update(kept)


def _read_video(value: Any, place: str) -> ExchangeVideo:
    fields = as_object(value, place)
    id_ = as_int(fields.get("id"), f"{place}.id")
    names = [
        safe_relative_name(as_text(name, f"{place}.file_names[{i}]"), f"{place}.file_names[{i}]")
        for i, name in enumerate(as_list(fields.get("file_names", []), f"{place}.file_names"))
    ]
    width, height = (as_int(fields.get(key), f"{place}.{key}") for key in ("width", "height"))
    try:
        check_image_size(height, width)
    except ValueError as error:
        raise FormatError(f"{place}: {error}.") from error
    length = as_int(fields.get("length", len(names)), f"{place}.length")
    if names and length != len(names):
        raise FormatError(f"{place}: length is {length}, but there are {len(names)} file names.")
    if not 0 <= length <= 1 << 24:
        raise FormatError(f"{place}: a video cannot have {length} frames.")
    folder = names[0].rpartition("/")[0] if names else ""
    name = folder or (as_text(fields["name"], f"{place}.name") if "name" in fields else f"video {id_}")
    extra = rest_of(fields, VIDEO_KEYS)
    return ExchangeVideo(id_, name, width, height, length, (), tuple(names), extra=extra)


def _read_category(value: Any, place: str) -> ExchangeCategory:
    fields = as_object(value, place)
    return ExchangeCategory(
        as_int(fields.get("id"), f"{place}.id"),
        as_text(fields.get("name"), f"{place}.name"),
        text_or(fields.get("supercategory"), "object", f"{place}.supercategory"),
        rest_of(fields, frozenset(("id", "name", "supercategory"))),
    )


def _read_annotation(value: Any, place: str) -> _Annotation:
    fields = as_object(value, place)
    if "segmentations" not in fields and "image_id" in fields:
        raise FormatError(f"{place}: belongs to an image, not to a video.", "Is it COCO? Say --format coco.")
    segmentations = as_list(fields.get("segmentations"), f"{place}.segmentations")
    return _Annotation(
        place,
        as_int(fields.get("id"), f"{place}.id"),
        as_int(fields.get("video_id"), f"{place}.video_id"),
        as_int(fields.get("category_id"), f"{place}.category_id"),
        [read_segmentation(s, f"{place}.segmentations[{i}]") for i, s in enumerate(segmentations)],
        {key: field for key, field in fields.items() if key not in ("segmentations", "bboxes")},
        fields.get("bboxes"),
    )


def read_segmentation(value: Any, place: str) -> Mask | list[Any] | None:
    """A mask; None where the object is absent (null, all zero); polygons as they are, for want of a size."""
    if value is None or value == []:
        return None
    if isinstance(value, list):
        return value
    try:
        mask = Mask.from_coco(as_object(value, place))
    except ValueError as error:
        raise FormatError(f"{place}: {error}.") from error
    return None if mask.is_empty else mask


def fit_to_video(mask: Mask | list[Any], video: ExchangeVideo, place: str) -> Mask:
    """Polygons filled, sizes checked."""
    if isinstance(mask, list):
        try:
            mask = Mask.from_polygons(mask, video.height, video.width)
        except ValueError as error:
            raise FormatError(f"{place}: {error}.") from error
    if (mask.height, mask.width) != (video.height, video.width):
        raise FormatError(
            f"{place}: size is [{mask.height}, {mask.width}], the video is"
            f" {video.width} wide and {video.height} high.",
            "Are height and width swapped?" if mask.height == video.width else "",
        )
    return mask


def _check_references(found: _File, name: str) -> None:
    """Every annotation belongs to a video and a category of the file; all strays are named together."""
    problems: list[str] = []
    for annotation in found.annotations:
        if annotation.video_id not in found.videos:
            problems.append(f"{annotation.place}: no video has the id {annotation.video_id}")
        if annotation.category_id not in found.categories:
            problems.append(f"{annotation.place}: no category has the id {annotation.category_id}")
    if problems:
        more = f" and {len(problems) - MOST_PROBLEMS} more" if len(problems) > MOST_PROBLEMS else ""
        raise FormatError(f"{name}: {'; '.join(problems[:MOST_PROBLEMS])}{more}.")


def _renumber(found: _File) -> None:
    """Ids from 1, each once; says what changed."""
    ids = FreshIds()
    ids.taken = {a.id for a in found.annotations if a.id >= 1}
    seen: set[int] = set()
    for annotation in found.annotations:
        if annotation.id < 1 or annotation.id in seen:
            old, annotation.id = annotation.id, ids.give(0)
            found.warnings.append(f"{annotation.place}: the id {old} became {annotation.id}")
        seen.add(annotation.id)
    if any(id_ < 1 for id_ in found.categories):
        free = max([0, *found.categories]) + 1
        for old in sorted(id_ for id_ in found.categories if id_ < 1):
            category = found.categories.pop(old)
            found.categories[free] = ExchangeCategory(
                free, category.name, category.supercategory, category.extra
            )
            for annotation in found.annotations:
                if annotation.category_id == old:
                    annotation.category_id = free
            found.warnings.append(f"the category {category.name!r} with id {old} became {free}")
            free += 1
    if 0 in found.videos:
        found.warnings.append("a video has the id 0; some tools count from 1")


def _track(annotation: _Annotation, video: ExchangeVideo) -> tuple[ExchangeTrack, int]:
    """The track, and how many boxes and areas of the file contradict its masks."""
    place = annotation.place
    if len(annotation.masks) != video.length:
        raise FormatError(
            f"{place}: {len(annotation.masks)} segmentations for a video of {video.length} frames."
        )
    fields = annotation.fields
    columns = _own_columns(fields, video.length)
    areas, boxes = _column(fields.get("areas"), video.length), _column(annotation.boxes, video.length)
    observations: list[Observation] = []
    stale = 0
    for frame, segmentation in enumerate(annotation.masks):
        if segmentation is None:
            continue
        mask = fit_to_video(segmentation, video, f"{place}.segmentations[{frame}]")
        if mask.is_empty:
            continue
        stale += isinstance(segmentation, Mask) and _contradicts(mask, areas[frame], boxes[frame])
        score, source, occlusion, locked = (columns[n][frame] if n in columns else None for n in COLUMNS)
        observations.append(
            Observation(
                frame,
                mask,
                score=score,
                source=source or "imported",
                locked=bool(locked),
                occlusion=OCCLUSIONS.index(occlusion) if occlusion else 0,
            )
        )
    name = fields.get("name")
    track = ExchangeTrack(
        annotation.id,
        annotation.category_id,
        tuple(observations),
        name=as_text(name, f"{place}.name") if isinstance(name, str) else "",
        is_crowd=fields.get("iscrowd") in (1, True),
        extra=rest_of(fields, TRACK_KEYS | columns.keys()),
    )
    return track, stale


def _column(value: Any, length: int) -> list[Any]:
    """A list beside ``segmentations``, or as many nulls when it is none or does not fit."""
    return value if isinstance(value, list) and len(value) == length else [None] * length


def _own_columns(fields: Mapping[str, Any], length: int) -> dict[str, list[Any]]:
    """The lists that our own export adds, where every entry is one of ours; others stay unknown fields."""
    may_be: dict[str, Callable[[Any], bool]] = {
        "scores": lambda v: isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= 1,
        "sources": lambda v: v in SOURCES,
        "occlusion": lambda v: v in OCCLUSIONS,
        "locked": lambda v: isinstance(v, bool),
    }
    return {
        name: fields[name]
        for name, is_ours in may_be.items()
        if isinstance(fields.get(name), list)
        and len(fields[name]) == length
        and all(value is None or is_ours(value) for value in fields[name])
    }


def _contradicts(mask: Mask, area: Any, box: Any) -> bool:
    """True when the file's area or box is a number that the mask does not have."""
    if isinstance(area, int | float) and area == area and area != mask.area:
        return True
    if not isinstance(box, list) or len(box) != 4 or mask.box is None:
        return False
    x1, y1, x2, y2 = mask.box
    return not all(
        isinstance(value, int | float) and abs(value - own) <= 1
        for value, own in zip(box, (x1, y1, x2 - x1, y2 - y1), strict=True)
    )


def _with_tracks(video: ExchangeVideo, tracks: list[ExchangeTrack]) -> ExchangeVideo:
    return ExchangeVideo(
        video.id,
        video.name,
        video.width,
        video.height,
        video.length,
        tuple(sorted(tracks, key=lambda track: track.id)),
        video.frame_names,
        extra=video.extra,
    )
