"""YouTube-VIS results: a list of scored tracks, without videos and without category names.

Those come from the annotation file that the results belong to, or from the user. Written as the evaluation
servers want it: compressed run lengths as text, null where the object is absent, one score per track.
"""

from __future__ import annotations

import json
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stmask_core.errors import FormatError
from stmask_core.formats.atomic import atomic_write
from stmask_core.formats.exchange import (
    Exchange,
    ExchangeCategory,
    ExchangeTrack,
    ExchangeVideo,
    Observation,
    mean_score,
)
from stmask_core.formats.json_reading import (
    as_int,
    as_list,
    as_number,
    as_object,
    read_text,
    rest_of,
    stream_json,
)
from stmask_core.formats.label_names import name_of_label
from stmask_core.formats.reports import WriteReport
from stmask_core.formats.ytvis_exchange import fit_to_video, read_segmentation
from stmask_core.structures.masks import Mask

KNOWN = frozenset(("video_id", "score", "category_id", "segmentations", "areas", "bboxes"))
IN_ZIP = "results.json"
ZIP_ERRORS = (  # what zipfile and its decompressors raise on damaged archives
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError),
    *(EOFError, ValueError, OSError),
)
MOST_SQUEEZED = 100  # results shrink to about a quarter; a hundredth is a bomb


def write_ytvis_results(
    exchange: Exchange, path: str | os.PathLike[str], *, keep_empty: bool = False
) -> WriteReport:
    """Write a results list; a track's score is its own, else the mean of its frames' (1 without any).

    keep_empty: write empty masks, as the authors' evaluation does, instead of null.
    """
    report = WriteReport(path=Path(path))
    with atomic_write(path) as file:
        file.write("[")
        separator = "\n"
        for video in exchange.videos:
            for track in video.tracks:
                file.write(separator + json.dumps(_result(video, track, keep_empty), allow_nan=False))
                separator = ",\n"
            report = report.with_video(video)
        file.write("\n]\n")
    return report


def _result(video: ExchangeVideo, track: ExchangeTrack, keep_empty: bool) -> dict[str, Any]:
    segmentations: list[Any] = [None] * video.length
    for observation in track.observations:
        if keep_empty or not observation.mask.is_empty:
            segmentations[observation.frame] = observation.mask.to_coco()
    return {
        "video_id": video.id,
        "score": mean_score(track),
        "category_id": track.category_id,
        "segmentations": segmentations,
    }


def read_ytvis_results(
    path: str | os.PathLike[str],
    dataset: Exchange | None = None,
    categories: Sequence[ExchangeCategory] = (),
    names: Mapping[str, str] | None = None,
) -> Exchange:
    """Read a results list, or a zip with ``results.json`` at its top.

    dataset: the annotation file the results belong to; says videos and categories. Without it the results
    must be of one video, whose length is the longest list and whose size is the masks'. categories: a list
    of categories by id, or names: category id (as text) or ``*`` -> name. A list shorter than its video ends
    early: the object counts as absent from there, with a warning. A result whose score is no number is left
    out, with a warning. Raises FormatError naming the entry for everything else.
    """
    path = Path(path)
    videos = {v.id: v for v in dataset.videos} if dataset else {}
    known = {c.id: c for c in (dataset.categories if dataset and not categories else categories)}
    listed = frozenset(known)
    tracks: dict[int, list[ExchangeTrack]] = {id_: [] for id_ in videos}
    warnings: list[str] = []
    number = 0
    for place, fields in result_entries(path):
        video_id = as_int(fields.get("video_id"), f"{place}.video_id")
        segmentations = as_list(fields.get("segmentations"), f"{place}.segmentations")
        if dataset is None:
            videos[video_id] = _grown(videos.get(video_id), video_id, path.stem, segmentations, place)
            tracks.setdefault(video_id, [])
        if video_id not in videos:
            raise FormatError(f"{place}: no video has the id {video_id}.")
        category_id = as_int(fields.get("category_id"), f"{place}.category_id")
        if category_id not in known:
            if category_id < 1 or listed:
                raise FormatError(
                    f"{place}: no category has the id {category_id}.",
                    "Do the results count classes from 0?" if category_id == 0 else "",
                )
            name = name_of_label(category_id, names or {}, where=f"{place}: the results")
            known[category_id] = ExchangeCategory(category_id, name)
        try:
            score = as_number(fields.get("score"), f"{place}.score")
        except FormatError as error:
            warnings.append(f"{error.message.rstrip('.')}; the result was left out")
            continue
        number += 1
        observations = tuple(_observations(segmentations, videos[video_id], place, warnings))
        track = ExchangeTrack(number, category_id, observations, score, extra=rest_of(fields, KNOWN))
        tracks[video_id].append(track)
    if dataset is None and len(videos) > 1:
        raise FormatError(
            f"{path.name}: holds results of {len(videos)} videos.",
            "Name the annotation file they belong to: --dataset FILE.",
        )
    made = tuple(replace(video, tracks=tuple(tracks[id_])) for id_, video in videos.items())
    return Exchange(tuple(known.values()), made, warnings=tuple(warnings))


