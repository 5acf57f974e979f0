"""What has to be seen in the pictures: how sharp an object is, how much of a picture is new."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stmask_core.opencv import cv2
from stmask_core.structures.masks import Mask

Picture = NDArray[np.uint8]
BINS = 32
PATCH = 24  # pixels on the longer side of a patch that is looked for
SMALLEST_PATCH = 4
FLAT = 2.0  # standard deviation of a patch that has nothing to be recognised by
REACH = 8  # the released correlation sees an eighth of the image's width to each side


def grey(picture: Picture) -> NDArray[np.float32]:
    """(H, W) luma of an RGB picture (ITU-R BT.601)."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


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


def ambiguity(before: NDArray[np.float32], luma: NDArray[np.float32], mask: Mask) -> float:
    """How good the second best place for the object's box of the frame before is, as a share of the best.

    The places are those that the released correlation would look at, compared by normalised correlation of
    the pictures; the second best is at least half the box away. 0 to 1; NaN for boxes too small or flat to be
    recognised, and where there is no second place.
    """
    if mask.box is None:
        return float("nan")
    x1, y1, x2, y2 = mask.box
    around = luma.shape[1] // REACH
    left, top = max(0, x1 - around), max(0, y1 - around)
    window = luma[top : y2 + around, left : x2 + around]
    scale = min(1.0, PATCH / max(x2 - x1, y2 - y1))
    patch, place = _shrunk(before[y1:y2, x1:x2], scale), _shrunk(window, scale)
    if min(patch.shape) < SMALLEST_PATCH or patch.std() < FLAT:
        return float("nan")
    fits = np.nan_to_num(cv2.matchTemplate(place, patch, cv2.TM_CCOEFF_NORMED), posinf=0.0, neginf=0.0)
    y, x = np.unravel_index(int(fits.argmax()), fits.shape)
    best = float(fits[y, x])
    tall, wide = (side // 2 for side in patch.shape)
    fits[max(0, y - tall) : y + tall + 1, max(0, x - wide) : x + wide + 1] = -np.inf
    if not np.isfinite(fits).any():
        return float("nan")
    return 1.0 if best <= 0 else float(np.clip(fits.max() / best, 0, 1))


def _shrunk(luma: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    height, width = luma.shape
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32)


def histogram(luma: NDArray[np.float32]) -> NDArray[np.float64]:
    """(32,) shares of the grey levels; every fourth pixel each way is enough."""
    counts = np.histogram(luma[::4, ::4], bins=BINS, range=(0, 256))[0]
    return counts / max(1, counts.sum())


def histogram_change(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Half the absolute difference of two histograms, 0 to 1 (Zhang, Kankanhalli and Smoliar 1993)."""
    return float(np.abs(a - b).sum() / 2)
