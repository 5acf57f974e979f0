"""Why a track looks wrong, as curves over the frames. No Qt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stmask_core.review.diagnostics.catalogue import DIAGNOSTICS, DiagnosticTable

MOST_DIAGNOSTICS = 2
ON_ANOTHER_STRIP = {"low_score"}  # the score has a strip of its own
BEST_FIRST = sorted((d for d in DIAGNOSTICS if d.shown), key=lambda d: -d.auroc)


def diagnostic_strips(table: DiagnosticTable, track: int, frame_count: int) -> dict[str, NDArray[np.float64]]:
    """Title -> (frame_count,) values of the diagnostics that point best at errors, NaN where undefined.

    At most two; those that the track has no value of are passed over (a person's masks have no evidence).
    """
    rows = np.flatnonzero(table.tracks == track)
    strips: dict[str, NDArray[np.float64]] = {}
    for diagnostic in BEST_FIRST:
        values = table.columns[diagnostic.name][rows]
        if diagnostic.name not in ON_ANOTHER_STRIP and np.isfinite(values).any():
            strip = strips[diagnostic.title] = np.full(frame_count, np.nan)
            strip[table.frames[rows]] = values
        if len(strips) == MOST_DIAGNOSTICS:
            break
    return strips
