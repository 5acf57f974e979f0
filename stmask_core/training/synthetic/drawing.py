"""From parts (outlines with colours) to a shaded, anti-aliased sprite in image pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stmask_core.opencv import cv2
from stmask_core.training.synthetic.geometry import Points

Colour = tuple[int, int, int]  # RGB

_SHIFT = 4  # fixed-point bits of vertex coordinates: 1/16 px
_COAT_SCALE = 64.0  # coat texels per figure unit


class Part(NamedTuple):
    """One filled outline. ``line``: width of its dark contour in figure units, 0 for none.

    detail: drawn after coat and shading (eyes, lamps, windows), so neither changes it.
    """

    points: Points
    colour: Colour
    line: float = 0.0
    detail: bool = False


@dataclass(frozen=True, eq=False)
class Sprite:
    """A drawn figure: colours and coverage (0..255) of the image window that starts at (x0, y0)."""

    x0: int
    y0: int
    rgb: NDArray[np.uint8]  # (h, w, 3)
    alpha: NDArray[np.uint8]  # (h, w)


@dataclass(frozen=True, eq=False)
class Look:
    """What a figure keeps over the clip: its contour colour, its coat and the light on it."""

    ink: Colour
    coat: NDArray[np.uint8] | None = None  # (h, w, 3) texture, 128 leaves a colour unchanged
    relief: float = 0.5  # strength of the shading
    light: tuple[float, float] = (-0.5, -0.85)
    contour: float = 1.0  # factor on the width of every contour


def place(parts: list[Part], matrix: NDArray[np.float64]) -> list[Points]:
    """The outlines of the parts in image pixels; ``matrix`` (2, 3) maps figure units to them."""
    sizes = [len(part.points) for part in parts]
    stacked = np.concatenate([part.points for part in parts]) @ matrix[:, :2].T + matrix[:, 2]
    return np.split(stacked, np.cumsum(sizes)[:-1])


def draw(
    parts: list[Part],
    outlines: list[Points],
    matrix: NDArray[np.float64],
    look: Look,
    window: tuple[int, int, int, int],
) -> Sprite | None:
    """Rasterise placed parts inside ``window`` (x0, y0, x1, y1); None when nothing is in it.

    Coverage is that of the anti-aliased fill of every part (later parts lie over earlier ones).
    """
    everything = np.concatenate(outlines)
    low = np.floor(everything.min(axis=0)).astype(int) - 2
    high = np.ceil(everything.max(axis=0)).astype(int) + 3
    x0, y0 = max(int(low[0]), window[0]), max(int(low[1]), window[1])
    x1, y1 = min(int(high[0]), window[2]), min(int(high[1]), window[3])
    if x1 <= x0 or y1 <= y0:
        return None
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    alpha = np.zeros((y1 - y0, x1 - x0), np.uint8)
    rgb = np.empty((y1 - y0, x1 - x0, 3), np.uint8)
    rgb[:] = look.ink
    # Pixel centres are at +0.5 in image coordinates and at integers in OpenCV's.
    fixed = [np.rint((o - (x0 + 0.5, y0 + 0.5)) * (1 << _SHIFT)).astype(np.int32) for o in outlines]
    for part, points in zip(parts, fixed, strict=True):
        if not part.detail:
            _paint(rgb, alpha, part, points, look.ink, scale * look.contour)
    if look.coat is not None:
        _apply_coat(rgb, look.coat, matrix, (x0, y0))
    _apply_light(rgb, alpha, look, scale)
    for part, points in zip(parts, fixed, strict=True):
        if part.detail:
            _paint(rgb, alpha, part, points, look.ink, scale * look.contour)
    return Sprite(x0, y0, rgb, alpha)


def _paint(
    rgb: NDArray[np.uint8],
    alpha: NDArray[np.uint8],
    part: Part,
    points: NDArray[np.int32],
    ink: Colour,
    scale: float,
) -> None:
    """One part into colour and coverage; its contour is drawn first, so only the outer half shows."""
    width = round(part.line * scale * 2)
    if width >= 1:
        cv2.polylines(rgb, [points], True, ink, width, cv2.LINE_AA, _SHIFT)
        if width >= 2:
            cv2.polylines(alpha, [points], True, 255, width - 1, cv2.LINE_AA, _SHIFT)
    cv2.fillPoly(rgb, [points], part.colour, cv2.LINE_AA, _SHIFT)
    cv2.fillPoly(alpha, [points], 255, cv2.LINE_AA, _SHIFT)


def _apply_coat(
    rgb: NDArray[np.uint8],
    coat: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    origin: tuple[int, int],
) -> None:
    """Multiply by the coat texture, which sticks to the figure: texel = 64 × figure units."""
    to_image = matrix.copy()
    to_image[:, :2] /= _COAT_SCALE
    to_image[:, 2] -= np.add(origin, 0.5)
    height, width = rgb.shape[:2]
    sampled = cv2.warpAffine(
        coat, to_image, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
    )
    cv2.multiply(rgb, sampled, rgb, 1 / 128)


def _apply_light(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8], look: Look, scale: float) -> None:
    """Shade as if the silhouette were inflated: the slope of its blurred coverage meets the light."""
    if look.relief <= 0:
        return
    radius = int(min(max(scale * 0.10, 1.5), 40))
    padded = cv2.copyMakeBorder(alpha, radius, radius, radius, radius, cv2.BORDER_CONSTANT)
    size = (2 * radius + 1, 2 * radius + 1)
    height = cv2.boxFilter(cv2.boxFilter(padded, cv2.CV_32F, size), -1, (radius | 1, radius | 1))
    gain = look.relief * radius / 255
    across, down = 0.5 * gain * look.light[0], 0.5 * gain * look.light[1]
    # Lambert: normal (-dh/dx, -dh/dy, 1) · light; constant terms fold into 1.
    lit = cv2.add(
        cv2.Sobel(height, -1, 1, 0, ksize=1, scale=across),
        cv2.Sobel(height, -1, 0, 1, ksize=1, scale=down),
    )
    shade = np.clip(1.0 - lit[radius:-radius, radius:-radius], 0.45, 1.45)
    cv2.multiply(rgb, cv2.merge((shade, shade, shade)), rgb, 1.0, cv2.CV_8U)
