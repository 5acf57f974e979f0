"""The best one-to-one pairing; the same solver as TrackEval's, so that equal sums are broken alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stmask_core.errors import MissingDependency


def best_pairs(gain: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the pairing of an (n, m) table with the greatest sum."""
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise MissingDependency(
            "Matching objects needs SciPy.", "Install it with the metrics: pip install trackeval"
        ) from error
    rows, columns = linear_sum_assignment(-gain)
    return rows.astype(np.int64), columns.astype(np.int64)
