"""Annotation files, results files and projects as clips to evaluate.

Evaluation reads files as the official scorer does: areas are believed as the annotation file states them,
tracks without a mask count, lists may end early, results of unknown categories count for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stmask_core.document.document import Document
from stmask_core.errors import FormatError
from stmask_core.evaluation.clips import Clip, ScoredTrack
from stmask_core.formats.document_exchange import document_exchange
from stmask_core.formats.exchange import (
    Exchange,
    ExchangeCategory,
    ExchangeTrack,
    ExchangeVideo,
    mean_score,
    plain_name,
)
from stmask_core.formats.json_reading import (
    as_int,
    as_list,
    as_number,
    as_object,
    as_text,
    read_text,
    stream_json,
)
from stmask_core.formats.ytvis_exchange import fit_to_video, read_segmentation
from stmask_core.formats.ytvis_results import result_entries
from stmask_core.structures.masks import Mask, check_image_size

MOST_FRAMES = 1 << 24
PROJECT = ".stm"


@dataclass(frozen=True)
class ScoredVideo:
    """One video of a file and its tracks."""

    id: int
    name: str
    width: int
    height: int
    length: int
    tracks: tuple[ScoredTrack, ...] = ()


@dataclass(frozen=True)
class ScoredFile:
    """What a file says. categories: id -> name. warnings: what was not taken as written."""

    categories: Mapping[int, str]
    videos: tuple[ScoredVideo, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Truth and predictions brought together."""

    categories: Mapping[int, str]
    clips: tuple[Clip, ...]
    warnings: tuple[str, ...]


def read_comparison(truth: Path, predicted: Path, *, ignore_categories: bool = False) -> Comparison:
    """Truth (annotation file or project) and predictions (results, zip, annotation file or project).

    Raises FormatError or ProjectFileError in one line that names the place.
    """
    true = _read_true(truth)
    if is_project(predicted) or not _is_results(predicted):
        named = _read_project(predicted) if is_project(predicted) else _read_annotations(predicted)
        return _paired(true, named, ignore_categories)
    tracks, warnings = read_results(predicted, true)
    clips = tuple(Clip(v.id, v.name, v.length, v.tracks, tracks[v.id]) for v in true.videos)
    return Comparison(true.categories, clips, (*true.warnings, *warnings))


def compare_document(truth: Path, document: Document, *, ignore_categories: bool = False) -> Comparison:
    """Truth (annotation file or project) and an open project as it is now, its videos in their order."""
    named = scored_exchange(document_exchange(document))
    return _paired(_read_true(truth), named, ignore_categories)


def is_project(path: Path) -> bool:
    """By its name: project files end in .stm."""
    return path.suffix.lower() == PROJECT


def read_truth(path: Path) -> ScoredFile:
    """A YouTube-VIS annotation file, its areas as they stand there and its tracks in their order."""
    videos: dict[int, ScoredVideo] = {}
    categories: dict[int, str] = {}
    entries: list[tuple[str, dict[str, Any], list[Any]]] = []
    names: set[str] = set()
    for key, index, value in stream_json(read_text(path), path.name):
        names.add(key)
        place = f"{path.name}: {key}[{index}]"
        if key == "":
            raise FormatError(f"{path.name}: a list, as results files are; it cannot be the truth.")
        if key == "videos" and index >= 0:
            video = _video(as_object(value, place), place)
            if video.id in videos:
                raise FormatError(f"{place}: the id {video.id} is used twice.")
            videos[video.id] = video
        elif key == "categories" and index >= 0:
            fields = as_object(value, place)
            categories[as_int(fields.get("id"), f"{place}.id")] = as_text(fields.get("name"), f"{place}.name")
        elif key == "annotations" and index >= 0:
            fields = dict(as_object(value, place))
            listed = as_list(fields.pop("segmentations", None), f"{place}.segmentations")
            masks = [read_segmentation(s, f"{place}.segmentations[{i}]") for i, s in enumerate(listed)]
            entries.append((place, fields, masks))
        elif key in ("videos", "categories", "annotations") and value not in ([], None):
            raise FormatError(f"{path.name}: {key} is not a list.")
    if "videos" not in names:
        raise FormatError(f"{path.name}: has no list of videos.")
    warnings = [] if entries else [f"{path.name}: has no annotations; nothing can be found"]
    tracks: dict[int, list[ScoredTrack]] = {id_: [] for id_ in videos}
    for place, fields, masks in entries:
        track, video_id = _true_track(place, fields, masks, videos, categories)
        tracks[video_id].append(track)
        if track.id == 0:
            warnings.append(f"{place}: the id is 0, which the official scorer never counts as found")
    made = tuple(replace(video, tracks=tuple(tracks[id_])) for id_, video in videos.items())
    return ScoredFile(categories, made, tuple(warnings))


