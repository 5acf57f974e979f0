"""The tracks of one video: what is known of each, and how a frame's detections change that.

The tracker compares and remembers; it never calls the network. Where tracks have moved is told to it by
``carry``. Track ids count from 0 in the order of birth, as released.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from stmask_core.structures.detections import Detections, Floats
from stmask_core.tracking.association import (
    NEW,
    TAKEN,
    AssociationSettings,
    Decision,
    ScoreTerms,
    decide,
    pairwise_box_iou,
    pairwise_cosine,
    pairwise_mask_iou,
)

CROWDED_IOU = 0.3


@dataclass(frozen=True, eq=False)
class Tracks:
    """All tracks, oldest first.

    ids, ages, seen: (M,) int64. age: frames since a detection last confirmed it. seen: detections it has had.
    """

    objects: Detections
    ids: NDArray[np.int64]
    ages: NDArray[np.int64]
    seen: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray) -> Tracks:
        """Some of the tracks."""
        return Tracks(self.objects.take(rows), self.ids[rows], self.ages[rows], self.seen[rows])

    def joined(self, other: Tracks) -> Tracks:
        """These tracks, then the others."""
        return Tracks(
            self.objects.joined(other.objects),
            np.concatenate([self.ids, other.ids]),
            np.concatenate([self.ages, other.ages]),
            np.concatenate([self.seen, other.seen]),
        )


@dataclass(frozen=True, eq=False)
class Step:
    """What one frame did. before: the tracks the detections were compared with. after: all tracks now.

    terms, decision: None when there was nothing to compare. shown: rows of ``after`` to show, ascending ids.
    shown_scores: what to show as their scores. born: ids of the tracks that began, in the order of their
    detections.
    """

    before: Tracks | None
    after: Tracks | None
    terms: ScoreTerms | None
    decision: Decision | None
    shown: NDArray[np.int64]
    shown_scores: Floats
    born: NDArray[np.int64]


@dataclass
class Tracker:
    """Identity over one video. propagates: tracks are carried along by temporal fusion."""

    settings: AssociationSettings = field(default_factory=AssociationSettings)
    propagates: bool = True
    tracks: Tracks | None = None
    next_id: int = 0

    def carry(self, boxes: Floats, coefficients: Floats, masks: Floats) -> None:
        """Where all tracks are in the next frame (spec section 10); their scores decay, their ages grow."""
        assert self.tracks is not None, "there is nothing to carry before the first track"
        old = self.tracks.objects
        moved = replace(
            old,
            boxes=boxes,
            coefficients=coefficients,
            masks=masks,
            scores=old.scores * np.float32(self.settings.decay),
        )
        self.tracks = replace(self.tracks, objects=moved, ages=self.tracks.ages + 1)

    def wait(self) -> None:
        """One frame passes without temporal fusion: the tracks stay as they were last seen."""
        if self.tracks is not None:
            self.tracks = replace(self.tracks, ages=self.tracks.ages + 1)

    def step(self, found: Detections) -> Step:
        """Compare a frame's detections with the tracks, as they are in this frame, and update them."""
        before, first_born = self.tracks, self.next_id
        terms = decision = None
        if len(found) and before is None:
            self.tracks = self._born(found)
        elif len(found) and before is not None:
            terms = score_terms(found, before)
            decision = decide(terms, found.scores, self.settings)
            self.tracks = self._updated(before, found, terms, decision)
        after = self._without_retired()
        shown = np.zeros(0, np.int64) if after is None else self._shown(after)
        born = np.arange(first_born, self.next_id, dtype=np.int64)
        return Step(before, after, terms, decision, shown, self._scores(shown), born)

    def _updated(self, before: Tracks, found: Detections, terms: ScoreTerms, decision: Decision) -> Tracks:
        taken = np.flatnonzero(decision.outcomes == TAKEN)
        rows = decision.tracks[taken]
        ages, seen = before.ages.copy(), before.seen.copy()
        ages[rows] = 0
        seen[rows] += 1
        renewed = taken
        if not self.propagates:  # released plain tracker: in a crowd a track keeps what it knew
            alone = (terms.mask_iou[taken] > CROWDED_IOU).sum(1) < 2
            renewed, rows = taken[alone], rows[alone]
        objects = before.objects.with_rows(rows, found.take(renewed))
        tracks = Tracks(objects, before.ids, ages, seen)
        new = found.take(np.flatnonzero(decision.outcomes == NEW))
        return tracks.joined(self._born(new)) if len(new) else tracks

    def _born(self, found: Detections) -> Tracks:
        ids = np.arange(self.next_id, self.next_id + len(found), dtype=np.int64)
        self.next_id += len(found)
        return Tracks(found, ids, np.zeros(len(found), np.int64), np.ones(len(found), np.int64))

    def _without_retired(self) -> Tracks | None:
        if self.tracks is not None and self.settings.retire_after is not None:
            self.tracks = self.tracks.take(np.flatnonzero(self.tracks.ages <= self.settings.retire_after))
        if self.tracks is not None and not len(self.tracks):
            self.tracks = None
        return self.tracks

    def _shown(self, tracks: Tracks) -> NDArray[np.int64]:
        """Rows of the tracks to show."""
        area = (tracks.objects.masks > 0.5).sum((1, 2))
        oldest = self.settings.keep if self.propagates else 0
        visible = (tracks.ages <= oldest) & (area > self.settings.min_area)
        return np.flatnonzero(visible & (tracks.objects.scores > np.float32(self.settings.min_score)))

    def _scores(self, rows: NDArray[np.int64]) -> Floats:
        """What to show as the scores of these tracks."""
        if self.tracks is None:
            return np.zeros(0, np.float32)
        seen = self.tracks.seen[rows]
        return self.tracks.objects.scores[rows] * (seen / (seen + self.settings.doubt)).astype(np.float32)


def score_terms(found: Detections, tracks: Tracks) -> ScoreTerms:
    """How detections compare with tracks."""
    known = tracks.objects
    return ScoreTerms(
        cosine=pairwise_cosine(found.embeddings, known.embeddings),
        mask_iou=pairwise_mask_iou(found.masks, known.masks),
        box_iou=pairwise_box_iou(found.boxes, known.boxes),
    )
