"""A project as something to review: its tracks, what the runs knew of them, and what the pictures show.

The door between the document and ``review``, beside ``pre_label``. Frames go by one at a time; the masks
stay, as run lengths, the pictures do not.

    observer = ProjectObserver(document, video)
    for frame in observer.watch(source):
        ...
    clip = observer.clip()
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stmask_core.document.document import Document
from stmask_core.document.queries import category_of, the_video, tracks_of_video
from stmask_core.document.records import MaskAnnotation, ModelRun, RunId, TrackId, VideoId
from stmask_core.errors import FormatError, VideoError
from stmask_core.model.config import CONFIGS, PRESETS
from stmask_core.review import pixels
from stmask_core.review.observations import (
    LOST,
    NOTHING,
    UNKNOWN,
    Known,
    ObservedClip,
    ScoreWeights,
    TrackNotes,
    what_was_known,
)
from stmask_core.review.report import RunFacts, Source
from stmask_core.structures.evidence import FrameEvidence, evidence_from_bytes
from stmask_core.structures.letterbox import letterboxed, squashed
from stmask_core.structures.masks import Mask

Picture = NDArray[np.uint8]


class ProjectObserver:
    """Gathers one video of a document frame by frame. unreadable: frames whose evidence is damaged."""

    def __init__(self, document: Document, video: VideoId) -> None:
        self._document = document
        self._video = the_video(document, video)
        self._tracks = {
            track.id: TrackNotes(track.id, track.name or category_of(document, track.id).name, track.category)
            for track in tracks_of_video(document, video)
        }
        self._runs = {run: _Run(document, record) for run, record in document.runs.of_video(video).items()}
        self._there = _by_frame(document, self._tracks)
        self._change = np.full(self._video.frame_count, UNKNOWN)
        self._histogram: NDArray[np.float64] | None = None
        self._luma: NDArray[np.float32] | None = None
        self.unreadable: list[int] = []

    def watch(self, pictures: Iterable[Picture] | None = None) -> Iterator[int]:
        """Take every frame, yielding its number. pictures: of all frames in order, (H, W, 3) RGB, or none."""
        shown = itertools.repeat(None) if pictures is None else iter(pictures)
        for frame in range(self._video.frame_count):
            self.add(frame, next(shown, None))
            yield frame

    def add(self, frame: int, picture: Picture | None = None) -> None:
        """The next frame. Raises VideoError for a picture of another size than the video's."""
        luma = None if picture is None else self._looked_at(frame, picture)
        evidence: dict[RunId, FrameEvidence | None] = {}
        for track in self._there.get(frame, ()):
            annotation = self._document.annotation(track, frame)
            assert annotation is not None, "the index is of this document"
            known = NOTHING
            run = self._runs.get(annotation.run) if annotation.run is not None else None
            if run is not None and annotation.source in ("detected", "propagated"):
                if run.id not in evidence:
                    evidence[run.id] = self._evidence(run, frame)
                known = run.known(annotation, evidence[run.id])
            notes = self._tracks[track]
            notes.add(frame, annotation.mask, annotation.score, known)
            if luma is not None and not annotation.mask.is_empty:
                notes.sharpness[frame] = pixels.sharpness(luma, annotation.mask)
                if self._luma is not None and notes.frames[-2:-1] == [frame - 1]:
                    notes.ambiguity[frame] = pixels.ambiguity(self._luma, luma, notes.masks[-2])
        self._luma = luma

    def clip(self) -> ObservedClip:
        """What was gathered so far."""
        video = self._video
        latest = max(self._runs, default=None)
        return ObservedClip(
            name=video.name or video.path,
            size=(video.height, video.width),
            length=video.frame_count,
            tracks=tuple(notes.track() for notes in self._tracks.values()),
            frame_change=self._change,
            reach=(math.nan, math.nan)
            if latest is None
            else correlation_reach(self._runs[latest].settings, (video.height, video.width)),
        )

    def _looked_at(self, frame: int, picture: Picture) -> NDArray[np.float32]:
        if picture.shape[:2] != (self._video.height, self._video.width):
            raise VideoError(
                f"Frame {frame} of {self._video.name or self._video.path} is {picture.shape[1]} x"
                f" {picture.shape[0]}, the project says {self._video.width} x {self._video.height}.",
                "It is another video than the one annotated.",
            )
        luma = pixels.grey(picture)
        histogram = pixels.histogram(luma)
        if self._histogram is not None:
            self._change[frame] = pixels.histogram_change(self._histogram, histogram)
        self._histogram = histogram
        return luma

    def _evidence(self, run: _Run, frame: int) -> FrameEvidence | None:
        data = self._document.evidence(run.id, frame)
        if data is None:
            return None
        try:
            found = evidence_from_bytes(data)
        except FormatError:
            self.unreadable.append(frame)
            return None
        size = (self._video.height, self._video.width)
        if any((mask.height, mask.width) != size for mask in (*found.masks, *found.track_masks)):
            self.unreadable.append(frame)
            return None
        return found


