"""COCO, one image entry per frame, into the neutral shape. The way out is ``coco_writing``.

Images may carry ``video_id`` and ``frame_index``, as ours do; without them a folder of images is a video and
its frames are in natural order of their names, unless the reader is told that they are stills.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
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
from stmask_core.formats.folders import natural_order
from stmask_core.formats.frame_names import safe_relative_name
from stmask_core.formats.json_reading import (
    as_int,
    as_list,
    as_number,
    as_object,
    as_text,
    read_text,
    rest_of,
    stream_json,
    text_or,
)
from stmask_core.structures.masks import Mask

TABLES = frozenset(("images", "videos", "categories", "annotations"))
ANNOTATION_KEYS = frozenset(
    (
        *("id", "image_id", "category_id", "segmentation", "area", "bbox", "iscrowd"),
        *("track_id", "score", "attributes"),
    )
)


@dataclass(frozen=True, slots=True)
class _Image:
    id: int
    file_name: str
    width: int
    height: int
    video: str
    frame_index: int | None


@dataclass(frozen=True, slots=True)
class _Found:
    """One annotation read: which track, in which frame."""

    frame: int
    key: tuple[str, int]
    category_id: int
    is_crowd: bool
    observation: Observation
    place: str


def read_coco(path: str | os.PathLike[str], *, stills: bool = False) -> Exchange:
    """Read COCO instances with run lengths or polygons; FormatError names the entry that is wrong.

    Annotations without a track id become tracks of one frame each, with a warning. stills: an image that
    names no video is one of its own, as in COCO itself, where a folder holds pictures of any size.
    """
    path = Path(path)
    content = _content(path)
    if not isinstance(content.get("images"), list):
        hint = "It has videos: is it YouTube-VIS? Then say --format ytvis." if "videos" in content else ""
        raise FormatError(f"{path.name}: has no list of images.", hint)
    categories = _read_categories(content.get("categories"))
    groups = _group_images(content, None if stills else path.stem)
    warnings: list[str] = []
    found = _read_annotations(content.get("annotations"), groups, {c.id for c in categories}, warnings)
    videos = tuple(
        _video(number, name, images, found.get(name, []), warnings)
        for number, (name, images) in enumerate(groups.items(), start=1)
    )
    return Exchange(categories, videos, rest_of(content, TABLES), tuple(warnings))


def _content(path: Path) -> dict[str, Any]:
    """The file's fields; its annotations with run lengths made small as they are read."""
    content: dict[str, Any] = {}
    for key, index, value in stream_json(read_text(path), path.name):
        if key == "" and (index >= 0 or value == []):
            raise FormatError(f"{path.name}: a list of results, not a COCO file with images.")
        if index < 0:
            content[key] = value
            continue
        if index == 0:
            content[key] = []
        content[key].append(_light(value, f"annotations[{index}]") if key == "annotations" else value)
    return content


def _light(entry: Any, place: str) -> dict[str, Any]:
    """An annotation whose run lengths are a mask already; polygons wait for the image's size."""
    fields = dict(as_object(entry, place))
    if isinstance(fields.get("segmentation"), dict):
        try:
            fields["segmentation"] = Mask.from_coco(fields["segmentation"])
        except ValueError as error:
            raise FormatError(f"{place}.segmentation: {error}.") from error
    return fields


def _read_categories(value: Any) -> tuple[ExchangeCategory, ...]:
    found: dict[int, ExchangeCategory] = {}
    for i, entry in enumerate(as_list(value, "categories")):
        place = f"categories[{i}]"
        fields = as_object(entry, place)
        id_ = as_int(fields.get("id"), f"{place}.id")
        if id_ in found:
            raise FormatError(f"{place}: the id {id_} is used twice.")
        found[id_] = ExchangeCategory(
            id_,
            as_text(fields.get("name"), f"{place}.name"),
            text_or(fields.get("supercategory"), "object", f"{place}.supercategory"),
            rest_of(fields, frozenset(("id", "name", "supercategory"))),
        )
    return tuple(found.values())


def _group_images(content: Mapping[str, Any], stem: str | None) -> dict[str, list[_Image]]:
    """video name -> its images in order of their frames. stem: of images in no folder; None for stills."""
    names = {}
    for i, entry in enumerate(content["videos"] if isinstance(content.get("videos"), list) else ()):
        fields = as_object(entry, f"videos[{i}]")
        names[as_int(fields.get("id"), f"videos[{i}].id")] = as_text(fields.get("name"), f"videos[{i}].name")
    groups: dict[str, list[_Image]] = {}
    seen: set[int] = set()
    for i, entry in enumerate(content["images"]):
        image = _read_image(as_object(entry, f"images[{i}]"), f"images[{i}]", names, stem)
        if image.id in seen:
            raise FormatError(f"images[{i}]: the id {image.id} is used twice.")
        seen.add(image.id)
        groups.setdefault(image.video, []).append(image)
    return {name: _in_order(name, images) for name, images in groups.items()}


