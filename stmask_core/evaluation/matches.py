"""Who matches whom, frame by frame: every hit and miss of one video, and where identities break.

The matching is CLEAR's (Bernardin and Stiefelhagen 2008) as TrackEval does it: in each frame pairs of IoU 0.5
or more, keeping the pairs of the frame before where possible, then with the greatest sum of IoU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stmask_core.evaluation.assignment import best_pairs
from stmask_core.evaluation.clips import Clip
from stmask_core.evaluation.overlaps import Floats, FrameOverlap, Ints, frame_overlaps

MATCH_IOU = 0.5
SMALLEST_GAIN = float(np.finfo(float).eps)
EventKind = Literal["identity switch", "fragmentation"]


@dataclass(frozen=True, eq=False)
class FrameMatches:
    """One frame. pairs: (k, 2) true and predicted track ids. ious: (k,). missed, false: ids left over."""

    frame: int
    pairs: Ints
    ious: Floats
    missed: Ints
    false: Ints


@dataclass(frozen=True, order=True)
class MatchEvent:
    """Where an identity breaks.

    "identity switch": the true track is now found by another predicted track (``before`` had it).
    "fragmentation": it is found again after frames in which it was lost.
    """

    frame: int
    truth: int
    predicted: int
    kind: EventKind
    before: int | None = None


@dataclass(frozen=True, eq=False)
class ClipMatches:
    """All frames of one clip, and its events in order of frames."""

    frames: tuple[FrameMatches, ...]
    events: tuple[MatchEvent, ...]

    @cached_property
    def counts(self) -> dict[str, int]:
        """Under TrackEval's names: CLR_TP, CLR_FP, CLR_FN, IDSW, Frag."""
        kinds = Counter(event.kind for event in self.events)
        return {
            "CLR_TP": sum(len(f.pairs) for f in self.frames),
            "CLR_FP": sum(len(f.false) for f in self.frames),
            "CLR_FN": sum(len(f.missed) for f in self.frames),
            "IDSW": kinds["identity switch"],
            "Frag": kinds["fragmentation"],
        }

    def iou_of_predicted(self) -> dict[tuple[int, int], float]:
        """(frame, predicted track) -> IoU with its true track; 0 for a false one."""
        found = {(f.frame, int(p)): 0.0 for f in self.frames for p in f.false}
        for f in self.frames:
            found |= {(f.frame, int(p)): float(v) for (_, p), v in zip(f.pairs, f.ious, strict=True)}
        return found


def match_frames(
    clip: Clip, *, across_categories: bool = False, overlaps: Sequence[FrameOverlap] | None = None
) -> ClipMatches:
    """Match a clip. across_categories: objects of different categories may match.

    overlaps: those of the clip where they are known, made with the same ``across_categories``.
    """
    known = frame_overlaps(clip, across_categories=across_categories) if overlaps is None else overlaps
    ids = [np.array([t.id for t in side], np.int64) for side in (clip.truth, clip.predicted)]
    owner = np.full(len(clip.truth), -1)  # the predicted row that found each true one last
    just_before = np.full(len(clip.truth), -1)  # the same, of the last frame that had both kinds
    found_once = np.zeros(len(clip.truth), bool)
    frames, events = [], []
    for overlap in known:
        rows, columns = overlap.truth, overlap.predicted
        first = second = np.zeros(0, np.int64)
        iou = overlap.iou
        if len(rows) and len(columns):
            first, second = _matched(iou, columns[None] == just_before[rows][:, None])
            new = np.full_like(just_before, -1)
            new[rows[first]] = columns[second]
            for row, column in zip(rows[first], columns[second], strict=True):
                place = (overlap.frame, int(ids[0][row]), int(ids[1][column]))
                if owner[row] not in (-1, column):
                    events.append(MatchEvent(*place, "identity switch", int(ids[1][owner[row]])))
                if just_before[row] < 0 and found_once[row]:
                    events.append(MatchEvent(*place, "fragmentation"))
            owner[rows[first]] = columns[second]
            found_once[rows[first]] = True
            just_before = new
        pairs = np.stack([ids[0][rows[first]], ids[1][columns[second]]], axis=1)
        missed, false = ids[0][np.delete(rows, first)], ids[1][np.delete(columns, second)]
        frames.append(FrameMatches(overlap.frame, pairs, iou[first, second], missed, false))
    return ClipMatches(tuple(frames), tuple(events))


def _matched(iou: Floats, stays: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Rows and columns of the pairs; a pair of the frame before outweighs every IoU."""
    gain = np.where(iou < MATCH_IOU - SMALLEST_GAIN, 0.0, 1000.0 * stays + iou)
    rows, columns = best_pairs(gain)
    kept = gain[rows, columns] > SMALLEST_GAIN
    return rows[kept], columns[kept]


@dataclass(frozen=True)
class Recall:
    """How many of the objects asked for were found."""

    found: int
    asked: int

    @property
    def fraction(self) -> float:
        """NaN when nothing was asked for."""
        return self.found / self.asked if self.asked else float("nan")


def recall_where(matches: ClipMatches, where: Mapping[int, NDArray[np.bool_]]) -> Recall:
    """Recall over chosen objects: for each true track the frames (length,) that are asked for.

    So recall under occlusion or blur is measured, given what else is known of the truth. Frames in which the
    object is absent are not asked for; tracks that are not named are left out.
    """
    found = asked = 0
    for frame in matches.frames:
        hits = sum(bool(where[t][frame.frame]) for t in frame.pairs[:, 0].tolist() if t in where)
        found += hits
        asked += hits + sum(bool(where[t][frame.frame]) for t in frame.missed.tolist() if t in where)
    return Recall(found, asked)
