"""Editing masks: grow and shrink, fill holes, drop specks, cut along a line, blend two shapes.

Work is done on the crop, so its cost follows the object, not the image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stmask_core.opencv import cv2
from stmask_core.structures.masks import Bits, Mask


def grow(mask: Mask, radius_px: int) -> Mask:
    """Every pixel within ``radius_px`` of the mask."""
    if radius_px <= 0 or mask.box is None:
        return mask
    window = _with_margin(mask, radius_px)
    return _of_window(_distance_to(mask.window(*window)) <= radius_px, mask, window[0], window[1])


def shrink(mask: Mask, radius_px: int) -> Mask:
    """Pixels farther than ``radius_px`` from what is outside; the image's edge does not count as outside."""
    if radius_px <= 0 or mask.box is None:
        return mask
    window = _with_margin(mask, 1)
    return _of_window(_distance_to(~mask.window(*window)) > radius_px, mask, window[0], window[1])


def fill_holes(mask: Mask, max_area: int | None = None) -> Mask:
    """Fill regions enclosed by the mask (4-connected) of at most ``max_area`` pixels; None: any size."""
    if mask.is_empty:
        return mask
    bits = np.pad(mask.crop_bits(), 1)
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~bits).astype(np.uint8), connectivity=4)
    fill = np.ones(len(stats), np.bool_) if max_area is None else stats[:, cv2.CC_STAT_AREA] <= max_area
    fill[labels[0, 0]] = False
    return _of_window(bits | fill[labels], mask, mask.x0 - 1, mask.y0 - 1)


def drop_specks(mask: Mask, min_area: int) -> Mask:
    """Remove pieces (8-connected) of fewer than ``min_area`` pixels; the largest piece always stays."""
    if mask.is_empty:
        return mask
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.crop_bits().astype(np.uint8), connectivity=8
    )
    areas = stats[:, cv2.CC_STAT_AREA]
    keep = areas >= min_area
    keep[1 + int(np.argmax(areas[1:count]))] = True
    keep[0] = False
    return _of_window(keep[labels], mask, mask.x0, mask.y0)


def num_pieces(mask: Mask) -> int:
    """How many pieces (8-connected) the mask has."""
    if mask.is_empty:
        return 0
    return cv2.connectedComponents(mask.crop_bits().astype(np.uint8), connectivity=8)[0] - 1


def slice_along(mask: Mask, line: Sequence[tuple[float, float]]) -> tuple[Mask, Mask]:
    """Cut along a polyline of image points: (what stays, what is cut off).

    Of every piece that the line divides, the largest part stays. No pixel is lost: those on the line go
    to the nearer part. Raises ValueError when the line divides nothing.
    """
    bits = mask.crop_bits()
    cut = np.zeros(bits.shape, np.uint8)
    points = np.array([[math.floor(x) - mask.x0, math.floor(y) - mask.y0] for x, y in line], np.int32)
    if len(points) < 2 or mask.is_empty:
        raise ValueError("the line does not divide the mask")
    cv2.polylines(cut, [points.reshape(-1, 1, 2)], isClosed=False, color=1, thickness=1)
    _, before = cv2.connectedComponents(bits.astype(np.uint8), connectivity=8)
    count, after = cv2.connectedComponents((bits & (cut == 0)).astype(np.uint8), connectivity=4)
    areas = np.bincount(after.ravel(), minlength=count)
    parent = np.zeros(count, np.int64)
    parent[after.ravel()] = before.ravel()
    crossed = set(np.unique(before[(cut != 0) & bits]).tolist())
    off = np.zeros(count, np.bool_)
    for piece in crossed:
        parts = np.flatnonzero(parent[1:] == piece) + 1
        off[parts] = True
        if len(parts):
            off[parts[np.argmax(areas[parts])]] = False
    if not off.any():
        raise ValueError("the line does not divide the mask")
    gone, stays = off[after], (after > 0) & ~off[after]
    nearer_gone = _distance_to(gone) < _distance_to(stays)
    gone = bits & (gone | ((after == 0) & nearer_gone))
    return _of_window(bits & ~gone, mask, mask.x0, mask.y0), _of_window(gone, mask, mask.x0, mask.y0)


def blend(a: Mask, b: Mask, share: float) -> Mask:
    """The shape between ``a`` (share 0) and ``b`` (share 1): moved along the line between their centroids.

    Both shapes are laid on the interpolated centroid; inside is where the weighted mean of their signed
    distances is positive (shape-based interpolation, Raya and Udupa 1990). share 0 gives ``a`` exactly,
    share 1 gives ``b``. Raises ValueError when either is empty or their images differ in size.
    """
    if (a.height, a.width) != (b.height, b.width):
        raise ValueError("masks of different images")
    if a.is_empty or b.is_empty:
        raise ValueError("an empty mask has no shape")
    centre_a, centre_b = _centroid(a), _centroid(b)
    centre = (1 - share) * centre_a + share * centre_b
    shift_a, shift_b = np.rint(centre - centre_a).astype(int), np.rint(centre - centre_b).astype(int)
    box_a, box_b = _shifted_box(a, shift_a), _shifted_box(b, shift_b)
    x1, y1 = np.minimum(box_a[:2], box_b[:2]) - 1
    x2, y2 = np.maximum(box_a[2:], box_b[2:]) + 1
    window = (int(x1), int(y1), int(x2), int(y2))
    distance = (1 - share) * _signed_distance(a, shift_a, window) + share * _signed_distance(
        b, shift_b, window
    )
    return Mask.from_crop(distance > 0, y0=window[1], x0=window[0], height=a.height, width=a.width)


def shifted(mask: Mask, dx: int, dy: int) -> Mask:
    """The mask moved by whole pixels; what leaves the image is cut off."""
    return _of_window(mask.crop_bits(), mask, mask.x0 + dx, mask.y0 + dy)


def _with_margin(mask: Mask, margin_px: int) -> tuple[int, int, int, int]:
    """The mask's box widened by a margin, inside the image."""
    assert mask.box is not None
    x1, y1, x2, y2 = mask.box
    return (
        max(0, x1 - margin_px),
        max(0, y1 - margin_px),
        min(mask.width, x2 + margin_px),
        min(mask.height, y2 + margin_px),
    )


def _of_window(bits: NDArray, like: Mask, x0: int, y0: int) -> Mask:
    return Mask.from_crop(bits, y0=y0, x0=x0, height=like.height, width=like.width)


def _centroid(mask: Mask) -> NDArray[np.float64]:
    rows, columns = np.nonzero(mask.crop_bits())
    return np.array([columns.mean() + mask.x0, rows.mean() + mask.y0])


def _shifted_box(mask: Mask, shift: NDArray) -> NDArray[np.int64]:
    assert mask.box is not None
    return np.array(mask.box) + np.tile(shift, 2)


def _signed_distance(mask: Mask, shift: NDArray, window: tuple[int, int, int, int]) -> NDArray[Any]:
    """Distance to the other side, positive inside, of the mask moved by ``shift``, within a window."""
    x1, y1, x2, y2 = window
    bits = mask.window(x1 - int(shift[0]), y1 - int(shift[1]), x2 - int(shift[0]), y2 - int(shift[1]))
    return _distance_to(~bits) - _distance_to(bits)


def _distance_to(bits: Bits) -> NDArray[Any]:
    """Distance of every pixel to the nearest pixel of ``bits``, 0 on them; far away when there is none."""
    if not bits.any():
        return np.full(bits.shape, np.float32(1e6))
    return cv2.distanceTransform((~bits).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
