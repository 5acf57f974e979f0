"""How well diagnostics find errors where the truth is known, and the weights of the risk that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stmask_core.review.diagnostics.catalogue import DIAGNOSTICS, DiagnosticTable
from stmask_core.review.events import ReviewEvent
from stmask_core.review.observations import Floats
from stmask_core.review.risk import Bools, auroc, risks, share_found_first

LARGEST_WEIGHT = 0.95
STEPS = 3000


@dataclass(frozen=True)
class Worth:
    """One diagnostic. auroc: 0.5 is chance; NaN when it cannot be told. defined: share of the rows."""

    name: str
    auroc: float
    defined: float


@dataclass(frozen=True)
class FoundFirst:
    """Share of all errors in the first tenth of the rows, by order. best: what any order can reach.

    queue: as the events lead, then what has none by its risk.
    """

    queue: float
    risk: float
    score: float
    time: float
    best: float


@dataclass(frozen=True)
class Study:
    """Over several clips. rows: masks that were judged. worth: best first."""

    rows: int
    wrong: int
    worth: tuple[Worth, ...]
    risk_auroc: float
    score_auroc: float
    found_first: FoundFirst


def study(
    tables: Sequence[DiagnosticTable], wrong: Sequence[Bools], events: Sequence[Sequence[ReviewEvent]]
) -> Study:
    """Measure every diagnostic, the risk, the score and the queue over clips, one after the other.

    wrong, events: for each table which of its rows are errors, and what ``find_events`` says.
    """
    bad = np.concatenate([np.zeros(0, bool), *wrong])
    risk = _column([risks(table) for table in tables])
    severity = _column([_severities(table, found) for table, found in zip(tables, events, strict=True)])
    doubt = -_column([table.scores for table in tables])
    frames = _column([table.frames.astype(np.float64) for table in tables])
    number = _column([np.full(len(table.frames), n, np.float64) for n, table in enumerate(tables)])
    worth = []
    for diagnostic in DIAGNOSTICS:
        values = _column([table.columns[diagnostic.name] for table in tables])
        defined = float(np.isfinite(values).mean()) if len(values) else 0.0
        worth.append(Worth(diagnostic.name, auroc(values, bad), defined))
    worth.sort(key=lambda w: -np.nan_to_num(w.auroc))
    return Study(
        rows=len(bad),
        wrong=int(bad.sum()),
        worth=tuple(worth),
        risk_auroc=auroc(risk, bad),
        score_auroc=auroc(doubt, bad),
        found_first=FoundFirst(
            queue=share_found_first(np.lexsort((-risk, -severity)), bad),
            risk=share_found_first(np.argsort(-risk, kind="stable"), bad),
            score=share_found_first(np.argsort(-np.nan_to_num(doubt, nan=-np.inf), kind="stable"), bad),
            time=share_found_first(np.lexsort((frames, number)), bad),
            best=share_found_first(np.argsort(~bad, kind="stable"), bad),
        ),
    )


def fit_weights(tables: Sequence[DiagnosticTable], wrong: Sequence[Bools]) -> dict[str, float]:
    """Weights of the risk under which these errors are likeliest; a constant rate of errors is set aside.

    The likelihood of 1 - exp(-sum of u x alarm) is concave in u = -log(1 - weight); the steps are those of
    multiplicative updates, under which u stays positive.
    """
    names = [diagnostic.name for diagnostic in DIAGNOSTICS]
    alarms = np.stack([_column([table.alarms[name] for table in tables]) for name in names], axis=1)
    bad = np.concatenate([np.zeros(0, bool), *wrong])
    alarms = np.column_stack([alarms, np.ones(len(bad))])
    u = np.full(len(names) + 1, 0.1)
    safe = alarms[~bad].sum(0) + 1e-9
    for _ in range(STEPS):
        share = 1 / np.expm1(np.clip(alarms[bad] @ u, 1e-9, 50))
        u *= np.sqrt((alarms[bad] * share[:, None]).sum(0) / safe)
    weights = np.minimum(1 - np.exp(-u[:-1]), LARGEST_WEIGHT)
    return {name: round(float(weight), 3) for name, weight in zip(names, weights, strict=True)}


def _severities(table: DiagnosticTable, events: Sequence[ReviewEvent]) -> Floats:
    """(n,) of the worst event of each row, 0 without one."""
    worst: dict[tuple[int, int | None], float] = {}
    for event in events:
        place = (event.frame, event.track)
        worst[place] = max(event.severity, worst.get(place, 0.0))
    rows = zip(table.frames.tolist(), table.tracks.tolist(), strict=True)
    return np.array([worst.get(row, 0.0) for row in rows], np.float64)


def _column(parts: Sequence[Floats]) -> Floats:
    return np.concatenate([np.zeros(0), *parts])
