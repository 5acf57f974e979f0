"""Why a track looks wrong, as curves over the frames. No Qt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stmask_core.review.diagnostics.catalogue import DIAGNOSTICS, Diagnostic, DiagnosticTable

if TYPE_CHECKING:
    from stmask_core.review.inspection import AgainstTruth, Inspection

Curve = NDArray[np.float64]
ON_ANOTHER_STRIP = {"low_score"}  # the score has a strip of its own
BEST_FIRST: tuple[Diagnostic, ...] = tuple(sorted(DIAGNOSTICS, key=lambda d: -d.auroc))
BY_DEFAULT = tuple(d.name for d in BEST_FIRST if d.shown and d.name not in ON_ANOTHER_STRIP)
NO_STRIPS = "none"  # noted as a choice: no diagnostics at all


def chosen_strips(noted: Sequence[object]) -> tuple[str, ...]:
    """Names of the diagnostics to show, what tells most first. noted: a user's choice, empty for none yet."""
    return tuple(d.name for d in BEST_FIRST if d.name in noted) if noted else BY_DEFAULT


def look_strips(
    inspection: Inspection, track: int | None, frame_count: int, chosen: Collection[str] = BY_DEFAULT
) -> dict[str, Curve]:
    """Title -> (frame_count,) values of what a look found, NaN where undefined, what tells most first.

    With a truth how many masks of each frame are false or missed, and the IoU of the track's masks with the
    true ones, 0 for false ones. Then the chosen diagnostics. track: the selected one.
    """
    strips: dict[str, Curve] = {}
    truth = inspection.truth
    if truth is not None:
        strips["False and missed"] = _errors(truth, frame_count)
        if track is not None:
            strips["IoU with the truth"] = _ious(inspection, truth, track, frame_count)
    return strips | diagnostic_strips(inspection.table, track, frame_count, chosen)


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


def diagnostic_strips(
    table: DiagnosticTable, track: int | None, frame_count: int, chosen: Collection[str]
) -> dict[str, Curve]:
    """Title -> (frame_count,) values of diagnostics, best first, NaN where undefined.

    Without a track the highest of all tracks in each frame. Diagnostics that have no value at all are passed
    over (a person's masks have no evidence).
    """
    rows = np.arange(len(table.tracks)) if track is None else np.flatnonzero(table.tracks == track)
    strips: dict[str, Curve] = {}
    for diagnostic in BEST_FIRST:
        values = table.columns[diagnostic.name][rows]
        if diagnostic.name in chosen and np.isfinite(values).any():
            name = f"{diagnostic.title}, highest" if track is None else diagnostic.title
            strip = strips[name] = np.full(frame_count, np.nan)
            np.fmax.at(strip, table.frames[rows], values)
    return strips


def shares_defined(table: DiagnosticTable) -> dict[str, float]:
    """Name of each diagnostic -> share of the masks for which it is defined; 0 without masks."""
    return {name: float(np.isfinite(v).mean()) if len(v) else 0.0 for name, v in table.columns.items()}
