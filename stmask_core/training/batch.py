"""What one training step sees: P pairs of frames of one padded size, and what is true in each frame."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class FrameTruth:
    """The n objects of one frame."""

    boxes: Tensor  # (n, 4) xyxy, normalised by the padded input
    labels: Tensor  # (n,) int64, 1..K
    ids: Tensor  # (n,) int64, one number per object of the video; unique over the videos of a batch
    masks: Tensor  # (n, H, W) uint8, 0 or 1, at the padded input size


@dataclass(frozen=True)
class PairBatch:
    """Frames in the order pair 0 first, pair 0 second, pair 1 first, ... (spec 14.1)."""

    images: Tensor  # (2P, 3, H, W) normalised, zero-padded right and bottom
    truths: tuple[FrameTruth, ...]  # 2P

    @property
    def pairs(self) -> int:
        """Number of pairs P."""
        return len(self.truths) // 2
