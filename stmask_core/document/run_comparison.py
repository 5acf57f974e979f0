"""Two model runs over one video, held against each other: where they agree, and where identities part.

Only masks that are in the project can be compared. A later run replaces the predictions of an earlier one
unless it was run *beside* it, so compare runs made that way.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from stmask_core.document.document import Document
from stmask_core.document.queries import the_run
from stmask_core.document.records import ModelRun, RunId, TrackId
from stmask_core.errors import DocumentError
from stmask_core.structures.masks import Mask, iou

SAME_OBJECT_IOU = 0.5


@dataclass(frozen=True, slots=True)
class ComparedFrame:
    """One frame. both: pairs of one object (IoU of at least 0.5), as (first's track, second's track).

    only_first, only_second: tracks without a partner. mean_iou: of the pairs, None without any.
    """

    frame: int
    both: tuple[tuple[TrackId, TrackId], ...]
    only_first: tuple[TrackId, ...]
    only_second: tuple[TrackId, ...]
    mean_iou: float | None


@dataclass(frozen=True, slots=True)
class Parting:
    """Where a track of the first run has another partner (now) than when it last had one (before)."""

    frame: int
    track: TrackId
    before: TrackId
    now: TrackId


@dataclass(frozen=True, slots=True)
class RunComparison:
    """frames: those in which either run has a mask, ascending. partners: frames that two tracks share."""

    first: RunId
    second: RunId
    frames: tuple[ComparedFrame, ...]
    partners: dict[tuple[TrackId, TrackId], int]
    partings: tuple[Parting, ...]

    @property
    def agreement(self) -> float:
        """Share of all objects, frame by frame, that both runs have; 1 when neither has any."""
        both = sum(len(frame.both) for frame in self.frames)
        alone = sum(len(frame.only_first) + len(frame.only_second) for frame in self.frames)
        return both / (both + alone) if both + alone else 1.0

    def worst_first(self) -> list[ComparedFrame]:
        """The frames, those with most objects without a partner first, then those with the least overlap."""
        return sorted(
            self.frames,
            key=lambda frame: (
                -len(frame.only_first) - len(frame.only_second),
                1.0 if frame.mean_iou is None else frame.mean_iou,
                frame.frame,
            ),
        )


def compare_runs(document: Document, first: RunId, second: RunId) -> RunComparison:
    """Hold two runs of one video against each other; reads every mask of both once.

    Raises DocumentError for runs of two videos, and when nothing of a run is left in the project.
    """
    a, b = the_run(document, first), the_run(document, second)
    if a.video != b.video or first == second:
        raise DocumentError("Choose two different runs of one video.")
    of_first, of_second = _tracks_by_frame(document, a), _tracks_by_frame(document, b)
    frames: list[ComparedFrame] = []
    partners: Counter[tuple[TrackId, TrackId]] = Counter()
    partings: list[Parting] = []
    last: dict[TrackId, TrackId] = {}
    for frame in sorted(of_first.keys() | of_second.keys()):
        compared = _compare_frame(
            frame,
            _masks(document, frame, of_first.get(frame, [])),
            _masks(document, frame, of_second.get(frame, [])),
        )
        partners.update(compared.both)
        for mine, theirs in compared.both:
            if last.get(mine, theirs) != theirs:
                partings.append(Parting(frame, mine, last[mine], theirs))
        last.update(compared.both)
        frames.append(compared)
    return RunComparison(first, second, tuple(frames), dict(partners), tuple(partings))


def _tracks_by_frame(document: Document, run: ModelRun) -> dict[int, list[TrackId]]:
    """frame -> tracks whose mask there is the run's."""
    found: dict[int, list[TrackId]] = {}
    for track in sorted({track for _, track in run.tracks}):
        columns = document.annotations.columns(track)
        for frame in columns.frames[columns.runs == run.id].tolist():
            found.setdefault(frame, []).append(track)
    if not found:
        raise DocumentError(
            f"No mask of model run {run.id} is left in the project.",
            "Run the second model beside the first, so that both stay.",
        )
    return found


def _masks(document: Document, frame: int, tracks: list[TrackId]) -> dict[TrackId, Mask]:
    found = ((track, document.annotation(track, frame)) for track in tracks)
    return {track: annotation.mask for track, annotation in found if annotation is not None}


def _compare_frame(frame: int, first: dict[TrackId, Mask], second: dict[TrackId, Mask]) -> ComparedFrame:
    """Pair the masks of a frame, best overlap first."""
    pairs = [(iou(mine, theirs), a, b) for a, mine in first.items() for b, theirs in second.items()]
    both: dict[TrackId, TrackId] = {}
    overlaps: list[float] = []
    for overlap, a, b in sorted(pairs, reverse=True):
        if overlap < SAME_OBJECT_IOU:
            break
        if a not in both and b not in both.values():
            both[a] = b
            overlaps.append(overlap)
    return ComparedFrame(
        frame,
        tuple(sorted(both.items())),
        tuple(track for track in first if track not in both),
        tuple(track for track in second if track not in both.values()),
        sum(overlaps) / len(overlaps) if overlaps else None,
    )
