"""What kind of error each track is, and the AP gained by fixing only that kind.

The idea is TIDE's (Bolya et al. 2020, "TIDE: A General Toolbox for Identifying Object Detection Errors"),
with its thresholds, on tracks instead of boxes: IoU is over space and time. Added for video: *mask* (its
boxes are right, its pixels not), split off from localisation, and *identity* (its masks are right frame by
frame, but it is a piece of an object's life, or pieces of several). Gains do not add up to what AP lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from stmask_core.evaluation.average_precision import Precision, PrecisionTally
from stmask_core.evaluation.clips import Clip, ScoredTrack
from stmask_core.evaluation.matches import MATCH_IOU, ClipMatches, match_frames
from stmask_core.evaluation.overlaps import Floats, FrameOverlap, frame_overlaps, track_ious
from stmask_core.structures.masks import Mask, intersection_area

FOUND_IOU = 0.5
TOUCHED_IOU = 0.1
MOST_FIXED_ALONE = 200  # tracks of a clip whose own gain is told, best score first
Kind = Literal[
    "right", "localisation", "mask", "category", "both", "duplicate", "background", "identity", "missed"
]
ERRORS: tuple[Kind, ...] = (
    "localisation", "mask", "category", "both", "duplicate", "background", "identity", "missed",
)  # fmt: skip


@dataclass(frozen=True)
class TrackVerdict:
    """One predicted track, or a true one that is missed.

    truth: the true track it finds or fails at; None when there is none ("background"). iou: with that one, of
    background the greatest there is; None for a missed one. AP_gain: what fixing this track alone would add;
    None for a right one, where AP is undefined, and behind the first 200 errors.
    """

    kind: Kind
    track: int | None
    truth: int | None
    iou: float | None
    score: float | None
    AP_gain: float | None = None


@dataclass(frozen=True)
class Gain:
    """What fixing one kind of error alone would add; None where AP is undefined."""

    count: int
    AP: float | None
    AP50: float | None


@dataclass(frozen=True)
class Breakdown:
    """verdicts: predicted tracks, best score first, then the missed true ones. gains: by kind of error."""

    AP: float | None
    AP50: float | None
    verdicts: tuple[TrackVerdict, ...]
    gains: dict[Kind, Gain]


def break_down(clip: Clip, overlaps: Sequence[FrameOverlap] | None = None) -> Breakdown:
    """Judge every track of a clip. overlaps: of the clip across categories, where they are known.

    True crowds are left out, and predicted tracks that find one.
    """
    known = frame_overlaps(clip, across_categories=True) if overlaps is None else overlaps
    judge = _Judge(clip, track_ious(clip, known), match_frames(clip, across_categories=True, overlaps=known))
    verdicts = judge.verdicts()
    now = judge.precision(clip, judge.ious)
    gains: dict[Kind, Gain] = {}
    for kind in ERRORS:
        count = sum(verdict.kind == kind for verdict in verdicts)
        better = judge.precision(*judge.fixed(kind, verdicts)) if count else now
        gains[kind] = Gain(count, _gain(better.AP, now.AP), _gain(better.AP50, now.AP50))
    right = [verdict for verdict in verdicts if verdict.kind == "right"]
    told = list(verdicts)
    wrong = [place for place, verdict in enumerate(verdicts) if verdict.kind != "right"]
    for place in wrong[:MOST_FIXED_ALONE]:
        better = judge.precision(*judge.fixed(told[place].kind, [*right, told[place]]))
        told[place] = replace(told[place], AP_gain=_gain(better.AP, now.AP))
    return Breakdown(now.AP, now.AP50, tuple(told), gains)


def _gain(better: float | None, now: float | None) -> float | None:
    return None if now is None else (1.0 if better is None else better) - now


class _Judge:
    """The tracks of one clip, and what is known of each pair. ious: (true, predicted)."""

    def __init__(self, clip: Clip, ious: Floats, matches: ClipMatches) -> None:
        self.clip, self.ious = clip, ious
        self._rows = {track.id: row for row, track in enumerate(clip.truth)}
        self._columns = {track.id: column for column, track in enumerate(clip.predicted)}
        self._best_first = sorted(range(len(clip.predicted)), key=lambda c: -clip.predicted[c].score)
        kinds = [np.array([t.category_id for t in side]) for side in (clip.truth, clip.predicted)]
        self._alike = kinds[0][:, None] == kinds[1][None]
        self._crowd = np.array([t.is_crowd for t in clip.truth], bool)
        self._matched_frames = self._count(matches)
        self._merged = self._put_together(matches)
        self._pieced: set[int] = set()  # true rows that a verdict says are in pieces

    def _count(self, matches: ClipMatches) -> Floats:
        """(true, predicted) frames in which they match."""
        counts = np.zeros(self.ious.shape)
        for frame in matches.frames:
            for true, predicted in frame.pairs.tolist():
                counts[self._rows[true], self._columns[predicted]] += 1
        return counts

    def _put_together(self, matches: ClipMatches) -> dict[int, dict[int, Mask]]:
        """For each true row the masks that match it, of whatever predicted track of its category."""
        found: dict[int, dict[int, Mask]] = {}
        for frame in matches.frames:
            for true, predicted in frame.pairs.tolist():
                row, column = self._rows[true], self._columns[predicted]
                if self._alike[row, column]:
                    mask = self.clip.predicted[column].masks[frame.frame]
                    found.setdefault(row, {})[frame.frame] = mask
        return found

    def verdicts(self) -> tuple[TrackVerdict, ...]:
        """See ``Breakdown``."""
        taken: dict[int, int] = {}  # true row -> the predicted column that finds it
        for column in self._best_first:
            free = self._alike[:, column] & ~self._crowd & (self.ious[:, column] >= FOUND_IOU)
            free[list(taken)] = False
            if free.any():
                taken[int(np.where(free, self.ious[:, column], -1).argmax())] = column
        finders = {column: row for row, column in taken.items()}
        found = []
        for column in self._best_first:
            if column in finders:
                found.append(self._verdict("right", column, finders[column]))
            elif not (self.ious[self._crowd, column] >= FOUND_IOU).any():
                found.append(self._error(column))
        touched = {v.truth for v in found if v.kind in ("localisation", "mask", "category", "identity")}
        for row, true in enumerate(self.clip.truth):
            if row not in taken and true.id not in touched and not true.is_crowd:
                found.append(TrackVerdict("missed", None, true.id, None, None))
        return tuple(found)

    def _error(self, column: int) -> TrackVerdict:
        """What is wrong with a predicted track that finds nothing."""
        own = np.where(self._alike[:, column] & ~self._crowd, self.ious[:, column], 0.0)
        other = np.where(~self._alike[:, column] & ~self._crowd, self.ious[:, column], 0.0)
        best, best_other = float(own.max(initial=0)), float(other.max(initial=0))
        if best >= FOUND_IOU:
            return self._verdict("duplicate", column, int(own.argmax()))
        if best_other >= FOUND_IOU:
            return self._verdict("category", column, int(other.argmax()))
        piece_of = self._piece_of(column)
        if piece_of is not None:
            return self._verdict("identity", column, piece_of)
        if best >= TOUCHED_IOU:
            row = int(own.argmax())
            boxes = box_iou(self.clip.truth[row], self.clip.predicted[column])
            return self._verdict("mask" if boxes >= FOUND_IOU else "localisation", column, row)
        if best_other >= TOUCHED_IOU:
            return self._verdict("both", column, int(other.argmax()))
        return self._verdict("background", column, None)

    def _piece_of(self, column: int) -> int | None:
        """The true row whose identity is broken here: put together, the masks that match it would find it.

        Of several, one that no other track is a piece of yet, so that both halves of a swap get their own.
        """
        counts = np.where(self._alike[:, column] & ~self._crowd, self._matched_frames[:, column], 0)
        if counts.sum() < MATCH_IOU * max(1, len(self.clip.predicted[column].masks)):
            return None
        whole = [r for r in np.flatnonzero(counts).tolist() if self._merged_iou(r) >= FOUND_IOU]
        if not whole:
            return None
        row = max(whole, key=lambda r: (r not in self._pieced, counts[r]))
        self._pieced.add(row)
        return row

    def _merged_iou(self, row: int) -> float:
        true, merged = self.clip.truth[row], self._merged.get(row, {})
        common = sum(intersection_area(true.masks[frame], mask) for frame, mask in merged.items())
        either = sum(true.areas.values()) + sum(mask.area for mask in merged.values()) - common
        return common / max(either, 1)

    def _verdict(self, kind: Kind, column: int, row: int | None) -> TrackVerdict:
        track = self.clip.predicted[column]
        if row is None:
            return TrackVerdict(kind, track.id, None, float(self.ious[:, column].max(initial=0)), track.score)
        return TrackVerdict(
            kind, track.id, self.clip.truth[row].id, float(self.ious[row, column]), track.score
        )

    def fixed(self, kind: Kind, verdicts: Sequence[TrackVerdict]) -> tuple[Clip, Floats]:
        """The clip as it would be without one kind of error, and its IoUs.

        A track fixed onto an object that is found already goes: it would be a duplicate.
        """
        wrong = [verdict for verdict in verdicts if verdict.kind == kind]
        if kind == "missed":
            gone = {verdict.truth for verdict in wrong}
            kept = [row for row, true in enumerate(self.clip.truth) if true.id not in gone]
            return replace(self.clip, truth=tuple(self.clip.truth[r] for r in kept)), self.ious[kept]
        ious = self.ious.copy()
        predicted: list[ScoredTrack | None] = list(self.clip.predicted)
        found = {self._rows[v.truth]: self._columns[v.track] for v in verdicts if v.kind == "right"}  # type: ignore[index]
        for verdict in wrong:
            assert verdict.track is not None, "only missed ones have none"
            column = self._columns[verdict.track]
            row = None if verdict.truth is None else self._rows[verdict.truth]
            keeper = None if row is None else found.setdefault(row, column)
            if kind == "identity" and row is not None:
                ious[:, keeper] = 0
                ious[row, keeper] = self._merged_iou(row)
            if row is None or keeper != column or kind == "both":
                predicted[column] = None
            elif kind == "category":
                category = self.clip.truth[row].category_id
                predicted[column] = replace(self.clip.predicted[column], category_id=category)
            elif kind in ("localisation", "mask"):
                ious[:, column] = 0
                ious[row, column] = 1
        columns = [column for column, track in enumerate(predicted) if track is not None]
        left = tuple(track for track in predicted if track is not None)
        return replace(self.clip, predicted=left), ious[:, columns]

    def precision(self, clip: Clip, ious: Floats) -> Precision:
        """AP over the categories of the truth."""
        tally = PrecisionTally()
        tally.add(clip, ious)
        return tally.summary({track.category_id: "" for track in clip.truth})


def box_iou(true: ScoredTrack, predicted: ScoredTrack) -> float:
    """IoU over space and time of the tracks' boxes: sum of intersections over sum of unions."""
    common = either = 0
    for frame in true.masks.keys() | predicted.masks.keys():
        boxes = [t.masks[frame].box for t in (true, predicted) if frame in t.masks]
        areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in boxes if box is not None]
        shared = 0
        if len(boxes) == 2 and boxes[0] is not None and boxes[1] is not None:
            a, b = boxes[0], boxes[1]
            shared = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
        common += shared
        either += sum(areas) - shared
    return common / max(either, 1)
