"""Masks from prototypes and coefficients (paper Eq. 9), cropped as the released code crops."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from stmask_core.model.box_coding import center_form, corner_form
from stmask_core.model.config import MaskWindows

WINDOW_SCALE = 1.2
"""By this training enlarges the predicted box before it crops the mask that is compared with the truth."""


def assemble_masks(
    prototypes: Tensor, coefficients: Tensor, boxes: Tensor, windows: MaskWindows = "released"
) -> Tensor:
    """Soft masks (N, Hp, Wp) in 0..1; zero outside each box's window.

    prototypes: (Hp, Wp, P) after ReLU. coefficients: (N, P) raw, before tanh. boxes: (N, 4) xyxy normalised;
    the window is the box ("released"), or the box ``enlarged`` ("trained"), plus one prototype pixel all
    around, not rounded.
    """
    if windows == "trained":
        boxes = enlarged(boxes)
    return assemble_masks_of_frames(prototypes[None], coefficients, boxes, [len(coefficients)])


def assemble_masks_of_frames(
    prototypes: Tensor, coefficients: Tensor, boxes: Tensor, counts: Sequence[int]
) -> Tensor:
    """The same for frames: prototypes (B, Hp, Wp, P); the first ``counts[0]`` rows are of the first."""
    height, width, count = prototypes.shape[1:]
    parts = torch.tanh(coefficients).split(list(counts))
    products = [
        part @ of_frame.reshape(-1, count).T for part, of_frame in zip(parts, prototypes, strict=True)
    ]
    logits = torch.cat(products) if len(products) > 1 else products[0]  # (N, Hp*Wp)
    masks = torch.sigmoid(logits).reshape(-1, height, width)
    return masks * crop_windows(boxes, height, width)


def enlarged(boxes: Tensor) -> Tensor:
    """Boxes (N, 4) ``WINDOW_SCALE`` times as wide and high, cut to the image; normalised xyxy."""
    form = center_form(boxes)
    return corner_form(torch.cat([form[:, :2], form[:, 2:] * WINDOW_SCALE], 1)).clamp(1e-5, 1)


def crop_windows(boxes: Tensor, height: int, width: int) -> Tensor:
    """Where each box lets its mask live: (N, height, width) bool (released code, spec section 9)."""
    columns = _inside(boxes[:, 0], boxes[:, 2], width)
    rows = _inside(boxes[:, 1], boxes[:, 3], height)
    return rows[:, :, None] & columns[:, None, :]


def _inside(start: Tensor, stop: Tensor, size: int) -> Tensor:
    """Cells of one axis between two normalised bounds in any order, and one cell more: (N, size) bool.

    Only the low bound is clamped below and only the high bound above, as released.
    """
    start, stop = start * size, stop * size
    low = (torch.minimum(start, stop) - 1).clamp(min=0)[:, None]
    high = (torch.maximum(start, stop) + 1).clamp(max=size)[:, None]
    cells = torch.arange(size, device=start.device, dtype=start.dtype)
    return (cells >= low) & (cells < high)
