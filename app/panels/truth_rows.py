"""What a video is worth against its truth, for the panel: numbers and tracks. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.panels.event_rows import NameOf
from stmask_core.document.records import Colour
from stmask_core.review.breakdown import ERRORS, Gain, Kind, TrackVerdict
from stmask_core.review.comparison import FrameVerdict

if TYPE_CHECKING:
    from stmask_core.review.inspection import AgainstTruth, Inspection

KINDS: tuple[Kind, ...] = (*ERRORS, "right")
NO_GAIN = Gain(0, None, None)


@dataclass(frozen=True)
class TruthScores:
    """The video in numbers; fractions are None where undefined. right, wrong, missed: masks at IoU 0.5."""

    AP: float | None
    AP50: float | None
    HOTA: float | None
    IDF1: float | None
    right: int
    wrong: int
    missed: int
    identity_switches: int
    fragmentations: int


@dataclass(frozen=True)
class VerdictRow:
    """One track, or a true one that is missed. frame: its first, -1 when it is nowhere.

    name, colour: as the window calls the track; of a missed one empty and None. truth: the true track that it
    is or should be, with its category: ``2 dog``, empty when there is none. AP_gain: see ``TrackVerdict``.
    """

    kind: Kind
    track: int | None
    frame: int
    name: str
    colour: Colour | None
    truth: str
    iou: float | None
    score: float | None
    AP_gain: float | None


@dataclass(frozen=True)
class KindRow:
    """Tracks of one verdict, what costs most first. AP, AP50: gained by fixing only these, None for "right"
    and where undefined."""

    kind: Kind
    tracks: tuple[VerdictRow, ...]
    AP: float | None
    AP50: float | None


@dataclass(frozen=True)
class TruthFacts:
    """All that the panel shows of a truth. kinds: those that occur, what costs most first, "right" last.

    frames: one verdict per frame of the truth.
    """

    scores: TruthScores
    kinds: tuple[KindRow, ...]
    frames: tuple[FrameVerdict, ...]


def facts_of_truth(inspection: Inspection, name_of: NameOf) -> TruthFacts | None:
    """What an inspection says of the truth; None when there is none."""
    truth = inspection.truth
    if truth is None:
        return None
    first = {track.id: int(track.frames[0]) for track in inspection.clip.tracks if len(track.frames)}
    rows = [_row(verdict, truth, first, name_of) for verdict in truth.breakdown.verdicts]
    rows.sort(key=lambda row: -(row.AP_gain or 0.0))
    kinds = []
    for kind in KINDS:
        tracks = tuple(row for row in rows if row.kind == kind)
        gain = truth.breakdown.gains.get(kind, NO_GAIN)
        if tracks:
            kinds.append(KindRow(kind, tracks, gain.AP, gain.AP50))
    kinds.sort(key=lambda row: (row.kind == "right", -(row.AP or 0.0)))
    return TruthFacts(_scores(truth), tuple(kinds), truth.comparison.frames)


def _scores(truth: AgainstTruth) -> TruthScores:
    precision, tracking = truth.evaluation.precision, truth.evaluation.tracking
    counts = truth.comparison.matches.counts
    return TruthScores(
        AP=precision.AP,
        AP50=precision.AP50,
        HOTA=None if tracking is None else tracking.HOTA,
        IDF1=None if tracking is None else tracking.IDF1,
        right=counts["CLR_TP"],
        wrong=counts["CLR_FP"],
        missed=counts["CLR_FN"],
        identity_switches=counts["IDSW"],
        fragmentations=counts["Frag"],
    )


def _row(verdict: TrackVerdict, truth: AgainstTruth, first: dict[int, int], name_of: NameOf) -> VerdictRow:
    name, colour = ("", None) if verdict.track is None else name_of(verdict.track)
    true = "" if verdict.truth is None else f"{verdict.truth} {truth.categories[verdict.truth]}".strip()
    if verdict.track is not None:
        frame = first.get(verdict.track, -1)
    else:
        assert verdict.truth is not None, "what has no track is a true one"
        frame = min(truth.masks[verdict.truth], default=-1)
    return VerdictRow(
        verdict.kind, verdict.track, frame, name, colour, true, verdict.iou, verdict.score, verdict.AP_gain
    )
