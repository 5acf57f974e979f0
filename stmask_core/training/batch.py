"""What one training step sees: P pairs of frames of one padded size, and what is true in each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class FrameTruth:
    """The n objects of one frame."""

    boxes: Tensor  # (n, 4) xyxy, normalised by the padded input
    labels: Tensor  # (n,) int64, 1..K
    ids: Tensor  # (n,) int64, one number per object of the video; unique over the videos of a batch
    masks: Tensor  # (n, H, W) uint8, 0 or 1, at the padded input size


class PairBatch(NamedTuple):
    """Frames in the order pair 0 first, pair 0 second, pair 1 first, ... (spec 14.1).

    The N objects of all frames lie in one tensor a field: few tensors cross from process to process and to
    the device.
    """

    images: Tensor  # (2P, 3, H, W) normalised, zero-padded right and bottom
    boxes: Tensor  # (N, 4), and so on, as in ``FrameTruth``
    labels: Tensor
    ids: Tensor
    masks: Tensor
    objects: tuple[int, ...]  # how many objects each frame has

    @classmethod
    def of(cls, images: Tensor, truths: Sequence[FrameTruth]) -> PairBatch:
        """Put what is true in the frames behind one another."""
        return cls(
            images,
            boxes=torch.cat([truth.boxes for truth in truths]),
            labels=torch.cat([truth.labels for truth in truths]),
            ids=torch.cat([truth.ids for truth in truths]),
            masks=torch.cat([truth.masks for truth in truths]),
            objects=tuple(len(truth.boxes) for truth in truths),
        )

    @property
    def truths(self) -> tuple[FrameTruth, ...]:
        """What is true in each of the 2P frames: views."""
        counts = list(self.objects)
        columns = (values.split(counts) for values in (self.boxes, self.labels, self.ids, self.masks))
        return tuple(FrameTruth(*values) for values in zip(*columns, strict=True))

    @property
    def pairs(self) -> int:
        """Number of pairs P."""
        return len(self.objects) // 2
