"""Pictures that stand in the world: background layers and props, and how they come to the screen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stmask_core.opencv import cv2
from stmask_core.training.synthetic.camera import Matrix, chain

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Layer:
    """A picture fixed in the world. (x0, y0): world position of its top-left corner.

    pixels: (h, w, 3) opaque, or (h, w, 4) with colours already multiplied by the last channel.
    scale: pixels per image height. Parallax of a row at world height y: parallax + slope × (y - y0).
    depth: drawing order, larger is nearer.
    """

    pixels: Bytes
    x0: float
    y0: float
    scale: float
    parallax: float
    slope: float = 0.0
    depth: float = -1.0

    def to_image(self, view: Matrix, pan: float) -> Matrix:
        """Layer pixels to image pixels. The pan is a shear when the parallax grows with y."""
        shear = -pan * self.slope / self.scale
        shift = self.x0 - pan * self.parallax
        world = np.array([[1 / self.scale, shear, shift], [0.0, 1 / self.scale, self.y0]])
        return chain(view, world)


@dataclass(frozen=True, eq=False)
class Patch:
    """A window of the image with premultiplied colours: (h, w, 4), top-left at (x0, y0)."""

    x0: int
    y0: int
    pixels: Bytes


def opaque(layer: Layer, matrix: Matrix, size: tuple[int, int]) -> Bytes:
    """The whole image (H, W, 3) filled from an opaque layer, mirrored beyond its border."""
    moved = _for_opencv(matrix)
    border = cv2.BORDER_REFLECT
    filled = cv2.warpAffine(layer.pixels, moved, size, flags=cv2.INTER_LINEAR, borderMode=border)
    return np.asarray(filled, np.uint8)


def cut_out(layer: Layer, matrix: Matrix, size: tuple[int, int], margin: int = 0) -> Patch | None:
    """The part of a see-through layer that is in the image, widened by ``margin``; None if none is."""
    height, width = layer.pixels.shape[:2]
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=np.float64)
    placed = corners @ matrix[:, :2].T + matrix[:, 2]
    low, high = np.floor(placed.min(axis=0)) - margin, np.ceil(placed.max(axis=0)) + margin
    x0, y0 = max(int(low[0]), -margin), max(int(low[1]), -margin)
    x1, y1 = min(int(high[0]), size[0] + margin), min(int(high[1]), size[1] + margin)
    if x1 <= x0 or y1 <= y0:
        return None
    moved = matrix.copy()
    moved[:, 2] -= (x0, y0)
    pixels = cv2.warpAffine(layer.pixels, _for_opencv(moved), (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    return Patch(x0, y0, np.asarray(pixels, np.uint8))


def _for_opencv(matrix: Matrix) -> Matrix:
    """Pixel centres are at +0.5 here and at integers in OpenCV."""
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return shifted


def smear(pixels: Bytes, dx: float, dy: float) -> Bytes:
    """The picture integrated along a straight motion of (dx, dy) pixels, centred."""
    length = math.hypot(dx, dy)
    if length < 0.8:
        return pixels
    radius = math.ceil(length / 2) + 1
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    steps = max(int(length * 4), 8)
    along = (np.arange(steps) + 0.5) / steps - 0.5
    x, y = along * dx + radius, along * dy + radius
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = x - left, y - top
    for ox, wx in ((0, 1 - fx), (1, fx)):
        for oy, wy in ((0, 1 - fy), (1, fy)):
            np.add.at(kernel, (top + oy, left + ox), (wx * wy).astype(np.float32))
    kernel /= kernel.sum()
    return np.asarray(cv2.filter2D(pixels, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.uint8)


def lay_over(image: Bytes, patch: Patch) -> None:
    """Composite a premultiplied patch over the image, in place."""
    cut = overlap(image.shape[:2], patch)
    if cut is None:
        return
    x0, y0, pixels = cut
    height, width = pixels.shape[:2]
    below = image[y0 : y0 + height, x0 : x0 + width]
    through = cv2.cvtColor(255 - np.ascontiguousarray(pixels[..., 3]), cv2.COLOR_GRAY2RGB)
    cv2.multiply(below, through, through, 1 / 255)
    image[y0 : y0 + height, x0 : x0 + width] = cv2.add(through, cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB))


def overlap(shape: tuple[int, ...], patch: Patch) -> tuple[int, int, Bytes] | None:
    """What of a patch lies inside an image of this shape: x0, y0, pixels."""
    height, width = patch.pixels.shape[:2]
    x0, y0 = max(patch.x0, 0), max(patch.y0, 0)
    x1, y1 = min(patch.x0 + width, shape[1]), min(patch.y0 + height, shape[0])
    if x1 <= x0 or y1 <= y0:
        return None
    return x0, y0, patch.pixels[y0 - patch.y0 : y1 - patch.y0, x0 - patch.x0 : x1 - patch.x0]


def premultiplied(rgb: Bytes, alpha: Bytes) -> Bytes:
    """RGBA with colours multiplied by the coverage."""
    thick = cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.merge((*cv2.split(cv2.multiply(rgb, thick, scale=1 / 255)), alpha)), np.uint8)
