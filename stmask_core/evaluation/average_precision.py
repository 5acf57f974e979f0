"""YouTube-VIS average precision, number for number as the official scorer (``ytvoseval``).

Source: the COCO protocol with tracks instead of boxes ("Video Instance Segmentation", section 5), and the
scorer's own conventions: area ranges 128² and 256² on a track's mean area, both ends inside; at most 100
results of a category per video; 101 recall points; categories without a true track left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stmask_core.evaluation.clips import Clip, ScoredTrack
from stmask_core.evaluation.overlaps import Floats

Bools = NDArray[np.bool_]

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALL_POINTS = np.linspace(0.0, 1.0, 101)
AREAS = {
    "all": (0.0, 1e10),
    "small": (0.0, 128.0**2),
    "medium": (128.0**2, 256.0**2),
    "large": (256.0**2, 1e10),
}
MOST_RESULTS = (1, 10, 100)


@dataclass(frozen=True)
class Precision:
    """Fractions; None where no true track counts. The names are the official scorer's."""

    AP: float | None
    AP50: float | None
    AP75: float | None
    APs: float | None
    APm: float | None
    APl: float | None
    AR1: float | None
    AR10: float | None


@dataclass(frozen=True, eq=False)
class _Matched:
    """One category of one clip in one area range, results best first.

    scores: (m,). matched, ignored: (10, m). countable: true tracks that count.
    """

    clip: int
    scores: Floats
    matched: Bools
    ignored: Bools
    countable: int


@dataclass
class PrecisionTally:
    """Takes clips one by one; ``summary`` tells the numbers."""

    found: dict[tuple[int, str], list[_Matched]] = field(default_factory=dict)

    def add(self, clip: Clip, ious: Floats) -> None:
        """Match the tracks of a clip. ious: (true, predicted)."""
        categories = {t.category_id for t in clip.truth} | {t.category_id for t in clip.predicted}
        for category in categories:
            true_rows = [r for r, t in enumerate(clip.truth) if t.category_id == category]
            rows = [r for r, t in enumerate(clip.predicted) if t.category_id == category]
            rows.sort(key=lambda r: -clip.predicted[r].score)  # stable: equal scores keep the file's order
            rows = rows[: MOST_RESULTS[-1]]
            truth, predicted = [clip.truth[r] for r in true_rows], [clip.predicted[r] for r in rows]
            table = ious[np.ix_(true_rows, rows)]
            for name, bounds in AREAS.items():
                matched = _match(clip.id, truth, predicted, table, bounds)
                self.found.setdefault((category, name), []).append(matched)

    def of_category(self, category: int) -> Precision:
        """One category's numbers."""
        return _precision([self._curves(category)])

    def summary(self, categories: Mapping[int, str]) -> Precision:
        """Means over the categories of the truth."""
        return _precision([self._curves(category) for category in categories])

    def _curves(self, category: int) -> Mapping[tuple[str, int], _Curve | None]:
        wanted = [(name, most) for name in AREAS for most in MOST_RESULTS if name == "all" or most == 100]
        return {(name, most): _curve(self.found.get((category, name), []), most) for name, most in wanted}


@dataclass(frozen=True, eq=False)
class _Curve:
    """precision: (10, 101) at the recall points. recall: (10,) reached in the end."""

    precision: Floats
    recall: Floats


def _match(
    clip: int,
    truth: Sequence[ScoredTrack],
    predicted: Sequence[ScoredTrack],
    ious: Floats,
    bounds: tuple[float, float],
) -> _Matched:
    """Give each result, best first, the free true track it overlaps most, at every IoU threshold.

    True tracks that do not count (crowds, other sizes) are taken only when no other is left; of equal
    overlaps the last one wins. A crowd may be taken again and again.
    """
    thresholds = np.minimum(IOU_THRESHOLDS, 1 - 1e-10)[:, None]
    crowd = np.array([t.is_crowd for t in truth], bool)
    outside = np.array([not bounds[0] <= t.mean_area <= bounds[1] for t in truth], bool)
    skipped = crowd | outside
    shape = (len(IOU_THRESHOLDS), len(predicted))
    matched, ignored = np.zeros(shape, bool), np.zeros(shape, bool)
    if truth:
        numbers = np.array([t.id for t in truth], np.int64)
        taken = np.zeros((shape[0], len(truth)), bool)
        for column in range(len(predicted)):
            possible = (~taken | crowd) & (ious[:, column] >= thresholds)
            counting = possible & ~skipped
            possible = np.where(counting.any(1, keepdims=True), counting, possible)
            value = np.where(possible, ious[:, column], -1.0)
            best = len(truth) - 1 - value[:, ::-1].argmax(1)
            hit = possible.any(1)
            taken[np.flatnonzero(hit), best[hit]] = True
            matched[:, column] = hit & (numbers[best] != 0)  # the official scorer takes id 0 for "none"
            ignored[:, column] = hit & skipped[best]
    strange = np.array([not bounds[0] <= t.mean_area <= bounds[1] for t in predicted], bool)
    ignored |= ~matched & strange
    scores = np.array([t.score for t in predicted], np.float64)
    return _Matched(clip, scores, matched, ignored, int((~skipped).sum()))


def _curve(found: Sequence[_Matched], most: int) -> _Curve | None:
    """Precision against recall over all clips; None when no true track counts."""
    countable = sum(entry.countable for entry in found)
    if not countable:
        return None
    ordered = sorted(found, key=lambda entry: entry.clip)
    scores = np.concatenate([entry.scores[:most] for entry in ordered])
    order = np.argsort(-scores, kind="mergesort")
    matched = np.concatenate([entry.matched[:, :most] for entry in ordered], axis=1)[:, order]
    ignored = np.concatenate([entry.ignored[:, :most] for entry in ordered], axis=1)[:, order]
    right = np.cumsum(matched & ~ignored, axis=1, dtype=np.float64)
    wrong = np.cumsum(~matched & ~ignored, axis=1, dtype=np.float64)
    precision = np.zeros((len(IOU_THRESHOLDS), len(RECALL_POINTS)))
    recall = np.zeros(len(IOU_THRESHOLDS))
    if not len(scores):
        return _Curve(precision, recall)
    for row in range(len(IOU_THRESHOLDS)):
        recalls = right[row] / countable
        precisions = right[row] / (right[row] + wrong[row] + np.spacing(1))
        precisions = np.maximum.accumulate(precisions[::-1])[::-1]
        places = np.searchsorted(recalls, RECALL_POINTS, side="left")
        reached = places < len(recalls)
        precision[row, reached] = precisions[places[reached]]
        recall[row] = recalls[-1]
    return _Curve(precision, recall)


def _precision(categories: Sequence[Mapping[tuple[str, int], _Curve | None]]) -> Precision:
    """Means over thresholds, recall points and the categories that have a curve."""

    def precision(name: str = "all", row: int | None = None) -> float | None:
        curves = [c for c in (curves[name, 100] for curves in categories) if c is not None]
        if not curves:
            return None
        return float(np.mean([c.precision if row is None else c.precision[row] for c in curves]))

    def recall(most: int) -> float | None:
        curves = [c for c in (curves["all", most] for curves in categories) if c is not None]
        return float(np.mean([c.recall for c in curves])) if curves else None

    return Precision(
        AP=precision(),
        AP50=precision(row=0),
        AP75=precision(row=5),
        APs=precision("small"),
        APm=precision("medium"),
        APl=precision("large"),
        AR1=recall(1),
        AR10=recall(10),
    )
