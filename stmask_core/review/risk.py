"""How well a number points at errors, and one risk made of all of them.

The weights of the risk were fitted on synthetic video (decision 0070).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stmask_core.review.diagnostics.catalogue import DIAGNOSTICS, DiagnosticTable
from stmask_core.review.diagnostics.measured import WEIGHTS
from stmask_core.review.observations import Floats

Bools = NDArray[np.bool_]
FIRST_SHARE = 0.1
WORTH_TELLING = 0.02  # so that an alarm without weight is told where no other is louder


def risks(table: DiagnosticTable) -> Floats:
    """(n,) risk of each row, 0 to 1: one minus the product of (1 - weight) ^ alarm over all diagnostics.

    So a weight is the risk that one full alarm makes alone ("noisy or", Pearl 1988).
    """
    safe = np.ones(len(table.frames))
    for name, alarm in table.alarms.items():
        safe *= (1 - WEIGHTS[name]) ** alarm
    return 1 - safe


def causes(table: DiagnosticTable, row: int, most: int = 3) -> list[str]:
    """Why a row is suspicious, in words, the strongest reason first."""
    alarms = table.alarms
    weighed = [((WEIGHTS[d.name] + WORTH_TELLING) * float(alarms[d.name][row]), d.words) for d in DIAGNOSTICS]
    strongest = sorted(weighed, key=lambda item: -item[0])[:most]
    return [words for weight, words in strongest if weight > WORTH_TELLING / 2]


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
