"""What has to be seen in the pictures: how sharp an object is, how much of a picture is new."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stmask_core.structures.masks import Mask

Picture = NDArray[np.uint8]
BINS = 32


def grey(picture: Picture) -> NDArray[np.float32]:
    """(H, W) luma of an RGB picture (ITU-R BT.601)."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(picture.astype(np.float32) @ weights)


def sharpness(luma: NDArray[np.float32], mask: Mask) -> float:
    """Mean squared gradient inside the mask (Tenengrad without its threshold: Pech-Pacheco et al. 2000).

    NaN when the mask is empty or one pixel wide.
    """
    if mask.box is None or mask.crop_height < 2 or mask.crop_width < 2:
        return float("nan")
    x1, y1, x2, y2 = mask.box
    crop = luma[y1:y2, x1:x2]
    inside = mask.crop_bits()
    down, across = (np.asarray(np.gradient(crop, axis=axis))[inside] for axis in (0, 1))
    return float((down**2 + across**2).mean())


def histogram(luma: NDArray[np.float32]) -> NDArray[np.float64]:
    """(32,) shares of the grey levels; every fourth pixel each way is enough."""
    counts = np.histogram(luma[::4, ::4], bins=BINS, range=(0, 256))[0]
    return counts / max(1, counts.sum())


def histogram_change(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Half the absolute difference of two histograms, 0 to 1 (Zhang, Kankanhalli and Smoliar 1993)."""
    return float(np.abs(a - b).sum() / 2)