class _Run:
    """One model run: whose numbers are whose, and how it weighed."""

    def __init__(self, document: Document, record: ModelRun) -> None:
        self.id = record.id
        self.settings = record.settings
        self._numbers: dict[TrackId, list[int]] = {}
        for number, track in record.tracks:
            self._numbers.setdefault(track, []).append(number)
        self._weights = score_weights(record.settings)
        ids = {category.name.casefold(): int(id_) for id_, category in document.categories.items()}
        names = record.settings.get("categories")
        self._categories = {
            number: ids.get(str(name).casefold())
            for number, name in enumerate(names if isinstance(names, list | tuple) else (), start=1)
        }

    def known(self, annotation: MaskAnnotation, evidence: FrameEvidence | None) -> Known:
        """What the run knew of an annotation that it made; its category as the project numbers it."""
        number = None if evidence is None else self._number(annotation, evidence)
        if evidence is None or number is None:
            return NOTHING
        known = what_was_known(evidence, number, self._weights)
        category = None if known.category is None else self._categories.get(known.category)
        return replace(known, category=category)

    def _number(self, annotation: MaskAnnotation, evidence: FrameEvidence) -> int | None:
        """The run's own name of the object, by its mask: a person may have moved it to another track."""
        same = set(_numbers_of_mask(annotation.mask, evidence))
        own = [number for number in self._numbers.get(annotation.track, ()) if number in same]
        return next(iter(own or sorted(same)), None)


def _numbers_of_mask(mask: Mask, evidence: FrameEvidence) -> Iterator[int]:
    rows = zip(evidence.wanted.tolist(), evidence.outcomes.tolist(), evidence.masks, strict=True)
    for number, outcome, detected in rows:
        if outcome != LOST and detected == mask:
            yield number
    for number, carried in zip(evidence.track_ids.tolist(), evidence.track_masks, strict=True):
        if carried == mask:
            yield number


def _by_frame(document: Document, tracks: Iterable[TrackId]) -> dict[int, list[TrackId]]:
    """frame -> tracks that are there, by id."""
    found: dict[int, list[TrackId]] = {}
    for track in tracks:
        columns = document.annotations.columns(track)
        for frame in columns.frames[~columns.outside].tolist():
            found.setdefault(frame, []).append(track)
    return found


def where_from(document: Document, video: VideoId, project: str) -> Source:
    """What a failure report says of the video, its runs and this program. project: name of the file."""
    record = the_video(document, video)
    runs = sorted(document.runs.of_video(video).items())
    try:
        own_version = version("stmask-annotator")
    except PackageNotFoundError:
        own_version = "(not installed)"
    return Source(
        project=project,
        video=record.name or record.path,
        fingerprint=record.fingerprint,
        version=own_version,
        written=datetime.now(UTC).isoformat(timespec="seconds"),
        runs=tuple(
            RunFacts(r.weights, r.checksum, r.started, f"{r.first} to {r.last}", r.settings) for _, r in runs
        ),
    )


def score_weights(settings: Mapping[str, Any]) -> ScoreWeights:
    """How a run weighed its score terms, from its record; the released weights where it does not say."""
    said = settings.get("association")
    fields = said if isinstance(said, Mapping) else {}
    usual = ScoreWeights()
    return ScoreWeights(
        similarity="cosine" if fields.get("similarity") == "cosine" else "half_cosine",
        mask_weight=_as_number(fields.get("mask_weight"), usual.mask_weight),
        box_weight=_as_number(fields.get("box_weight"), usual.box_weight),
    )


def correlation_reach(settings: Mapping[str, Any], size: tuple[int, int]) -> tuple[float, float]:
    """(x, y) image pixels from a cell's centre to the last cell that the correlation compares it with.

    size: (height, width) of the video. NaN when the run notes too little and its network has no known name.
    """
    network = settings.get("network")
    config = {**CONFIGS, **PRESETS}.get(network) if isinstance(network, str) else None
    reach = _as_number(settings.get("correlation_reach"), config.correlation_reach if config else math.nan)
    noted = settings.get("input_size")
    noted = noted if isinstance(noted, list | tuple) and len(noted) == 2 else (0, 0)
    if min(_as_number(side, 0) for side in noted) >= 1:
        sides = (int(noted[0]), int(noted[1]))
    elif config is not None:
        sides = config.input_size
    else:
        return math.nan, math.nan
    fit = letterboxed if settings.get("resize") == "letterbox" else squashed
    layout = fit(size, sides)
    return reach * size[1] / layout.resized[1], reach * size[0] / layout.resized[0]


def _as_number(value: object, otherwise: float) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if good else otherwise  # type: ignore[arg-type]
