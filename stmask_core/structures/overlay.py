"""Masks drawn over a frame: tinted, outlined, named; what a person looks at in pictures and videos.

Only the crop of each mask is touched, so the cost follows the objects, not the frame. Imported by name where
it is needed, because it loads OpenCV.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stmask_core.opencv import cv2
from stmask_core.structures.masks import Mask
from stmask_core.structures.palette import Colour, readable_on

Frame = NDArray[np.uint8]
Rectangle = tuple[int, int, int, int]  # x1, y1, x2, y2, half open

FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_overlay(
    frame: Frame,
    masks: Sequence[Mask],
    colours: Sequence[Colour],
    labels: Sequence[str] = (),
    sources: Sequence[str] = (),
    *,
    opacity: float = 0.45,
) -> Frame:
    """A copy of ``frame`` (H, W, 3 uint8 RGB) with every mask tinted, outlined and named.

    masks, colours: one each per object; masks have the size of the frame; empty ones are passed over.
    labels: texts, or none at all. sources: words of the glossary, or none at all; ``propagated`` masks are
    hatched, so that what was carried over can be told from what was seen. Larger masks are drawn first.
    Raises ValueError when lengths or sizes do not fit.
    """
    _check(frame, masks, colours, labels, sources)
    out = np.array(frame, np.uint8, order="C", copy=True)
    line = max(1, round(min(frame.shape[:2]) / 360))
    order = sorted(
        (index for index, mask in enumerate(masks) if not mask.is_empty), key=lambda i: -masks[i].area
    )
    for index in order:
        hatched = bool(sources) and sources[index] == "propagated"
        _draw_mask(out, masks[index], colours[index], opacity, hatched=hatched, line=line)
    plates: list[Rectangle] = []
    boxes = [masks[index].box or (0, 0, 0, 0) for index in order]
    for place, index in enumerate(order) if labels else ():
        if labels[index]:
            keep_free = [*plates, *boxes[place + 1 :]]
            plates.append(_draw_label(out, masks[index], labels[index], colours[index], keep_free))
    return out


def _check(
    frame: Frame,
    masks: Sequence[Mask],
    colours: Sequence[Colour],
    labels: Sequence[str],
    sources: Sequence[str],
) -> None:
    if frame.ndim != 3 or frame.shape[2] != 3:
        raise ValueError(f"a frame is (H, W, 3), not {frame.shape}")
    if len(colours) != len(masks):
        raise ValueError(f"{len(masks)} masks but {len(colours)} colours")
    for name, values in (("labels", labels), ("sources", sources)):
        if values and len(values) != len(masks):
            raise ValueError(f"{len(masks)} masks but {len(values)} {name}")
    for mask in masks:
        if (mask.height, mask.width) != frame.shape[:2]:
            raise ValueError(
                f"a mask of {mask.width} x {mask.height} on a frame of {frame.shape[1]} x {frame.shape[0]}"
            )


def _draw_mask(out: Frame, mask: Mask, colour: Colour, opacity: float, *, hatched: bool, line: int) -> None:
    bits = mask.crop_bits()
    y0, x0 = mask.y0, mask.x0
    region = out[y0 : y0 + mask.crop_height, x0 : x0 + mask.crop_width]
    weight = np.where(bits, np.float32(opacity), np.float32(0))
    if hatched:
        weight *= _stripes(mask, line)
    tinted = region + weight[..., None] * (np.array(colour, np.float32) - region)
    region[bits] = (tinted[bits] + 0.5).astype(np.uint8)
    region[_inner_rim(bits, line)] = colour


def _stripes(mask: Mask, line: int) -> NDArray[np.float32]:
    """Diagonal stripes that stay where they are in the image: full tint, then a quarter of it."""
    period = 10 * line
    rows = np.arange(mask.y0, mask.y0 + mask.crop_height)[:, None]
    columns = np.arange(mask.x0, mask.x0 + mask.crop_width)[None, :]
    return np.where((rows + columns) % period < period // 2, np.float32(1.25), np.float32(0.3))


def _inner_rim(bits: NDArray[np.bool_], line: int) -> NDArray[np.bool_]:
    """Pixels of the mask within ``line`` pixels of its edge; the image border counts as edge."""
    padded = np.pad(bits, line).astype(np.uint8)
    size = 2 * line + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    core = cv2.erode(padded, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    inside = core[line : line + bits.shape[0], line : line + bits.shape[1]]
    return bits & (inside == 0)


def _draw_label(
    out: Frame, mask: Mask, text: str, colour: Colour, keep_free: Sequence[Rectangle]
) -> Rectangle:
    """Name plate by the object, inside the image, where it covers the least of ``keep_free``."""
    height, width = out.shape[:2]
    scale = max(0.4, min(height, width) / 1100)
    thickness = max(1, round(scale * 1.4))
    (text_width, text_height), below = cv2.getTextSize(text, FONT, scale, thickness)
    pad = max(2, round(5 * scale))
    plate_width, plate_height = text_width + 2 * pad, text_height + below + pad
    plates = []
    for x, y in _plate_corners(mask, plate_width, plate_height, 2 * pad):
        x1, y1 = min(max(0, x), max(0, width - plate_width)), min(max(0, y), max(0, height - plate_height))
        plates.append((x1, y1, min(width, x1 + plate_width), min(height, y1 + plate_height)))
    plate = min(plates, key=lambda p: sum(_common_area(p, other) for other in keep_free))
    x1, y1, x2, y2 = plate
    out[y1:y2, x1:x2] = colour
    baseline = (x1 + pad, y1 + text_height + pad // 2)
    cv2.putText(out, text, baseline, FONT, scale, readable_on(colour), thickness, cv2.LINE_AA)
    return plate


def _plate_corners(mask: Mask, width: int, height: int, away: int) -> list[tuple[int, int]]:
    """Top-left corners to try, best first: over the highest point, above, inside, below."""
    x1, y1, x2, y2 = mask.box or (0, 0, 0, 0)
    above, centre = y1 - height - away, (x1 + x2 - width) // 2
    peak = x1 + round(float(np.flatnonzero(mask.crop_bits()[0]).mean()))
    inside = [(centre, y1 + (y2 - y1) * part // 4 - height // 2) for part in (1, 2, 3)]
    return [
        (peak - width // 2, above),
        (centre, above),
        (x1, above),
        (x2 - width, above),
        *inside,
        (centre, y2 + away),
        (x1 - width - away, y1),
        (x2 + away, y1),
    ]


def _common_area(a: Rectangle, b: Rectangle) -> int:
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
