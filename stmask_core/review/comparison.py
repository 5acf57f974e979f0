"""A clip held against its truth: what is right, wrong and missed in each frame, and where identities break.

Masks and identities are judged here whatever the categories say; a wrong category is an error of the whole
track and stands in ``breakdown``. The truth may be another project: one annotator against another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from stmask_core.evaluation.clips import Clip
from stmask_core.evaluation.matches import MATCH_IOU, ClipMatches, MatchEvent, match_frames
from stmask_core.evaluation.overlaps import FrameOverlap
from stmask_core.review.diagnostics.catalogue import DiagnosticTable
from stmask_core.review.risk import Bools
from stmask_core.structures.spans import Span, spans_of_frames

TruthKind = Literal["identity switch", "fragmentation", "missed", "false"]


@dataclass(frozen=True)
class TruthEvent:
    """An error, at the frame where it begins. frames: how many it concerns.

    truth: true track, None for a false mask. track: predicted track, None for a missed object.
    """

    frame: int
    kind: TruthKind
    frames: int
    truth: int | None
    track: int | None
    cause: str


@dataclass(frozen=True)
class FrameVerdict:
    """One frame: pairs of IoU 0.5 or more, predicted masks without a true one, true ones without a predicted.

    mean_iou: of the pairs; None without any.
    """

    frame: int
    right: int
    wrong: int
    missed: int
    identity_switches: int
    fragmentations: int
    mean_iou: float | None


@dataclass(frozen=True, eq=False)
class TruthComparison:
    """All of a clip."""

    matches: ClipMatches
    frames: tuple[FrameVerdict, ...]
    events: tuple[TruthEvent, ...]

    @cached_property
    def iou(self) -> Mapping[tuple[int, int], float]:
        """(frame, predicted track) -> IoU with its true track; 0 for a false one."""
        return self.matches.iou_of_predicted()

    def wrong_rows(self, table: DiagnosticTable) -> Bools:
        """(n,) which rows are errors: IoU below 0.5, or an identity switch in this frame.

        Frames that the truth says nothing about, behind its end, are not errors.
        """
        switched = {(e.frame, e.predicted) for e in self.matches.events if e.kind == "identity switch"}
        places = zip(table.frames.tolist(), table.tracks.tolist(), strict=True)
        end = len(self.frames)
        return np.array(
            [p[0] < end and (self.iou.get(p, 0.0) < MATCH_IOU or p in switched) for p in places], bool
        )


def compare(clip: Clip, overlaps: list[FrameOverlap] | None = None) -> TruthComparison:
    """Match a clip and list its errors, the longest first; of equal ones the earlier.

    overlaps: of the clip across categories, where they are known.
    """
    matches = match_frames(clip, across_categories=True, overlaps=overlaps)
    events = [*_missed(matches), *_false(matches), *_broken(matches)]
    events.sort(key=lambda e: (-e.frames, e.frame, e.kind, e.truth or 0, e.track or 0))
    return TruthComparison(matches, _verdicts(matches), tuple(events))


def _verdicts(matches: ClipMatches) -> tuple[FrameVerdict, ...]:
    broken: dict[tuple[int, str], int] = {}
    for event in matches.events:
        broken[event.frame, event.kind] = broken.get((event.frame, event.kind), 0) + 1
    return tuple(
        FrameVerdict(
            frame=f.frame,
            right=len(f.pairs),
            wrong=len(f.false),
            missed=len(f.missed),
            identity_switches=broken.get((f.frame, "identity switch"), 0),
            fragmentations=broken.get((f.frame, "fragmentation"), 0),
            mean_iou=float(f.ious.mean()) if len(f.ious) else None,
        )
        for f in matches.frames
    )


def _missed(matches: ClipMatches) -> Iterable[TruthEvent]:
    found = _spans((f.frame, int(id_)) for f in matches.frames for id_ in f.missed)
    for truth, start, stop in found:
        yield TruthEvent(start, "missed", stop - start, truth, None, _for(stop - start, "nothing covers it"))


def _false(matches: ClipMatches) -> Iterable[TruthEvent]:
    found = _spans((f.frame, int(id_)) for f in matches.frames for id_ in f.false)
    for track, start, stop in found:
        cause = _for(stop - start, "it covers no object that another mask does not cover better")
        yield TruthEvent(start, "false", stop - start, None, track, cause)


def _broken(matches: ClipMatches) -> Iterable[TruthEvent]:
    """Identity switches with how long the wrong one holds, fragmentations with how long it was lost."""
    found_in: dict[int, list[int]] = {}
    for f in matches.frames:
        for truth in f.pairs[:, 0].tolist():
            found_in.setdefault(truth, []).append(f.frame)
    switches: dict[int, list[int]] = {}
    for event in matches.events:
        if event.kind == "identity switch":
            switches.setdefault(event.truth, []).append(event.frame)
    for event in matches.events:
        frames = np.array(found_in[event.truth])
        if event.kind == "identity switch":
            later = [frame for frame in switches[event.truth] if frame > event.frame]
            end = later[0] if later else len(matches.frames)
            yield _event(event, int(((frames >= event.frame) & (frames < end)).sum()))
        else:
            before = frames[frames < event.frame]
            yield _event(event, event.frame - int(before[-1]) - 1)


def _event(event: MatchEvent, frames: int) -> TruthEvent:
    if event.kind == "identity switch":
        cause = f"it was track {event.before}, from here it is track {event.predicted}"
    else:
        cause = f"found again after {frames} {'frame' if frames == 1 else 'frames'}"
    return TruthEvent(event.frame, event.kind, frames, event.truth, event.predicted, cause)


def _spans(places: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int, int]]:
    """(frame, id) -> (id, start, stop) of unbroken runs of frames."""
    frames: dict[int, list[int]] = {}
    for frame, id_ in places:
        frames.setdefault(id_, []).append(frame)
    for id_, listed in frames.items():
        spans: list[Span] = spans_of_frames(np.array(listed))
        for start, stop in spans:
            yield id_, start, stop


def _for(frames: int, what: str) -> str:
    return what if frames == 1 else f"{what}, for {frames} frames"
