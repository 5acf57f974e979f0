"""Colours: free ones from the hue windows of a split, natural ones around named means."""

from __future__ import annotations

import colorsys

import numpy as np

from stmask_core.training.synthetic.drawing import Colour
from stmask_core.training.synthetic.splits import HUE_WINDOWS

# Means (hue in degrees, saturation, value) of what nature paints; each draw moves around them.
FUR = (
    (28, 0.55, 0.62), (24, 0.60, 0.38), (36, 0.35, 0.85), (30, 0.12, 0.92), (20, 0.70, 0.70),
    (25, 0.10, 0.30), (30, 0.06, 0.60), (40, 0.50, 0.75),
)  # fmt: skip
SKIN = ((24, 0.30, 0.96), (22, 0.42, 0.80), (20, 0.52, 0.58), (18, 0.55, 0.38))
HAIR = ((30, 0.6, 0.18), (28, 0.6, 0.40), (45, 0.6, 0.85), (14, 0.75, 0.65), (30, 0.03, 0.75))
HIDE = ((220, 0.10, 0.58), (30, 0.14, 0.55), (210, 0.16, 0.70), (20, 0.20, 0.42))


def from_hsv(hue: float, saturation: float, value: float) -> Colour:
    """RGB bytes of a hue in degrees and two fractions (clipped to 0..1)."""
    s, v = min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0)
    r, g, b = colorsys.hsv_to_rgb(hue % 360 / 360, s, v)
    return round(r * 255), round(g * 255), round(b * 255)


def shade(colour: Colour, factor: float) -> Colour:
    """Darker (below 1) or lighter (above 1, toward white)."""
    if factor <= 1:
        r, g, b = (round(c * factor) for c in colour)
    else:
        r, g, b = (round(c + (255 - c) * (factor - 1)) for c in colour)
    return min(r, 255), min(g, 255), min(b, 255)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """``share`` of ``other`` in ``one``."""
    r, g, b = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return r, g, b


class Palette:
    """Draws colours for one split from one random stream."""

    def __init__(self, split: str, rng: np.random.Generator) -> None:
        self.split = split
        self.rng = rng

    def free(self, saturation: tuple[float, float], value: tuple[float, float]) -> Colour:
        """Any hue that the split may use."""
        windows = HUE_WINDOWS[self.split]
        low, high = windows[self.rng.integers(len(windows))]
        hue = self.rng.uniform(low, high)
        return from_hsv(hue, self.rng.uniform(*saturation), self.rng.uniform(*value))

    def natural(self, means: tuple[tuple[float, float, float], ...], spread: float = 1.0) -> Colour:
        """A colour near one of ``means``."""
        hue, saturation, value = means[self.rng.integers(len(means))]
        return from_hsv(
            hue + self.rng.normal(0, 6 * spread),
            saturation + self.rng.normal(0, 0.08 * spread),
            value + self.rng.normal(0, 0.07 * spread),
        )

    def near(self, colour: Colour, spread: float = 10.0) -> Colour:
        """A look-alike of ``colour``: each channel moved by about ``spread`` levels."""
        r, g, b = (round(float(np.clip(c + self.rng.normal(0, spread), 0, 255))) for c in colour)
        return r, g, b
