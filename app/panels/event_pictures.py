"""Small pictures of the queue: the object in its frame, outlined. Numbers, no Qt; safe on any thread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.panels.event_rows import ObjectView
from stmask_core.document.records import Colour
from stmask_core.opencv import cv2

Picture = NDArray[np.uint8]
ROOM = 0.5  # around the object, in sizes of its box
SMALLEST = 40  # image pixels across, so that a tiny object keeps its surroundings
GROUND = 40  # grey beside a picture of another shape


def object_picture(image: Picture, view: ObjectView, size: tuple[int, int]) -> Picture:
    """The surroundings of the view's mask, the whole image without one. image: (H, W, 3) RGB.

    size: (width, height) in pixels. A mask of another size than the image is passed over.
    """
    width, height = size
    mask = view.mask
    if mask is None or mask.box is None or (mask.height, mask.width) != image.shape[:2]:
        mask, box = None, (0, 0, image.shape[1], image.shape[0])
    else:
        box = _with_room(mask.box)
    x1, y1, x2, y2 = _of_shape(box, width / height, image.shape[1], image.shape[0])
    scale = min(width / (x2 - x1), height / (y2 - y1))
    inner = max(1, min(width, round((x2 - x1) * scale))), max(1, min(height, round((y2 - y1) * scale)))
    crop = np.ascontiguousarray(image[y1:y2, x1:x2])
    finely = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(crop, inner, interpolation=finely), np.uint8)
    if mask is not None:
        small = _outlined(small, mask.window(x1, y1, x2, y2), view.colour)
    picture = np.full((height, width, 3), GROUND, np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    picture[top : top + inner[1], left : left + inner[0]] = small
    return picture


def _outlined(picture: Picture, bits: NDArray[np.bool_], colour: Colour) -> Picture:
    """With the mask's outline on a thin dark ground, drawn at twice the size to be smooth."""
    height, width = picture.shape[:2]
    large = np.asarray(cv2.resize(picture, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR), np.uint8)
    inside = cv2.resize(bits.astype(np.uint8) * 255, (2 * width, 2 * height), interpolation=cv2.INTER_AREA)
    contours, _ = cv2.findContours((inside > 127).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    line = max(2, round(height / 24))
    cv2.drawContours(large, contours, -1, (0, 0, 0), line + 2)
    cv2.drawContours(large, contours, -1, colour, line)
    return np.asarray(cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _with_room(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = box
    across = max(SMALLEST, round((1 + 2 * ROOM) * max(x2 - x1, y2 - y1)))
    x, y = (x1 + x2 - across) // 2, (y1 + y2 - across) // 2
    return x, y, x + across, y + across


def _of_shape(
    box: tuple[int, int, int, int], aspect: float, width: int, height: int
) -> tuple[int, int, int, int]:
    """The box made as wide for its height as ``aspect`` says, moved and cut to lie in the image."""
    x1, y1, x2, y2 = box
    wide, high = max(x2 - x1, round((y2 - y1) * aspect)), max(y2 - y1, round((x2 - x1) / aspect))
    wide, high = min(wide, width), min(high, height)
    x = min(max(0, (x1 + x2 - wide) // 2), width - wide)
    y = min(max(0, (y1 + y2 - high) // 2), height - high)
    return x, y, x + wide, y + high
