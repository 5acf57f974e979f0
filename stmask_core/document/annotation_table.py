"""All mask annotations without their pixels: sorted columns per track, so that a million stay small.

A ``Row`` is one annotation whose mask is only a number (of a ``MaskBody`` in the store). Rows are what edits
record and move; ``MaskAnnotation`` is made from a row when somebody looks at it.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stmask_core.document.records import (
    HUMAN_SOURCES,
    OCCLUSIONS,
    SOURCES,
    MaskAnnotation,
    MaskBody,
    RunId,
    TrackId,
)

LOCKED, ACCEPTED, OUTSIDE = 1, 2, 4
OCCLUSION_SHIFT = 3  # two bits
KNOWN_FLAGS = LOCKED | ACCEPTED | OUTSIDE | 3 << OCCLUSION_SHIFT
HUMAN_SOURCE_CODES = tuple(SOURCES.index(source) for source in HUMAN_SOURCES)


class Row(NamedTuple):
    """One annotation without its pixels. body: number of its MaskBody. source: index in SOURCES.

    run: 0 for none. area: pixels inside the mask.
    """

    body: int
    source: int
    flags: int
    score: float | None
    run: int
    area: int

    @property
    def is_human(self) -> bool:
        """True when a person made, confirmed or locked it."""
        return self.source in HUMAN_SOURCE_CODES or bool(self.flags & (LOCKED | ACCEPTED))

    @property
    def is_locked(self) -> bool:
        """True when this one mask is locked."""
        return bool(self.flags & LOCKED)

    @property
    def is_outside(self) -> bool:
        """True when a person said that the object is not in the frame."""
        return bool(self.flags & OUTSIDE)

    @property
    def is_prediction(self) -> bool:
        """True when a model run made it and nobody confirmed it: another run may replace it."""
        return bool(self.run) and not self.is_human


def row_of(annotation: MaskAnnotation, body: int) -> Row:
    """The light part of an annotation whose heavy part is stored under ``body``."""
    flags = (
        LOCKED * annotation.locked
        | ACCEPTED * annotation.accepted
        | OUTSIDE * annotation.outside
        | OCCLUSIONS.index(annotation.occlusion) << OCCLUSION_SHIFT
    )
    source = SOURCES.index(annotation.source)
    return Row(body, source, flags, annotation.score, annotation.run or 0, annotation.mask.area)


def run_of(row: Row) -> RunId | None:
    """The model run that made a row."""
    return RunId(row.run) if row.run else None


def annotation_of(track: TrackId, frame: int, row: Row, body: MaskBody) -> MaskAnnotation:
    """A row and its heavy part as one annotation."""
    return MaskAnnotation(
        track=track,
        frame=frame,
        mask=body.mask,
        source=SOURCES[row.source],
        score=row.score,
        box=body.box,
        locked=bool(row.flags & LOCKED),
        accepted=bool(row.flags & ACCEPTED),
        outside=bool(row.flags & OUTSIDE),
        occlusion=OCCLUSIONS[row.flags >> OCCLUSION_SHIFT & 3],
        run=run_of(row),
        extra=body.extra,
    )


@dataclass(frozen=True, eq=False)
class Columns:
    """One track's annotations as parallel arrays in order of frames; a snapshot, free to keep.

    sources: indexes in SOURCES. flags: LOCKED, ACCEPTED, OUTSIDE and the occlusion level from bit 3 on.
    scores: NaN where there is none. runs: 0 for none. areas: pixels.
    """

    frames: NDArray[np.int32]
    bodies: NDArray[np.int64]
    sources: NDArray[np.uint8]
    flags: NDArray[np.uint8]
    scores: NDArray[np.float64]
    runs: NDArray[np.int32]
    areas: NDArray[np.int32]

    @property
    def human(self) -> NDArray[np.bool_]:
        """Where a person made, confirmed or locked the mask."""
        return np.isin(self.sources, HUMAN_SOURCE_CODES) | ((self.flags & (LOCKED | ACCEPTED)) != 0)

    @property
    def outside(self) -> NDArray[np.bool_]:
        """Where a person said the object is not in the frame."""
        return (self.flags & OUTSIDE) != 0

    @property
    def occlusions(self) -> NDArray[np.uint8]:
        """Index in OCCLUSIONS per frame."""
        return ((self.flags >> OCCLUSION_SHIFT) & 3).astype(np.uint8)

    def part(self, start: int, stop: int) -> Columns:
        """The rows start..stop - 1."""
        return Columns(
            self.frames[start:stop],
            self.bodies[start:stop],
            self.sources[start:stop],
            self.flags[start:stop],
            self.scores[start:stop],
            self.runs[start:stop],
            self.areas[start:stop],
        )


class TrackColumns:
    """The growing columns of one track; ``frames`` is ascending and unique."""

    __slots__ = ("areas", "bodies", "flags", "frames", "runs", "scores", "sources")

    def __init__(self) -> None:
        self.frames = array("i")
        self.bodies = array("q")
        self.sources = array("B")
        self.flags = array("B")
        self.scores = array("d")
        self.runs = array("i")
        self.areas = array("i")

    def get(self, frame: int) -> Row | None:
        """The row at ``frame``."""
        at = bisect_left(self.frames, frame)
        if at == len(self.frames) or self.frames[at] != frame:
            return None
        score = self.scores[at]
        return Row(
            self.bodies[at],
            self.sources[at],
            self.flags[at],
            None if math.isnan(score) else score,
            self.runs[at],
            self.areas[at],
        )

    def between(self, first: int, last: int | None) -> list[tuple[int, Row]]:
        """(frame, row) within first..last (inclusive; None: to the end), ascending."""
        stop = len(self.frames) if last is None else bisect_left(self.frames, last + 1)
        part = slice(bisect_left(self.frames, first), stop)
        scores = (None if math.isnan(score) else score for score in self.scores[part])
        values = (self.bodies[part], self.sources[part], self.flags[part], scores, self.runs[part])
        rows = map(Row, *values, self.areas[part])
        return list(zip(self.frames[part], rows, strict=True))

    def has(self, frame: int) -> bool:
        """True when there is a row at ``frame``; two comparisons decide for most tracks."""
        frames = self.frames
        if not frames or frame < frames[0] or frame > frames[-1]:
            return False
        return frames[bisect_left(frames, frame)] == frame

    def set(self, frame: int, row: Row | None) -> None:
        """Put or remove the row at ``frame``."""
        at = bisect_left(self.frames, frame)
        exists = at < len(self.frames) and self.frames[at] == frame
        if row is None:
            if exists:
                for column in self._all():
                    column.pop(at)
            return
        if not exists:
            self.frames.insert(at, frame)
            for column in self._all()[1:]:
                column.insert(at, 0)
        self.bodies[at], self.sources[at], self.flags[at], score, self.runs[at], self.areas[at] = row
        self.scores[at] = math.nan if score is None else score

    def snapshot(self) -> Columns:
        """A copy as numpy arrays."""
        return Columns(
            *(
                np.frombuffer(column, column.typecode).copy() if column else np.zeros(0, column.typecode)
                for column in self._all()
            )
        )

    def _all(self) -> tuple[array, ...]:
        return self.frames, self.bodies, self.sources, self.flags, self.scores, self.runs, self.areas


class AnnotationTable:
    """track -> its columns. Reading is free to all; only the document writes."""

    def __init__(self) -> None:
        self._tracks: dict[TrackId, TrackColumns] = {}

    def row(self, track: TrackId, frame: int) -> Row | None:
        """The annotation of a track in a frame, without its pixels."""
        columns = self._tracks.get(track)
        return columns.get(frame) if columns is not None else None

    def has(self, track: TrackId, frame: int) -> bool:
        """True when the track has an annotation in the frame."""
        columns = self._tracks.get(track)
        return columns is not None and columns.has(frame)

    def columns(self, track: TrackId) -> Columns:
        """A snapshot of one track's annotations."""
        return self._tracks.get(track, _NO_COLUMNS).snapshot()

    def frames(self, track: TrackId, first: int = 0, last: int | None = None) -> list[int]:
        """Frames of a track within first..last (inclusive; None: to the end), ascending."""
        frames = self._tracks.get(track, _NO_COLUMNS).frames
        stop = len(frames) if last is None else bisect_left(frames, last + 1)
        return frames[bisect_left(frames, first) : stop].tolist()

    def rows(self, track: TrackId, first: int = 0, last: int | None = None) -> list[tuple[int, Row]]:
        """(frame, row) of a track within first..last (inclusive; None: to the end), ascending."""
        return self._tracks.get(track, _NO_COLUMNS).between(first, last)

    def count(self, track: TrackId) -> int:
        """Number of annotations of a track."""
        return len(self._tracks.get(track, _NO_COLUMNS).frames)

    def extent(self, track: TrackId) -> tuple[int, int] | None:
        """(first, last) frame of a track; None without any."""
        frames = self._tracks.get(track, _NO_COLUMNS).frames
        return (frames[0], frames[-1]) if frames else None

    def __len__(self) -> int:
        return sum(len(columns.frames) for columns in self._tracks.values())

    def __iter__(self) -> Iterator[TrackId]:
        """Tracks that have annotations."""
        return (track for track, columns in self._tracks.items() if columns.frames)

    def write(self, track: TrackId, frame: int, row: Row | None) -> None:
        """Put or remove one row. For the document only."""
        columns = self._tracks.get(track)
        if columns is None:
            columns = self._tracks.setdefault(track, TrackColumns())
        columns.set(frame, row)

    def load(self, track: TrackId, columns: Columns) -> None:
        """Append a stretch of rows that lies behind what the track has. For the document only."""
        target = self._tracks.setdefault(track, TrackColumns())
        assert not target.frames or not len(columns.frames) or target.frames[-1] < columns.frames[0]
        for column, values in zip(
            target._all(),
            (
                columns.frames,
                columns.bodies,
                columns.sources,
                columns.flags,
                columns.scores,
                columns.runs,
                columns.areas,
            ),
            strict=True,
        ):
            column.frombytes(np.ascontiguousarray(values, column.typecode).tobytes())


_NO_COLUMNS = TrackColumns()
