"""What happens to the pictures of a pair before the network sees them. The released training only flips."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from stmask_core.opencv import cv2
from stmask_core.training.recipe import Input

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class View:
    """Which window of a frame becomes the input: corners in relative coordinates, maybe mirrored.

    The window may be larger than the frame; what lies outside is black and holds no object.
    """

    x1: float = 0.0
    y1: float = 0.0
    x2: float = 1.0
    y2: float = 1.0
    mirrored: bool = False

    @property
    def is_whole(self) -> bool:
        """The frame as it is: the released resize applies."""
        return (self.x1, self.y1, self.x2, self.y2) == (0.0, 0.0, 1.0, 1.0)

    def of_image(self, image: Pixels, size: tuple[int, int]) -> Pixels:
        """(H, W, 3) -> (height, width, 3) of the (width, height) ``size``, bilinear."""
        if self.is_whole:
            resized = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        else:
            matrix = self._matrix(image.shape[:2], size)
            resized = np.asarray(cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)
        return np.ascontiguousarray(resized[:, ::-1] if self.mirrored else resized)

    def of_mask(self, bits: NDArray[np.bool_], shape: tuple[int, int], size: tuple[int, int]) -> Pixels:
        """A mask (h, w) of the same frame, nearest pixel; 0 and 1. shape: of the picture, (H, W)."""
        pixels = bits.view(np.uint8)
        if bits.shape != shape:  # annotated at another size than the picture has
            whole = cv2.resize(pixels, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
            pixels = np.asarray(whole, np.uint8)
        if self.is_whole:
            resized = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        else:
            matrix = self._matrix(shape, size)
            resized = np.asarray(cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_NEAREST), np.uint8)
        return resized[:, ::-1] if self.mirrored else resized

    def _matrix(self, shape: tuple[int, int], size: tuple[int, int]) -> NDArray[np.float64]:
        """Frame pixel -> input pixel, for OpenCV, whose coordinates are those of pixel centres."""
        scale_x = size[0] / ((self.x2 - self.x1) * shape[1])
        scale_y = size[1] / ((self.y2 - self.y1) * shape[0])
        shift_x = (0.5 - self.x1 * shape[1]) * scale_x - 0.5
        shift_y = (0.5 - self.y1 * shape[0]) * scale_y - 0.5
        return np.array([[scale_x, 0, shift_x], [0, scale_y, shift_y]])


def draw_view(options: Input, random: np.random.Generator) -> tuple[View, View]:
    """Views of both frames of a pair: one window, which drifts a little for the second; one flip decision."""
    mirrored = bool(random.random() < options.flip)
    low, high = options.zoom
    if low == high == 1.0 and not options.drift:
        view = View(mirrored=mirrored)
        return view, view
    extent = float(np.exp(random.uniform(np.log(low), np.log(high))))
    x1, y1 = (float(random.uniform(min(0.0, 1 - extent), max(0.0, 1 - extent))) for _ in range(2))
    first = View(x1, y1, x1 + extent, y1 + extent, mirrored)
    dx, dy = (float(random.uniform(-1, 1)) * options.drift * extent for _ in range(2))
    return first, replace(first, x1=x1 + dx, y1=y1 + dy, x2=first.x2 + dx, y2=first.y2 + dy)


@dataclass(frozen=True)
class Look:
    """One change of colours, the same for both frames of a pair. All neutral by default."""

    brightness: float = 0.0  # added, in 8-bit values
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0  # turned by so many degrees
    noise: float = 0.0  # standard deviation, in 8-bit values


def draw_look(options: Input, random: np.random.Generator) -> Look:
    """A random look; neutral when the options ask for none."""
    if not options.colour and not options.noise:
        return Look()
    a, b, c, d, e = random.uniform(-1, 1, 5) * options.colour
    return Look(
        brightness=float(40 * a),
        contrast=float(np.exp(0.4 * b)),
        saturation=float(np.exp(0.7 * c)),
        hue=float(25 * d + 10 * e),
        noise=float(random.random() * options.noise),
    )


def change_colours(pixels: Pixels, look: Look, random: np.random.Generator) -> Pixels:
    """Apply a look to (h, w, 3) RGB; the noise differs from frame to frame."""
    if look == Look():
        return pixels
    turned = look.contrast * _colour_matrix(look)
    shift = np.full((3, 1), 127.5 * (1 - look.contrast) + look.brightness)
    out = np.asarray(cv2.transform(pixels.astype(np.float32), np.hstack([turned, shift])), np.float32)
    if look.noise:
        noise = _noise()
        out += look.noise * np.resize(noise[random.integers(len(noise) // 2) :], out.shape)
    return np.clip(out, 0, 255, out=out).astype(np.uint8)


@cache
def _noise() -> NDArray[np.float32]:
    """Some normal noise: drawing it anew for every frame would cost more than all the rest."""
    return np.random.default_rng(0).standard_normal(1 << 20, np.float32)


def _colour_matrix(look: Look) -> NDArray[np.float32]:
    """Turns hue around the grey axis and scales the distance from it (Rec. 601 luma is kept)."""
    luma = np.array([0.299, 0.587, 0.114])
    grey = np.outer(np.ones(3), luma)
    angle = np.deg2rad(look.hue)
    axis = np.ones(3) / np.sqrt(3)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return (grey + look.saturation * (turn - np.outer(np.ones(3), luma @ turn))).astype(np.float32)
