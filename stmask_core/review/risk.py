"""How well a number points at errors, and one risk made of all of them.

The weights of the risk are what each diagnostic was worth on held-out synthetic video (decision 0070).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stmask_core.review.diagnostics.catalogue import DIAGNOSTICS, DiagnosticTable
from stmask_core.review.observations import Floats

Bools = NDArray[np.bool_]
FIRST_SHARE = 0.1


def risks(table: DiagnosticTable) -> Floats:
    """(n,) risk of each row, 0 to 1: one minus the product of (1 - weight x alarm) over all diagnostics."""
    safe = np.ones(len(table.frames))
    for name, alarm in table.alarms.items():
        safe *= 1 - WEIGHTS.get(name, 0.0) * alarm
    return 1 - safe


def causes(table: DiagnosticTable, row: int, most: int = 3) -> list[str]:
    """Why a row is suspicious, in words, the strongest reason first."""
    alarms = table.alarms
    weighed = [(WEIGHTS.get(d.name, 0.0) * float(alarms[d.name][row]), d.words) for d in DIAGNOSTICS]
    return [words for weight, words in sorted(weighed, key=lambda item: -item[0])[:most] if weight > 0.02]


def auroc(values: Floats, wrong: Bools) -> float:
    """Chance that a wrong row has a higher value than a right one, ties counting half (Hanley, McNeil 1982).

    Rows whose value is NaN are left out; NaN when no wrong or no right row is left.
    """
    known = np.isfinite(values)
    values, wrong = values[known], wrong[known]
    bad, good = int(wrong.sum()), int((~wrong).sum())
    if not bad or not good:
        return float("nan")
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return float((ranks[places][wrong].sum() - bad * (bad + 1) / 2) / (bad * good))


def share_found_first(order: NDArray[np.int64], wrong: Bools, share: float = FIRST_SHARE) -> float:
    """Share of all errors among the first ``share`` of the rows, looked at in this order; NaN without any."""
    if not wrong.any():
        return float("nan")
    first = order[: max(1, round(share * len(order)))]
    return float(wrong[first].sum() / wrong.sum())


WEIGHTS: dict[str, float] = {
    "disagreement": 0.4,
    "small_margin": 0.4,
    "propagation_age": 0.4,
    "dissimilarity": 0.4,
    "indistinctness": 0.2,
    "rivals": 0.2,
    "beyond_correlation": 0.2,
    "temporal_change": 0.4,
    "centre_jump": 0.3,
    "area_jump": 0.3,
    "blur": 0.1,
    "occlusion": 0.3,
    "category_flicker": 0.4,
    "low_score": 0.6,
    "score_drag": 0.3,
    "tininess": 0.2,
}