def result_entries(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(place, fields) of every result."""
    for key, index, value in stream_json(_text_of(path), path.name):
        if key:
            hint = "Is it an annotation file? Then say --format ytvis."
            raise FormatError(f"{path.name}: not a list of results.", hint)
        if index >= 0:
            yield f"results[{index}]", as_object(value, f"results[{index}]")


def _text_of(path: Path) -> str:
    if path.suffix.lower() != ".zip":
        return read_text(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entry = archive.getinfo(IN_ZIP)
            if entry.file_size > MOST_SQUEEZED * max(entry.compress_size, 1024):
                raise FormatError(
                    f"{path.name}: {IN_ZIP} claims {entry.file_size} bytes, which is not believable."
                )
            with archive.open(entry) as file:
                return file.read(entry.file_size + 1).decode("utf-8-sig")
    except KeyError as error:
        raise FormatError(f"{path.name}: holds no {IN_ZIP} at its top.") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path.name}: {IN_ZIP} is not UTF-8 text.") from error
    except ZIP_ERRORS as error:
        raise FormatError(f"{path.name}: not a zip file that can be read ({error}).") from error


def _grown(
    video: ExchangeVideo | None, id_: int, name: str, segmentations: list[Any], place: str
) -> ExchangeVideo:
    """A video as far as results alone describe it: as long as the longest list, sized like the masks."""
    if video is None:
        for i, segmentation in enumerate(segmentations):
            if isinstance(segmentation, dict):
                try:
                    mask = Mask.from_coco(segmentation)
                except ValueError as error:
                    raise FormatError(f"{place}.segmentations[{i}]: {error}.") from error
                return ExchangeVideo(id_, name, mask.width, mask.height, len(segmentations), ())
        raise FormatError(
            f"{place}: no mask says how large video {id_} is.",
            "Name the annotation file the results belong to: --dataset FILE.",
        )
    return replace(video, length=max(video.length, len(segmentations)))


def _observations(
    segmentations: list[Any], video: ExchangeVideo, place: str, warnings: list[str]
) -> Iterator[Observation]:
    if len(segmentations) > video.length:
        raise FormatError(
            f"{place}: {len(segmentations)} segmentations for a video of {video.length} frames."
        )
    if len(segmentations) < video.length:
        warnings.append(f"{place}: ends after {len(segmentations)} of {video.length} frames")
    for frame, value in enumerate(segmentations):
        where = f"{place}.segmentations[{frame}]"
        segmentation = read_segmentation(value, where)
        if segmentation is not None:
            mask = fit_to_video(segmentation, video, where)
            if not mask.is_empty:
                yield Observation(frame, mask, source="imported")
