"""HOTA, identity and CLEAR metrics of masks, computed by TrackEval on our overlaps.

Sources: HOTA (Luiten et al. 2020), IDF1 (Ristani et al. 2016), CLEAR MOT (Bernardin and Stiefelhagen 2008).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stmask_core.errors import MissingDependency
from stmask_core.evaluation.clips import Clip
from stmask_core.evaluation.overlaps import FrameOverlap


@dataclass(frozen=True)
class TrackingScores:
    """Fractions and counts; fractions are None where they are undefined (no true and no predicted mask)."""

    HOTA: float | None
    DetA: float | None
    AssA: float | None
    IDF1: float | None
    MOTA: float | None
    id_switches: int
    fragmentations: int
    true_positives: int
    false_positives: int
    false_negatives: int


@dataclass
class TrackingTally:
    """Takes clips one by one, category by category, as TrackEval's YouTube-VIS benchmark does."""

    found: dict[int, list[dict[str, dict[str, Any]]]] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=lambda: _metrics())

    def add(self, clip: Clip, frames: Sequence[FrameOverlap]) -> None:
        """Measure one clip."""
        for category in {t.category_id for t in (*clip.truth, *clip.predicted)}:
            data = trackeval_sequence(clip, frames, category)
            results = {name: metric.eval_sequence(data) for name, metric in self.metrics.items()}
            self.found.setdefault(category, []).append(results)

    def of_category(self, category: int) -> TrackingScores:
        """One category's numbers."""
        return _scores(self._combined(self.found.get(category, [])))

    def summary(self) -> TrackingScores:
        """All categories, every detection counting alike (TrackEval's ``cls_comb_det_av``)."""
        merged = [self._combined(results) for results in self.found.values()]
        if not merged:
            return _scores({})
        combined = {
            name: metric.combine_classes_det_averaged({str(i): entry[name] for i, entry in enumerate(merged)})
            for name, metric in self.metrics.items()
        }
        return _scores(combined)

    def _combined(self, results: Sequence[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
        if not results:
            return {}
        return {
            name: metric.combine_sequences({str(i): entry[name] for i, entry in enumerate(results)})
            for name, metric in self.metrics.items()
        }


def trackeval_sequence(
    clip: Clip, frames: Sequence[FrameOverlap], category: int | None = None
) -> dict[str, Any]:
    """A clip in the shape that TrackEval's metrics take; ids are rows of the tracks, renumbered from 0.

    category: only tracks of this one; None for all.
    """
    numbers = []
    for tracks in (clip.truth, clip.predicted):
        there = [
            any(frame < clip.length for frame in t.masks) and category in (None, t.category_id)
            for t in tracks
        ]
        numbers.append(np.where(there, np.cumsum(there) - 1, -1).astype(np.int64))
    truth, predicted, similarity = [], [], []
    for overlap in frames:
        rows, columns = numbers[0][overlap.truth], numbers[1][overlap.predicted]
        truth.append(rows[rows >= 0])
        predicted.append(columns[columns >= 0])
        similarity.append(overlap.iou[np.ix_(rows >= 0, columns >= 0)])
    return {
        "gt_ids": truth,
        "tracker_ids": predicted,
        "similarity_scores": similarity,
        "num_timesteps": clip.length,
        "num_gt_ids": int(numbers[0].max(initial=-1)) + 1,
        "num_tracker_ids": int(numbers[1].max(initial=-1)) + 1,
        "num_gt_dets": sum(len(ids) for ids in truth),
        "num_tracker_dets": sum(len(ids) for ids in predicted),
        "seq": clip.name,
    }


def clear_counts(clip: Clip, frames: Sequence[FrameOverlap]) -> dict[str, int]:
    """TrackEval's CLEAR counts over all categories at once: what matches frame by frame add up to."""
    result = _metrics()["clear"].eval_sequence(trackeval_sequence(clip, frames))
    return {name: int(result[name]) for name in ("CLR_TP", "CLR_FP", "CLR_FN", "IDSW", "Frag")}


def _metrics() -> dict[str, Any]:
    try:
        from trackeval import metrics
    except ImportError as error:
        raise MissingDependency(
            "HOTA, IDF1 and identity switches need TrackEval.", "Install it: pip install trackeval"
        ) from error
    quiet = {"PRINT_CONFIG": False}
    return {"hota": metrics.HOTA(), "clear": metrics.CLEAR(quiet), "identity": metrics.Identity(quiet)}


def _scores(results: dict[str, dict[str, Any]]) -> TrackingScores:
    hota, clear, identity = (results.get(name, {}) for name in ("hota", "clear", "identity"))
    counts = {name: int(clear.get(name, 0)) for name in ("CLR_TP", "CLR_FP", "CLR_FN", "IDSW", "Frag")}
    masks = counts["CLR_TP"] + counts["CLR_FP"] + counts["CLR_FN"]

    def mean(values: dict[str, Any], name: str) -> float | None:
        return float(np.mean(values[name])) if masks else None

    return TrackingScores(
        HOTA=mean(hota, "HOTA"),
        DetA=mean(hota, "DetA"),
        AssA=mean(hota, "AssA"),
        IDF1=mean(identity, "IDF1"),
        MOTA=mean(clear, "MOTA"),
        id_switches=counts["IDSW"],
        fragmentations=counts["Frag"],
        true_positives=counts["CLR_TP"],
        false_positives=counts["CLR_FP"],
        false_negatives=counts["CLR_FN"],
    )
