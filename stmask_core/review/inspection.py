"""Everything there is to say about one video, gathered once: for the command line, the report, the window."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from stmask_core.errors import MissingDependency
from stmask_core.evaluation.clips import Clip, without_categories
from stmask_core.evaluation.evaluate import Evaluation, evaluate_ytvis
from stmask_core.evaluation.overlaps import frame_overlaps
from stmask_core.review.breakdown import Breakdown, break_down
from stmask_core.review.comparison import TruthComparison, compare
from stmask_core.review.diagnostics.catalogue import DIAGNOSTICS, DiagnosticTable, diagnose
from stmask_core.review.events import ReviewEvent, find_events
from stmask_core.review.observations import Floats, ObservedClip
from stmask_core.review.risk import risks
from stmask_core.structures.masks import Mask

DECIMALS = 4


@dataclass(frozen=True, eq=False)
class AgainstTruth:
    """A video held against its truth.

    evaluation: AP, HOTA, IDF1 of this video; tracking None without TrackEval. masks: true track -> frame ->
    mask. categories: true track -> name of its category.
    """

    comparison: TruthComparison
    breakdown: Breakdown
    evaluation: Evaluation
    masks: Mapping[int, Mapping[int, Mask]]
    categories: Mapping[int, str]

    def as_json(self) -> dict[str, Any]:
        """Plain values, None where undefined."""
        return {
            "evaluation": self.evaluation.as_json(),
            "frames": [asdict(verdict) for verdict in self.comparison.frames],
            "events": [asdict(event) for event in self.comparison.events],
            "tracks": [asdict(verdict) for verdict in self.breakdown.verdicts],
            "gains": {kind: asdict(gain) for kind, gain in self.breakdown.gains.items()},
        }


@dataclass(frozen=True, eq=False)
class Inspection:
    """One video: what was observed, every diagnostic, the queue, and the truth where there is one."""

    clip: ObservedClip
    table: DiagnosticTable
    events: tuple[ReviewEvent, ...]
    truth: AgainstTruth | None = None

    @cached_property
    def risk(self) -> Floats:
        """(n,) of each row of the table."""
        return risks(self.table)

    def as_json(self) -> dict[str, Any]:
        """Plain values: ``rows`` holds a list per column, all of one length; None where undefined."""
        table = self.table
        rows: dict[str, list[Any]] = {
            "frame": table.frames.tolist(),
            "track": table.tracks.tolist(),
            "risk": plain(self.risk),
            **{name: plain(values) for name, values in table.columns.items()},
        }
        wrong = None if self.truth is None else self.truth.comparison.wrong_rows(table)
        if self.truth is not None and wrong is not None:
            places = zip(rows["frame"], rows["track"], strict=True)
            rows["iou"] = plain(self.truth.comparison.iou.get(place) for place in places)
            rows["wrong"] = wrong.tolist()
        return {
            "name": self.clip.name,
            "frames": self.clip.length,
            "width": self.clip.size[1],
            "height": self.clip.size[0],
            "tracks": [
                {"id": track.id, "name": track.name, "masks": len(track.frames)} for track in self.clip.tracks
            ],
            "diagnostics": [
                {
                    "name": d.name,
                    "title": d.title,
                    "meaning": d.words,
                    "formula": d.formula,
                    "undefined": d.undefined,
                    "source": d.source,
                    "auroc": d.auroc,
                    "shown": d.shown,
                }
                for d in DIAGNOSTICS
            ],
            "rows": rows,
            "events": [asdict(event) for event in self.events],
            "truth": None if self.truth is None else self.truth.as_json(),
        }


def inspect(clip: ObservedClip, truth: AgainstTruth | None = None) -> Inspection:
    """Measure a clip and list its events, worst first."""
    table = diagnose(clip)
    return Inspection(clip, table, tuple(find_events(clip, table)), truth)


def hold_against(
    clip: Clip, categories: Mapping[int, str], *, ignore_categories: bool = False
) -> AgainstTruth:
    """Compare a clip with its truth. categories: id -> name, those of the truth."""
    clip = without_categories(clip) if ignore_categories else clip
    overlaps = frame_overlaps(clip, across_categories=True)
    known = {1: "any category"} if ignore_categories else categories
    try:
        evaluation = evaluate_ytvis([clip], known, ignore_categories=ignore_categories)
    except MissingDependency:
        evaluation = evaluate_ytvis([clip], known, ignore_categories=ignore_categories, tracking=False)
    masks = {track.id: track.masks for track in clip.truth}
    names = {track.id: known.get(track.category_id, "") for track in clip.truth}
    return AgainstTruth(compare(clip, overlaps), break_down(clip, overlaps), evaluation, masks, names)


def plain(values: Iterable[float | None]) -> list[float | None]:
    """Rounded numbers; None for None and for what is not finite."""
    return [
        None if value is None or not math.isfinite(value) else round(float(value), DECIMALS)
        for value in values
    ]