def read_results(path: Path, truth: ScoredFile) -> tuple[dict[int, tuple[ScoredTrack, ...]], list[str]]:
    """Results by video id; numbered from 1 in the order of the file."""
    videos = {video.id: video for video in truth.videos}
    tracks: dict[int, list[ScoredTrack]] = {id_: [] for id_ in videos}
    warnings: list[str] = []
    strange: dict[int, int] = {}
    empty = 0
    for number, (place, fields) in enumerate(result_entries(path), start=1):
        video_id = as_int(fields.get("video_id"), f"{place}.video_id")
        if video_id not in videos:
            raise FormatError(f"{place}: no video of the truth has the id {video_id}.")
        listed = as_list(fields.get("segmentations"), f"{place}.segmentations")
        category = as_int(fields.get("category_id"), f"{place}.category_id")
        try:
            score = as_number(fields.get("score"), f"{place}.score")
        except FormatError as error:
            warnings.append(f"{error.message.rstrip('.')}; the result was left out")
            continue
        if category not in truth.categories:
            strange[category] = strange.get(category, 0) + 1
        masks, odd = _result_masks(listed, videos[video_id], place)
        empty += sum(value is not None for value in listed) - len(masks)
        if odd:
            warnings.append(f"{place}: {odd} masks have another size than the video; they match nothing")
        tracks[video_id].append(ScoredTrack(number, category, masks, score, length=len(listed)))
    if empty:
        warnings.append(f"{empty} masks are empty: absent, where TrackEval would count false positives")
    for category, count in sorted(strange.items()):
        warnings.append(f"the truth has no category {category}: {count} results count for nothing")
    return {id_: tuple(found) for id_, found in tracks.items()}, warnings


def _video(fields: Mapping[str, Any], place: str) -> ScoredVideo:
    width, height = (as_int(fields.get(key), f"{place}.{key}") for key in ("width", "height"))
    try:
        check_image_size(height, width)
    except ValueError as error:
        raise FormatError(f"{place}: {error}.") from error
    files = as_list(fields.get("file_names", []), f"{place}.file_names")
    length = as_int(fields.get("length", len(files)), f"{place}.length")
    if not 0 <= length <= MOST_FRAMES:
        raise FormatError(f"{place}: a video cannot have {length} frames.")
    id_ = as_int(fields.get("id"), f"{place}.id")
    first = files[0] if files and isinstance(files[0], str) else ""
    return ScoredVideo(id_, first.rpartition("/")[0] or f"video {id_}", width, height, length)


def _true_track(
    place: str,
    fields: Mapping[str, Any],
    listed: list[Any],
    videos: Mapping[int, ScoredVideo],
    categories: Mapping[int, str],
) -> tuple[ScoredTrack, int]:
    """One annotation and the id of its video."""
    video_id = as_int(fields.get("video_id"), f"{place}.video_id")
    category = as_int(fields.get("category_id"), f"{place}.category_id")
    if video_id not in videos:
        raise FormatError(f"{place}: no video has the id {video_id}.")
    if category not in categories:
        raise FormatError(f"{place}: no category has the id {category}.")
    video = videos[video_id]
    if len(listed) != video.length:
        raise FormatError(f"{place}: {len(listed)} segmentations for a video of {video.length} frames.")
    shape = _exchange_video(video)
    masks = {
        frame: fit_to_video(mask, shape, f"{place}.segmentations[{frame}]")
        for frame, mask in enumerate(listed)
        if mask is not None
    }
    track = ScoredTrack(
        as_int(fields.get("id"), f"{place}.id"),
        category,
        {frame: mask for frame, mask in masks.items() if not mask.is_empty},
        is_crowd=fields.get("iscrowd") in (1, True),
        stated_area=_stated_area(fields.get("areas")),
    )
    return track, video_id


def _stated_area(areas: Any) -> float | None:
    """Mean of the areas that are there, as the official scorer takes it; None when the file states none."""
    if not isinstance(areas, list):
        return None
    stated = [a for a in areas if isinstance(a, int | float) and not isinstance(a, bool) and math.isfinite(a)]
    stated = [a for a in stated if a]
    return float(sum(stated) / len(stated)) if stated else None


