"""Why a track looks wrong, as curves over the frames. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stmask_core.review.diagnostics.catalogue import DIAGNOSTICS, DiagnosticTable

if TYPE_CHECKING:
    from stmask_core.review.inspection import AgainstTruth, Inspection

Curve = NDArray[np.float64]
MOST_DIAGNOSTICS = 2
ON_ANOTHER_STRIP = {"low_score"}  # the score has a strip of its own
BEST_FIRST = sorted((d for d in DIAGNOSTICS if d.shown), key=lambda d: -d.auroc)


def look_strips(inspection: Inspection, track: int | None, frame_count: int) -> dict[str, Curve]:
    """Title -> (frame_count,) values of what a look found, NaN where undefined, what tells most first.

    With a truth how many masks of each frame are false or missed, and the IoU of the track's masks with the
    true ones, 0 for false ones. Then the track's diagnostics. track: the selected one.
    """
    strips: dict[str, Curve] = {}
    truth = inspection.truth
    if truth is not None:
        strips["False and missed"] = _errors(truth, frame_count)
    if track is not None:
        if truth is not None:
            strips["IoU with the truth"] = _ious(inspection, truth, track, frame_count)
        strips |= diagnostic_strips(inspection.table, track, frame_count)
    return strips


def _errors(truth: AgainstTruth, frame_count: int) -> Curve:
    errors = np.full(frame_count, np.nan)
    for verdict in truth.comparison.frames[:frame_count]:
        errors[verdict.frame] = verdict.wrong + verdict.missed
    return errors


def _ious(inspection: Inspection, truth: AgainstTruth, track: int, frame_count: int) -> Curve:
    table, ious = inspection.table, truth.comparison.iou
    values = np.full(frame_count, np.nan)
    for frame in table.frames[table.tracks == track].tolist():
        values[frame] = ious.get((frame, track), np.nan)
    return values


def diagnostic_strips(table: DiagnosticTable, track: int, frame_count: int) -> dict[str, Curve]:
    """Title -> (frame_count,) values of the diagnostics that point best at errors, NaN where undefined.

    At most two; those that the track has no value of are passed over (a person's masks have no evidence).
    """
    rows = np.flatnonzero(table.tracks == track)
    strips: dict[str, Curve] = {}
    for diagnostic in BEST_FIRST:
        values = table.columns[diagnostic.name][rows]
        if diagnostic.name not in ON_ANOTHER_STRIP and np.isfinite(values).any():
            strip = strips[diagnostic.title] = np.full(frame_count, np.nan)
            strip[table.frames[rows]] = values
        if len(strips) == MOST_DIAGNOSTICS:
            break
    return strips
