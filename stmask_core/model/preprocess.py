"""Door 1: a frame becomes a tensor (spec section 13)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stmask_core.opencv import cv2
from stmask_core.structures.letterbox import FrameLayout

MEAN = np.array([123.675, 116.28, 103.53], np.float32)  # RGB, of ImageNet as the released networks use it
STD = np.array([58.395, 57.12, 57.375], np.float32)


def network_input(frames: list[NDArray[np.uint8]], layout: FrameLayout) -> Tensor:
    """Frames (H, W, 3) uint8 RGB of one size -> (B, 3, Hp, Wp) float32, normalised, then zero-padded."""
    high, wide = layout.resized
    batch = np.zeros((len(frames), *layout.padded, 3), np.float32)
    for row, frame in enumerate(frames):
        small = frame
        if frame.shape[:2] != layout.resized:
            small = np.asarray(cv2.resize(frame, (wide, high), interpolation=cv2.INTER_LINEAR), np.uint8)
        batch[row, :high, :wide] = (small.astype(np.float32) - MEAN) / STD
    return torch.from_numpy(batch).permute(0, 3, 1, 2)
