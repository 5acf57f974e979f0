"""Why this identity: the evidence of a track in a frame, and what it says about the decision. No Qt."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from stmask_core.document.document import Document
from stmask_core.document.evidence import evidence_of, number_of, run_at
from stmask_core.document.records import Colour, ModelRun, Track, TrackId
from stmask_core.structures.evidence import FrameEvidence
from stmask_core.tracking.association import LOST, NEW, AssociationSettings, ScoreTerms

Outcome = Literal["continued", "began", "first", "carried", "unknown"]
NameOf = Callable[[Track], tuple[str, Colour]]


@dataclass(frozen=True)
class Name:
    """What a number of the run is called in the project. track: None when it is no track of the project."""

    number: int
    track: int | None = None
    label: str = ""
    colour: Colour | None = None


@dataclass(frozen=True)
class Candidate:
    """One thing a detection could have become. name: None for a new track, which has no terms.

    similarity, mask, box: points, that is terms times weights. age: frames since a detection confirmed it.
    """

    name: Name | None
    similarity: float
    mask: float
    box: float
    total: float
    chosen: bool = False
    hidden: bool = False
    age: int = 0


@dataclass(frozen=True)
class LostDetection:
    """A detection that wanted a track which a better one took. total: against that track."""

    detection: int
    score: float
    wanted: Name
    total: float


@dataclass(frozen=True)
class Closest:
    """The detection most like a track that none became. went_to: what it became, None for a new track."""

    total: float
    went_to: Name | None


@dataclass(frozen=True)
class WhyFacts:
    """Why a track is what it is in a frame.

    outcome: a detection continued it, or began it, or was the first there was to see; or it was carried here
    without one; or the run knows nothing of it. candidates: best first, empty without a detection. new_score:
    what a track must exceed. margin: of the winner over the next best, which is ``second``. mask_weight,
    box_weight: of the run. rivals: lost detections that wanted this track, then ``others``. by_score: rivals
    are told apart by detection score, else by association score. age: frames since a detection, if carried.
    """

    outcome: Outcome
    name: Name | None
    candidates: tuple[Candidate, ...]
    new_score: float
    margin: float | None
    second: Candidate | None
    mask_weight: float
    box_weight: float
    rivals: tuple[LostDetection, ...]
    others: tuple[LostDetection, ...]
    by_score: bool
    age: int = 0
    closest: Closest | None = None


def why_at(document: Document, track: TrackId, frame: int, name_of: NameOf) -> WhyFacts | None:
    """Why a track is what it is in a frame; None when no model run kept evidence there.

    The run is the one that made the mask, else the newest that went over the frame. FormatError when its
    evidence is damaged.
    """
    found = evidence_at(document, track, frame)
    if found is None:
        return None
    run, evidence = found
    names = {}
    for called, known in run.tracks:
        if known in document.tracks:
            names[called] = Name(called, known, *name_of(document.tracks[known]))
    number = number_of(document, evidence, run, track, frame)
    return why_of(evidence, number, names, association_of(run.settings))


def evidence_at(document: Document, track: TrackId, frame: int) -> tuple[ModelRun, FrameEvidence] | None:
    """The run that ``why_at`` speaks of and what it knew in the frame: rows of detections count in this."""
    run = run_at(document, track, frame)
    evidence = None if run is None else evidence_of(document, run, frame)
    return None if run is None or evidence is None else (run, evidence)


def why_of(
    evidence: FrameEvidence, number: int | None, names: Mapping[int, Name], settings: AssociationSettings
) -> WhyFacts:
    """Why the run's track ``number`` is what it is. names: of the run's numbers, those that have any."""
    totals = ScoreTerms(evidence.cosine, evidence.mask_iou, evidence.box_iou).total(settings)
    won = np.flatnonzero((evidence.wanted == number) & (evidence.outcomes != LOST))
    before = np.flatnonzero(evidence.track_ids == number)
    outcome: Outcome = "unknown"
    candidates: tuple[Candidate, ...] = ()
    if len(won):
        began = evidence.outcomes[won[0]] == NEW
        outcome = "continued" if not began else "began" if len(evidence.track_ids) else "first"
        candidates = _candidates(evidence, int(won[0]), names, settings)
    elif len(before):
        outcome = "carried"
    second = next((c for c in candidates if not c.chosen), None)
    chosen = next((c for c in candidates if c.chosen), None)
    lost = [_lost(evidence, int(row), totals, names) for row in np.flatnonzero(evidence.outcomes == LOST)]
    return WhyFacts(
        outcome=outcome,
        name=None if number is None else names.get(number, Name(number)),
        candidates=candidates,
        new_score=evidence.new_score,
        margin=None if chosen is None or second is None else chosen.total - second.total,
        second=second,
        mask_weight=settings.mask_weight,
        box_weight=settings.box_weight,
        rivals=tuple(entry for entry in lost if entry.wanted.number == number),
        others=tuple(entry for entry in lost if entry.wanted.number != number),
        by_score=settings.wins == "score",
        age=int(evidence.track_ages[before[0]]) if outcome == "carried" else 0,
        closest=_closest(evidence, totals[:, before[0]], names) if outcome == "carried" else None,
    )


def association_of(settings: Mapping[str, Any]) -> AssociationSettings:
    """The association settings that a model run noted; where it noted nonsense, the released ones."""
    noted = settings.get("association")
    noted = noted if isinstance(noted, Mapping) else {}
    plain = AssociationSettings()

    def weight(name: str, default: float) -> float:
        value = noted.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
        return default

    return AssociationSettings(
        similarity="cosine" if noted.get("similarity") == "cosine" else "half_cosine",
        mask_weight=weight("mask_weight", plain.mask_weight),
        box_weight=weight("box_weight", plain.box_weight),
        wins="association" if noted.get("wins") == "association" else "score",
    )


def _candidates(
    evidence: FrameEvidence, row: int, names: Mapping[int, Name], settings: AssociationSettings
) -> tuple[Candidate, ...]:
    """Everything the detection in ``row`` could have become, best first; of equals the new track."""
    cosine = evidence.cosine[row].astype(float)
    similarity = (cosine + 1) / 2 if settings.similarity == "half_cosine" else cosine
    mask = settings.mask_weight * evidence.mask_iou[row].astype(float)
    box = settings.box_weight * evidence.box_iou[row].astype(float)
    began = bool(evidence.outcomes[row] == NEW)
    hidden = set(evidence.hidden.tolist())
    found = [Candidate(None, 0.0, 0.0, 0.0, evidence.new_score, chosen=began)]
    for column, number in enumerate(evidence.track_ids.tolist()):
        terms = float(similarity[column]), float(mask[column]), float(box[column])
        found.append(
            Candidate(
                names.get(number, Name(number)),
                *terms,
                total=sum(terms),
                chosen=not began and number == int(evidence.wanted[row]),
                hidden=number in hidden,
                age=int(evidence.track_ages[column]),
            )
        )
    return tuple(sorted(found, key=lambda candidate: -candidate.total))


def _lost(evidence: FrameEvidence, row: int, totals: np.ndarray, names: Mapping[int, Name]) -> LostDetection:
    wanted = int(evidence.wanted[row])
    column = np.flatnonzero(evidence.track_ids == wanted)
    total = float(totals[row, column[0]]) if len(column) else math.nan
    return LostDetection(row, float(evidence.scores[row]), names.get(wanted, Name(wanted)), total)


def _closest(evidence: FrameEvidence, totals: np.ndarray, names: Mapping[int, Name]) -> Closest | None:
    if not len(totals):
        return None
    row = int(totals.argmax())
    wanted = int(evidence.wanted[row])
    began = evidence.outcomes[row] == NEW
    return Closest(float(totals[row]), None if began else names.get(wanted, Name(wanted)))
