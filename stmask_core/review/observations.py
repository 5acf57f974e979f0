"""What there is to judge: the tracks of one video, their masks, and what the model knew of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stmask_core.structures.evidence import FrameEvidence
from stmask_core.structures.masks import Mask

Floats = NDArray[np.float64]
NEW, TAKEN, LOST = 0, 1, 2  # outcomes of a detection, as evidence numbers them
UNKNOWN = math.nan


@dataclass(frozen=True)
class ScoreWeights:
    """How a run weighed its association terms; the defaults are the released code's."""

    similarity: Literal["half_cosine", "cosine"] = "half_cosine"
    mask_weight: float = 1.0
    box_weight: float = 2.0


@dataclass(frozen=True)
class Known:
    """What the model knew of a track in a frame; NaN and None where nothing was recorded.

    detected, carried: the two masks of the same object. age: frames since a detection last confirmed it, 0
    when one did here. margin: by how much the decision for this track beat the next best one. similarity:
    cosine of the embeddings. distinctness: similarity minus that to the most similar other track. rivals:
    detections that wanted this track too and lost. category, detection_score: of the detection here.
    """

    detected: Mask | None = None
    carried: Mask | None = None
    age: float = UNKNOWN
    margin: float = UNKNOWN
    similarity: float = UNKNOWN
    distinctness: float = UNKNOWN
    rivals: float = UNKNOWN
    category: int | None = None
    detection_score: float = UNKNOWN


NOTHING = Known()


def what_was_known(evidence: FrameEvidence, number: int, weights: ScoreWeights) -> Known:
    """A frame's evidence as it concerns the track that the run called ``number``."""
    won = np.flatnonzero((evidence.wanted == number) & (evidence.outcomes != LOST))
    before = np.flatnonzero(evidence.track_ids == number)
    if not len(won) and not len(before):
        return NOTHING
    rivals = int(((evidence.wanted == number) & (evidence.outcomes == LOST)).sum())
    carried = evidence.track_masks[before[0]] if len(before) else None
    if not len(won):
        return Known(carried=carried, age=float(evidence.track_ages[before[0]]), rivals=rivals)
    row = int(won[0])
    margin, similarity, distinctness = _decision(evidence, row, before, weights)
    return Known(
        detected=evidence.masks[row],
        carried=carried,
        age=0.0,
        margin=margin,
        similarity=similarity,
        distinctness=distinctness,
        rivals=rivals,
        category=int(evidence.categories[row]),
        detection_score=float(evidence.scores[row]),
    )


def _decision(
    evidence: FrameEvidence, row: int, before: NDArray[np.int64], weights: ScoreWeights
) -> tuple[float, float, float]:
    """Margin, similarity and distinctness of the detection that became the track in this frame."""
    cosine = evidence.cosine[row].astype(np.float64)
    similarity = (cosine + 1) / 2 if weights.similarity == "half_cosine" else cosine
    totals = (
        similarity + weights.mask_weight * evidence.mask_iou[row] + weights.box_weight * evidence.box_iou[row]
    )
    if not len(totals):
        return UNKNOWN, UNKNOWN, UNKNOWN
    if not len(before):  # it began a track
        return evidence.new_score - float(totals.max()), UNKNOWN, UNKNOWN
    own = int(before[0])
    others = np.delete(totals, own)
    margin = float(totals[own]) - max(evidence.new_score, float(others.max(initial=-np.inf)))
    rest = np.delete(cosine, own)
    distinctness = float(cosine[own] - rest.max()) if len(rest) else UNKNOWN
    return margin, float(cosine[own]), distinctness


@dataclass(frozen=True, eq=False)
class ObservedTrack:
    """One track; n frames, ascending. frames: (n,). masks: n, none empty. scores: (n,), NaN without one.

    known: n. category_id: numbered as ``Known.category`` is; None when that is not known.
    sharpness: (n,) mean squared gradient inside each mask. ambiguity: (n,) see ``pixels.ambiguity``. Both NaN
    where no picture was looked at.
    """

    id: int
    name: str
    category_id: int | None
    frames: NDArray[np.int64]
    masks: tuple[Mask, ...]
    scores: Floats
    known: tuple[Known, ...]
    sharpness: Floats
    ambiguity: Floats

    @cached_property
    def areas(self) -> Floats:
        """(n,) pixels."""
        return np.array([mask.area for mask in self.masks], np.float64)

    @cached_property
    def centres(self) -> Floats:
        """(n, 2) x, y of the boxes' centres in image pixels."""
        boxes = np.array([mask.box for mask in self.masks], np.float64).reshape(-1, 4)
        return (boxes[:, :2] + boxes[:, 2:]) / 2

    @cached_property
    def mean_score(self) -> float:
        """Over the frames that have one; NaN without any."""
        known = self.scores[np.isfinite(self.scores)]
        return float(known.mean()) if len(known) else UNKNOWN

    def known_values(self, name: str) -> Floats:
        """(n,) one of the numbers of ``Known``."""
        return np.array([getattr(entry, name) for entry in self.known], np.float64)


@dataclass(frozen=True, eq=False)
class ObservedClip:
    """One video. size: (height, width). frame_change: (length,) how much of the picture's histogram is new,
    NaN where no picture was looked at. reach: (x, y) image pixels that the correlation can see, NaN when
    that is not known.
    """

    name: str
    size: tuple[int, int]
    length: int
    tracks: tuple[ObservedTrack, ...]
    frame_change: Floats
    reach: tuple[float, float]

    @cached_property
    def by_frame(self) -> Mapping[int, Sequence[tuple[int, Mask]]]:
        """frame -> (track id, mask) of all that is there."""
        found: dict[int, list[tuple[int, Mask]]] = {}
        for track in self.tracks:
            for frame, mask in zip(track.frames.tolist(), track.masks, strict=True):
                found.setdefault(frame, []).append((track.id, mask))
        return found

    @cached_property
    def boxes_by_frame(self) -> Mapping[int, NDArray[np.int64]]:
        """frame -> (n, 4) boxes of the masks of ``by_frame``, in its order."""
        return {
            frame: np.array([mask.box for _, mask in there], np.int64)
            for frame, there in self.by_frame.items()
        }


@dataclass
class TrackNotes:
    """What is gathered of a track while its frames are read; ``track`` freezes it."""

    id: int
    name: str
    category_id: int | None = None
    frames: list[int] = field(default_factory=list)
    masks: list[Mask] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    known: list[Known] = field(default_factory=list)
    sharpness: dict[int, float] = field(default_factory=dict)
    ambiguity: dict[int, float] = field(default_factory=dict)

    def add(self, frame: int, mask: Mask, score: float | None, known: Known = NOTHING) -> None:
        """The next frame; an empty mask is absence."""
        if mask.is_empty:
            return
        self.frames.append(frame)
        self.masks.append(mask)
        self.scores.append(UNKNOWN if score is None else score)
        self.known.append(known)

    def track(self) -> ObservedTrack:
        """The track as it was seen."""
        looked_at = (
            np.array([values.get(frame, UNKNOWN) for frame in self.frames], np.float64)
            for values in (self.sharpness, self.ambiguity)
        )
        frames = np.array(self.frames, np.int64)
        scores = np.array(self.scores, np.float64)
        return ObservedTrack(
            self.id,
            self.name,
            self.category_id,
            frames,
            tuple(self.masks),
            scores,
            tuple(self.known),
            *looked_at,
        )
