"""Frame and masks as one picture: composed once per change, then only scaled by the painter.

Only the crops of the masks are touched, with integer look-up tables, so twenty masks cost a few milliseconds
on a 1080p frame and panning costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.canvas.items import CanvasItem
from app.view_state import Layers
from stmask_core.opencv import cv2

STRIPE_PX = 8


def compose(
    frame: NDArray[np.uint8], items: Sequence[CanvasItem], layers: Layers, selection: Sequence[int]
) -> NDArray[np.uint8]:
    """A picture (H, W, 3) RGB of ``frame`` with the masks tinted; ``frame`` itself is not changed.

    When something is selected the other masks step back; propagated masks are striped.
    """
    if layers.brightness != 0.0 or layers.contrast != 1.0:
        levels = (np.arange(256) - 128) * layers.contrast + 128 + 255 * layers.brightness
        picture = np.asarray(cv2.LUT(frame, np.clip(levels, 0, 255).astype(np.uint8)), np.uint8)
    else:
        picture = frame.copy()
    if layers.raw or not layers.masks:
        return picture
    for item in items:
        opacity = layers.opacity if not selection or item.track in selection else layers.opacity * 0.45
        tint(picture, item, opacity)
    return picture


def tint(picture: NDArray[np.uint8], item: CanvasItem, opacity: float) -> None:
    """Mix the item's colour into its pixels, in place."""
    mask = item.mask
    if mask.is_empty:
        return
    region = picture[mask.y0 : mask.y0 + mask.crop_height, mask.x0 : mask.x0 + mask.crop_width]
    bits = mask.crop_bits().astype(np.uint8)
    if item.source == "propagated":
        weak = bits.copy()
        rows = np.arange(mask.y0, mask.y0 + mask.crop_height)[:, None]
        columns = np.arange(mask.x0, mask.x0 + mask.crop_width)[None, :]
        stripes = ((rows + columns) % (2 * STRIPE_PX) < STRIPE_PX).view(np.uint8)
        bits &= stripes
        weak &= stripes ^ 1
        _mix(region, weak, item.colour, opacity * 0.35)
    _mix(region, bits, item.colour, opacity)


def _mix(
    region: NDArray[np.uint8], bits: NDArray[np.uint8], colour: tuple[int, int, int], opacity: float
) -> None:
    table = np.arange(256, dtype=np.float32)[:, None] * (1 - opacity) + np.array(colour, np.float32) * opacity
    mixed = cv2.LUT(region, np.rint(table).astype(np.uint8)[None])
    cv2.copyTo(mixed, bits, region)
