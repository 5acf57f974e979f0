"""How a frame fits into the network's input: resized, then padded on the right and at the bottom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STRIDE = 32  # the input's sides are multiples of it


@dataclass(frozen=True)
class FrameLayout:
    """(height, width) in pixels of the frame as filmed, as resized, and with padding."""

    source: tuple[int, int]
    resized: tuple[int, int]
    padded: tuple[int, int]

    @property
    def used(self) -> tuple[float, float]:
        """Which share of the padded height and width is picture."""
        return self.resized[0] / self.padded[0], self.resized[1] / self.padded[1]

    def boxes_to_image(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (N, 4) xyxy of the padded input (side = 1) -> whole image pixels, ordered and inside.

        Released code (spec section 12): low corners are clamped to 0, high ones to the size, all truncated.
        """
        high, wide = self.used
        height, width = self.source
        x = boxes[:, [0, 2]] / np.float32(wide) * np.float32(width)
        y = boxes[:, [1, 3]] / np.float32(high) * np.float32(height)
        low_x, high_x = np.maximum(x.min(1), 0), np.minimum(x.max(1), width)
        low_y, high_y = np.maximum(y.min(1), 0), np.minimum(y.max(1), height)
        return np.trunc(np.stack([low_x, low_y, high_x, high_y], 1)).astype(np.float32)


def squashed(source: tuple[int, int], input_size: tuple[int, int]) -> FrameLayout:
    """The released way: every frame becomes input_size = (width, height), whatever its shape."""
    width, height = input_size
    return FrameLayout(source, (height, width), (_up(height), _up(width)))


def letterboxed(source: tuple[int, int], input_size: tuple[int, int]) -> FrameLayout:
    """The aspect ratio kept: as large as fits into input_size = (width, height), the rest is padding."""
    width, height = input_size
    scale = min(height / source[0], width / source[1])
    resized = (max(1, round(source[0] * scale)), max(1, round(source[1] * scale)))
    return FrameLayout(source, resized, (_up(height), _up(width)))


def _up(length: int) -> int:
    return -(-length // STRIDE) * STRIDE
