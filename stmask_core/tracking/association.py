"""Naming detections: each continues a track or begins one (paper section 3.3, spec section 11).

Pure functions of arrays, so that a decision can be made again from recorded scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stmask_core.structures.detections import Floats

NEW, TAKEN, LOST = 0, 1, 2
"""What became of a detection: a new track; it took its track over; its track was taken by a better one."""
OUTCOMES = ("new", "taken", "lost")


@dataclass(frozen=True)
class AssociationSettings:
    """The constants of identity; the defaults are the released code's, ``PAPER`` the paper's.

    The score of a detection against a track is similarity + mask_weight * mask IoU + box_weight * box IoU,
    and against "new" the same with the two ``new_`` values. similarity: (cosine + 1) / 2, or the plain
    cosine. A track is shown while its age is at most ``keep``, its mask covers more than ``min_area``
    prototype pixels and its score, multiplied by ``decay`` each frame it is carried, is above
    ``min_score``. retire_after: forget tracks older than this; None keeps all, as released. wins: what
    decides between two detections of one track. doubt: a shown score is n / (n + doubt) of the track's, n
    being the detections that it has had: one that was seen in a single frame is believed less.
    """

    similarity: Literal["half_cosine", "cosine"] = "half_cosine"
    mask_weight: float = 1.0
    box_weight: float = 2.0
    new_similarity: float = 0.5
    new_iou: float = 0.3
    wins: Literal["score", "association"] = "score"
    keep: int = 10
    min_area: int = 1
    min_score: float = 0.05
    decay: float = 0.95
    retire_after: int | None = None
    doubt: float = 0.0

    @property
    def new_score(self) -> float:
        """What a track must exceed to continue: 1.4 as released."""
        return self.new_similarity + (self.mask_weight + self.box_weight) * self.new_iou


PAPER = AssociationSettings(similarity="cosine", box_weight=0.0, new_similarity=0.5, new_iou=0.5)
"""Paper Eq. 15-16: cosine and mask IoU with weight 1, no box IoU; the paper does not give the threshold."""


@dataclass(frozen=True, eq=False)
class ScoreTerms:
    """How N detections compare with M tracks, each (N, M) float32. cosine: of the embeddings, -1 to 1."""

    cosine: Floats
    mask_iou: Floats
    box_iou: Floats

    def total(self, settings: AssociationSettings) -> Floats:
        """(N, M) association scores."""
        similarity = (self.cosine + 1) / 2 if settings.similarity == "half_cosine" else self.cosine
        boxes = np.float32(settings.box_weight) * self.box_iou
        return similarity + np.float32(settings.mask_weight) * self.mask_iou + boxes


@dataclass(frozen=True, eq=False)
class Decision:
    """tracks: (N,) row of the track each detection wants, -1 for new. outcomes: (N,) NEW, TAKEN or LOST."""

    tracks: NDArray[np.int64]
    outcomes: NDArray[np.uint8]


def decide(terms: ScoreTerms, detection_scores: Floats, settings: AssociationSettings) -> Decision:
    """Give each detection its track, or a new one; detections in their order, best first.

    Equal scores go to "new", then to the older track. A track goes to the best of its detections (the first
    on equal scores); the others are lost, they never begin a track.
    """
    count, known = terms.cosine.shape
    scores = np.full((count, known + 1), settings.new_score, np.float32)
    scores[:, 1:] = terms.total(settings)
    wanted = scores.argmax(1) - 1
    outcomes = np.where(wanted < 0, NEW, LOST).astype(np.uint8)
    weight = detection_scores if settings.wins == "score" else scores.max(1, initial=0.0)
    best: dict[int, int] = {}
    for row, track in enumerate(wanted.tolist()):
        if track >= 0 and weight[row] > (weight[best[track]] if track in best else -1.0):
            best[track] = row
    outcomes[list(best.values())] = TAKEN
    return Decision(wanted.astype(np.int64), outcomes)


def pairwise_box_iou(a: Floats, b: Floats) -> Floats:
    """IoU of boxes (N, 4) and (M, 4) xyxy -> (N, M); 0 for two empty boxes."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.clip(high - low, 0, None).prod(2)
    area_a, area_b = (a[:, 2:] - a[:, :2]).prod(1), (b[:, 2:] - b[:, :2]).prod(1)
    together = area_a[:, None] + area_b[None] - overlap
    return np.divide(overlap, together, out=np.zeros_like(overlap), where=together != 0)


def pairwise_mask_iou(a: Floats, b: Floats) -> Floats:
    """IoU of soft masks (N, h, w) and (M, h, w) above 0.5 -> (N, M); 0 for two empty masks."""
    bits_a = (a > 0.5).reshape(len(a), -1).astype(np.float32)
    bits_b = (b > 0.5).reshape(len(b), -1).astype(np.float32)
    overlap = bits_a @ bits_b.T  # exact: counts below 2**24
    together = bits_a.sum(1)[:, None] + bits_b.sum(1)[None] - overlap
    return np.divide(overlap, together, out=np.zeros_like(overlap), where=together > 0)


def pairwise_cosine(a: Floats, b: Floats) -> Floats:
    """Cosine of unit embeddings (N, E) and (M, E) -> (N, M)."""
    return a @ b.T
