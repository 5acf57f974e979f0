"""Why this identity: the evidence of a track in a frame, and what it says about the decision. No Qt."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.panels.event_rows import ObjectView
from stmask_core.document.document import Document
from stmask_core.document.evidence import evidence_of, number_of, run_at
from stmask_core.document.records import Colour, ModelRun, Track, TrackId
from stmask_core.errors import FormatError
from stmask_core.structures.evidence import FrameEvidence
from stmask_core.tracking.association import LOST, NEW, AssociationSettings, ScoreTerms

Outcome = Literal["continued", "began", "first", "carried", "unknown"]
NameOf = Callable[[Track], tuple[str, Colour]]
UNNAMED_COLOUR: Colour = (170, 170, 170)  # of a track that is none of the project


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
    detection: of a track that was carried, the row of a detection that could have continued it; ``name`` is
    what that became instead.
    """

    name: Name | None
    similarity: float
    mask: float
    box: float
    total: float
    chosen: bool = False
    hidden: bool = False
    age: int = 0
    detection: int | None = None


@dataclass(frozen=True)
class LostDetection:
    """A detection that wanted a track which a better one took. score: of the detection. total: against that
    track."""

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
    without one; or the run knows nothing of it. candidates: best first: what the detection could have become,
    or, of a carried track, the detections that could have continued it. new_score: what a track must exceed.
    margin: of the winner over the next best, which is ``second``. mask_weight, box_weight: of the run.
    rivals: lost detections that wanted this track, then ``others``. by_score: rivals are told apart by
    detection score, else by association score. score: of the detection that won. age: frames since a
    detection, if carried. looks: pictures of what was compared, where a document was asked.
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
    score: float | None = None
    age: int = 0
    closest: Closest | None = None
    looks: Looks | None = None


class Looks:
    """Where to see what was compared: the object in this frame, each track as it was last detected.

    number: the run's own of the track in question.
    """

    def __init__(
        self, document: Document, run: ModelRun, evidence: FrameEvidence, frame: int, number: int | None
    ) -> None:
        self._document, self._run, self._evidence = document, run, evidence
        self._frame, self._number = frame, number

    def of_object(self, colour: Colour) -> ObjectView | None:
        """The mask that got the identity here: detected, else carried."""
        evidence = self._evidence
        won = _rows_won(evidence, self._number)
        if won:
            return ObjectView(self._frame, evidence.masks[won[0]], colour)
        return self._as_carried(self._number, colour)

    def of_candidate(self, candidate: Candidate) -> ObjectView | None:
        """What a candidate looks like; None for a new track."""
        colour = (candidate.name.colour if candidate.name else None) or UNNAMED_COLOUR
        if candidate.detection is not None:
            return ObjectView(self._frame, self._evidence.masks[candidate.detection], colour)
        if candidate.name is None:
            return None
        then = self._frame - candidate.age
        with suppress(FormatError):  # told of the frame that is looked at
            before = evidence_of(self._document, self._run, then) if then >= 0 else None
            won = [] if before is None else _rows_won(before, candidate.name.number)
            if before is not None and won:
                return ObjectView(then, before.masks[won[0]], colour)
        return self._as_carried(candidate.name.number, colour)

    def _as_carried(self, number: int | None, colour: Colour) -> ObjectView | None:
        columns = np.flatnonzero(self._evidence.track_ids == number)
        masks = self._evidence.track_masks
        return ObjectView(self._frame, masks[columns[0]], colour) if len(columns) else None


def _rows_won(evidence: FrameEvidence, number: int | None) -> list[int]:
    return np.flatnonzero((evidence.wanted == number) & (evidence.outcomes != LOST)).tolist()


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
    facts = why_of(evidence, number, names, association_of(run.settings))
    return replace(facts, looks=Looks(document, run, evidence, frame, number))


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
        candidates = _detections_for(evidence, int(before[0]), names, settings)
    second = None if outcome == "carried" else next((c for c in candidates if not c.chosen), None)
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
        score=float(evidence.scores[won[0]]) if len(won) else None,
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
    similarity, mask, box = (points[row] for points in _points(evidence, settings))
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


def _detections_for(
    evidence: FrameEvidence, column: int, names: Mapping[int, Name], settings: AssociationSettings
) -> tuple[Candidate, ...]:
    """Every detection as it compares with the track in ``column``, best first, and what it became."""
    similarity, mask, box = (points[:, column] for points in _points(evidence, settings))
    found = []
    for row, wanted in enumerate(evidence.wanted.tolist()):
        terms = float(similarity[row]), float(mask[row]), float(box[row])
        name = None if evidence.outcomes[row] == NEW else names.get(wanted, Name(wanted))
        found.append(Candidate(name, *terms, total=sum(terms), detection=row))
    return tuple(sorted(found, key=lambda candidate: -candidate.total))


def _points(
    evidence: FrameEvidence, settings: AssociationSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Similarity, mask and box terms times their weights, each (N, M)."""
    cosine = evidence.cosine.astype(float)
    similarity = (cosine + 1) / 2 if settings.similarity == "half_cosine" else cosine
    mask = settings.mask_weight * evidence.mask_iou.astype(float)
    return similarity, mask, settings.box_weight * evidence.box_iou.astype(float)


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
