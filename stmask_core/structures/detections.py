"""What the network found in a frame, and what is shown of it: parallel arrays, one entry per object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stmask_core.structures.masks import Mask

Floats = NDArray[np.float32]
ShownSource = Literal["detected", "propagated"]


@dataclass(frozen=True, eq=False)
class Detections:
    """Objects of one frame in the network's own space.

    boxes: (N, 4) xyxy, 1 = the padded input's side. classes: (N,) from 1. scores, centerness: (N,).
    coefficients: (N, P) raw. embeddings: (N, E) unit length. masks: (N, Hp, Wp) soft, 0 to 1.
    """

    boxes: Floats
    classes: NDArray[np.int64]
    scores: Floats
    centerness: Floats
    coefficients: Floats
    embeddings: Floats
    masks: Floats

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: NDArray) -> Detections:
        """The entries of some rows, in their order."""
        return Detections(*(getattr(self, field.name)[rows] for field in fields(self)))

    def joined(self, other: Detections) -> Detections:
        """These entries, then the other's."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Detections(*(np.concatenate(pair) for pair in pairs))

    def with_rows(self, rows: NDArray, other: Detections) -> Detections:
        """A copy in which ``rows`` hold the other's entries."""
        changed = {}
        for field in fields(self):
            values = getattr(self, field.name).copy()
            values[rows] = getattr(other, field.name)
            changed[field.name] = values
        return replace(self, **changed)


@dataclass(frozen=True, eq=False)
class Instances:
    """What is shown of one frame, in image pixels, by ascending track id.

    track_ids, category_ids, ages: (N,) int64; category ids from 1. scores: (N,) float32. boxes: (N, 4)
    float32 xyxy. sources: "detected", or "propagated" where temporal fusion carried the mask here.
    """

    track_ids: NDArray[np.int64]
    category_ids: NDArray[np.int64]
    scores: Floats
    boxes: Floats
    ages: NDArray[np.int64]
    height: int
    width: int
    mask_list: tuple[Mask, ...]

    def __len__(self) -> int:
        return len(self.track_ids)

    @property
    def sources(self) -> tuple[ShownSource, ...]:
        """Where each mask comes from."""
        return tuple("detected" if age == 0 else "propagated" for age in self.ages)

    def mask(self, row: int) -> Mask:
        """The mask of one entry."""
        return self.mask_list[row]

    def masks(self) -> NDArray[np.bool_]:
        """(N, height, width) bool."""
        if not self.mask_list:
            return np.zeros((0, self.height, self.width), bool)
        return np.stack([mask.bits() for mask in self.mask_list])


def instances(
    track_ids: Sequence[int] | NDArray,
    category_ids: Sequence[int] | NDArray,
    scores: Sequence[float] | NDArray,
    boxes: NDArray,
    ages: Sequence[int] | NDArray,
    masks: Sequence[Mask],
    size: tuple[int, int],
) -> Instances:
    """Instances from any sequences; size: (height, width) of the image."""
    return Instances(
        np.asarray(track_ids, np.int64),
        np.asarray(category_ids, np.int64),
        np.asarray(scores, np.float32),
        np.asarray(boxes, np.float32).reshape(-1, 4),
        np.asarray(ages, np.int64),
        size[0],
        size[1],
        tuple(masks),
    )