def _read_image(fields: Mapping[str, Any], place: str, names: Mapping[int, str], stem: str | None) -> _Image:
    file_name = safe_relative_name(as_text(fields.get("file_name"), f"{place}.file_name"), place)
    folder = PurePosixPath(file_name).parent.as_posix()
    video = file_name if stem is None else stem if folder == "." else folder
    if "video_id" in fields:
        video_id = as_int(fields["video_id"], f"{place}.video_id")
        video = names.get(video_id, f"video {video_id}")
    index = None
    if "frame_index" in fields:
        index = as_int(fields["frame_index"], f"{place}.frame_index")
    width, height = (as_int(fields.get(key), f"{place}.{key}") for key in ("width", "height"))
    try:
        Mask.empty(height, width)
    except ValueError as error:
        raise FormatError(f"{place}: {error}.") from error
    return _Image(as_int(fields.get("id"), f"{place}.id"), file_name, width, height, video, index)


def _in_order(video: str, images: list[_Image]) -> list[_Image]:
    sizes = {(image.width, image.height) for image in images}
    if len(sizes) > 1:
        listed = ", ".join(f"{width}x{height}" for width, height in sorted(sizes)[:5])
        raise FormatError(
            f"The images of {video!r} have different sizes ({listed}).",
            "The frames of a video have one size: give each video a folder in file_name.",
        )
    by_index = {image.frame_index: image for image in images}
    if None not in by_index and len(by_index) == len(images) and set(by_index) == set(range(len(images))):
        return [by_index[i] for i in range(len(images))]
    return sorted(images, key=lambda image: natural_order(image.file_name))


def _read_annotations(
    value: Any, groups: Mapping[str, list[_Image]], category_ids: set[int], warnings: list[str]
) -> dict[str, list[_Found]]:
    where = {
        image.id: (name, frame, image)
        for name, images in groups.items()
        for frame, image in enumerate(images)
    }
    found: dict[str, list[_Found]] = {}
    nameless = 0
    for i, entry in enumerate([] if value is None else as_list(value, "annotations")):
        place = f"annotations[{i}]"
        fields = as_object(entry, place)
        image_id = as_int(fields.get("image_id"), f"{place}.image_id")
        if image_id not in where:
            raise FormatError(f"{place}: no image has the id {image_id}.")
        name, frame, image = where[image_id]
        category_id = as_int(fields.get("category_id"), f"{place}.category_id")
        if category_id not in category_ids:
            raise FormatError(f"{place}: no category has the id {category_id}.")
        mask = _read_mask(fields.get("segmentation"), image, f"{place}.segmentation")
        track_id = _track_id(fields, place)
        if track_id is None:
            nameless += 1
        if mask.is_empty:
            continue
        key = ("annotation", i) if track_id is None else ("track", track_id)
        observation = _observation(fields, frame, mask, place)
        crowd = fields.get("iscrowd") in (1, True)
        found.setdefault(name, []).append(_Found(frame, key, category_id, crowd, observation, place))
    if nameless:
        warnings.append(f"{nameless} annotations have no track id: each became a track of its own")
    return found


def _read_mask(value: Any, image: _Image, place: str) -> Mask:
    if isinstance(value, Mask):
        mask = value
    else:
        try:
            mask = Mask.from_polygons(as_list(value, place), image.height, image.width)
        except ValueError as error:
            raise FormatError(f"{place}: {error}.") from error
    if (mask.height, mask.width) != (image.height, image.width):
        raise FormatError(
            f"{place}: a mask of {mask.width} x {mask.height} on an image of {image.width} x {image.height}."
        )
    return mask


def _track_id(fields: Mapping[str, Any], place: str) -> int | None:
    attributes = fields.get("attributes")
    for holder in (fields, attributes if isinstance(attributes, dict) else {}):
        for key in ("track_id", "instance_id"):
            if holder.get(key) is not None:
                return as_int(holder[key], f"{place}.{key}")
    return None


def _observation(fields: Mapping[str, Any], frame: int, mask: Mask, place: str) -> Observation:
    attributes = fields.get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    source = attributes.get("source")
    occlusion = attributes.get("occlusion")
    if not isinstance(occlusion, int) or not 0 <= occlusion <= 2:
        occlusion = int(attributes.get("occluded") is True)
    score = fields.get("score")
    return Observation(
        frame,
        mask,
        score=None if score is None else as_number(score, f"{place}.score"),
        source=source if source in SOURCES else "imported",
        locked=attributes.get("locked") is True,
        occlusion=int(occlusion),
        extra=rest_of(fields, ANNOTATION_KEYS),
    )


def _video(
    number: int, name: str, images: list[_Image], found: list[_Found], warnings: list[str]
) -> ExchangeVideo:
    by_key: dict[tuple[str, int], list[_Found]] = {}
    for one in sorted(found, key=lambda f: f.frame):
        frames = by_key.setdefault(one.key, [])
        if frames and frames[-1].frame == one.frame:
            raise FormatError(f"{one.place}: track {one.key[1]} has two masks in one image.")
        frames.append(one)
    taken = {id_ for kind, id_ in by_key if kind == "track"}
    free = max([0, *taken]) + 1
    tracks = []
    for (kind, id_), rows in by_key.items():
        if kind != "track":
            id_, free = free, free + 1
        votes = Counter(row.category_id for row in rows)
        category_id = votes.most_common(1)[0][0]
        if len(votes) > 1:
            warnings.append(f"{name}: track {id_} changes its category; the most frequent one was taken")
        observations = tuple(row.observation for row in rows)
        tracks.append(ExchangeTrack(id_, category_id, observations, is_crowd=rows[0].is_crowd))
    return ExchangeVideo(
        number,
        name,
        images[0].width,
        images[0].height,
        len(images),
        tuple(sorted(tracks, key=lambda track: track.id)),
        frame_names=tuple(image.file_name for image in images),
    )