def _result_masks(listed: list[Any], video: ScoredVideo, place: str) -> tuple[dict[int, Mask], int]:
    """Masks by frame, and how many of them have another size than the video."""
    shape = _exchange_video(video)
    masks: dict[int, Mask] = {}
    odd = 0
    for frame, value in enumerate(listed):
        where = f"{place}.segmentations[{frame}]"
        mask = read_segmentation(value, where)
        if isinstance(mask, list):
            mask = fit_to_video(mask, shape, where)
        if mask is not None and not mask.is_empty:
            masks[frame] = mask
            odd += (mask.height, mask.width) != (video.height, video.width)
    return masks, odd


def _exchange_video(video: ScoredVideo) -> ExchangeVideo:
    return ExchangeVideo(video.id, video.name, video.width, video.height, video.length, ())


def _is_results(path: Path) -> bool:
    """True for a zip and for a JSON list."""
    if path.suffix.lower() == ".zip":
        return True
    with path.open("rb") as file:
        start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    return not start.startswith(b"{")


def _read_true(path: Path) -> ScoredFile:
    return _read_project(path) if is_project(path) else read_truth(path)


def _read_project(path: Path) -> ScoredFile:
    from stmask_core.formats.project_file import ProjectFile

    with ProjectFile.open(path, read_only=True) as file:
        return scored_exchange(document_exchange(file.document))


def _read_annotations(path: Path) -> ScoredFile:
    from stmask_core.formats.ytvis_exchange import read_ytvis

    return scored_exchange(read_ytvis(path))


def scored_exchange(exchange: Exchange) -> ScoredFile:
    """Any annotations in the neutral shape."""
    videos = tuple(
        ScoredVideo(v.id, v.name, v.width, v.height, v.length, tuple(scored_track(t) for t in v.tracks))
        for v in exchange.videos
    )
    return ScoredFile(_names(exchange.categories), videos, exchange.warnings)


def scored_track(track: ExchangeTrack) -> ScoredTrack:
    """One track of the neutral shape."""
    masks = {o.frame: o.mask for o in track.observations if not o.mask.is_empty}
    return ScoredTrack(track.id, track.category_id, masks, mean_score(track), track.is_crowd)


def _names(categories: Iterable[ExchangeCategory]) -> dict[int, str]:
    return {category.id: category.name for category in categories}


def _paired(true: ScoredFile, named: ScoredFile, ignore_categories: bool) -> Comparison:
    """Videos by their names, or the only one with the only one; categories by their names."""
    warnings = [*true.warnings, *named.warnings]
    numbers = {plain_name(name): id_ for id_, name in true.categories.items()}
    meant = {id_: numbers.get(plain_name(name), -1 - id_) for id_, name in named.categories.items()}
    unknown = [named.categories[id_] for id_, number in meant.items() if number < 0]
    used = {named.categories[t.category_id] for v in named.videos for t in v.tracks}
    if used & set(unknown) and not ignore_categories:
        listed = ", ".join(sorted(used & set(unknown)))
        warnings.append(f"the truth has no category {listed}: those tracks count for nothing")
    clips = []
    for video, other in _pairs(true.videos, named.videos):
        if (video.width, video.height, video.length) != (other.width, other.height, other.length):
            warnings.append(
                f"{other.name}: {other.width} x {other.height}, {other.length} frames; the truth has"
                f" {video.width} x {video.height}, {video.length} frames"
            )
        tracks = tuple(replace(t, category_id=meant[t.category_id]) for t in other.tracks)
        clips.append(Clip(video.id, video.name, video.length, video.tracks, tracks))
    if len(clips) < len(true.videos):
        warnings.append(f"compared {len(clips)} of {len(true.videos)} videos of the truth")
    return Comparison(true.categories, tuple(clips), tuple(warnings))


def _pairs(
    true: tuple[ScoredVideo, ...], named: tuple[ScoredVideo, ...]
) -> Iterator[tuple[ScoredVideo, ScoredVideo]]:
    if len(true) == len(named) == 1:
        yield true[0], named[0]
        return
    by_name: dict[str, ScoredVideo] = {}
    for video in true:
        by_name.setdefault(Path(video.name).stem, video)
    for other in named:
        if Path(other.name).stem not in by_name:
            raise FormatError(f"The truth has no video called {other.name!r}.")
        yield by_name[Path(other.name).stem], other
