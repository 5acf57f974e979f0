"""Anchor boxes of a whole pyramid, built once per size (released code: an anchor is 3 or 5 cells wide)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

Sizes = tuple[tuple[int, int], ...]
Shapes = tuple[tuple[float, float], ...]


@lru_cache(maxsize=32)
def pyramid_anchors(level_sizes: Sizes, shapes: Shapes, device: str = "cpu") -> Tensor:
    """Anchors (A, 4) cxcywh, normalised by the padded input, not clipped. Do not write to the result.

    level_sizes: (h, w) of P3..P7. shapes: anchor (height, width) in cells, one per kernel.
    Rows: levels in order, (y, x, kernel) inside a level. The released scale list cancels out (spec 6.6).
    """
    rows = np.concatenate([_level_anchors(h, w, shapes) for h, w in level_sizes])
    with torch.inference_mode(False):  # a cached inference tensor would break training later
        return torch.from_numpy(rows.astype(np.float32)).to(device)


def _level_anchors(h: int, w: int, shapes: Shapes) -> np.ndarray:
    """Anchors (h * w * kernels, 4) of one level, in double precision."""
    out = np.empty((h, w, len(shapes), 4))
    out[..., 0] = ((np.arange(w) + 0.5) / w)[None, :, None]
    out[..., 1] = ((np.arange(h) + 0.5) / h)[:, None, None]
    out[..., 2] = [width / w for _, width in shapes]
    out[..., 3] = [height / h for height, _ in shapes]
    return out.reshape(-1, 4)
