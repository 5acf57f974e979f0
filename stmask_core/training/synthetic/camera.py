"""The camera: smooth pan, zoom, roll and hand shake, as functions of continuous time.

World unit: one image height. World points have a parallax p (0 at infinity, about 1 near): a pan moves
them by -p × pan. Everything else (tilt, zoom, roll, shake) moves the whole picture.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]  # (2, 3)


class Wobble:
    """A sum of sinusoids: smooth, bounded by ``amplitude``, reproducible at any time."""

    def __init__(
        self,
        rng: np.random.Generator,
        amplitude: float,
        periods: tuple[float, float],
        terms: int = 3,
    ) -> None:
        weights = rng.uniform(0.3, 1.0, terms)
        self.weights = weights / weights.sum() * amplitude
        self.rates = 2 * math.pi / rng.uniform(*periods, terms)
        self.phases = rng.uniform(0, 2 * math.pi, terms)

    def __call__(self, t: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at the times ``t`` (seconds), same shape."""
        times = np.asarray(t, dtype=np.float64)[..., None]
        return (self.weights * np.sin(self.rates * times + self.phases)).sum(axis=-1)


class Camera:
    """One camera for one clip. ``restless`` 0 is a tripod, 1 a running operator."""

    def __init__(
        self, rng: np.random.Generator, size: tuple[int, int], duration: float, restless: float
    ) -> None:
        self.width, self.height = size
        self.aspect = self.width / self.height
        drift = float(rng.uniform(-1, 1)) * min(0.7, 0.25 * duration) * restless
        self.drift = drift / max(duration, 1e-6)
        self.start = -drift / 2
        self.sway = Wobble(rng, 0.10 * restless, (2.0, 6.0))
        self.tilt = Wobble(rng, 0.03 * restless, (2.0, 7.0))
        self.breath = Wobble(rng, 0.06 * restless, (3.0, 9.0))
        self.roll = Wobble(rng, math.radians(2.0) * restless, (2.5, 7.0))
        shaky = restless * float(rng.choice((0.0, 0.3, 1.0), p=(0.4, 0.4, 0.2)))
        self.shake_x = Wobble(rng, 0.016 * shaky, (0.15, 0.6), 4)
        self.shake_y = Wobble(rng, 0.016 * shaky, (0.15, 0.6), 4)

    def pan(self, t: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """How far the camera has moved to the right, in image heights."""
        return self.start + self.drift * np.asarray(t, dtype=np.float64) + self.sway(t)

    def view(self, t: float) -> Matrix:
        """From (x - p × pan, y) in image heights to image pixels, without the pan."""
        zoom = 1.03 * math.exp(float(self.breath(t)))
        angle = float(self.roll(t))
        c, s = math.cos(angle) * zoom * self.height, math.sin(angle) * zoom * self.height
        cx, cy = self.aspect / 2, 0.5
        sx, sy = cx - float(self.shake_x(t)), cy - float(self.shake_y(t)) - float(self.tilt(t))
        return np.array(
            [
                [c, -s, cx * self.height - c * sx + s * sy],
                [s, c, cy * self.height - s * sx - c * sy],
            ]
        )


def chain(outer: Matrix, inner: Matrix) -> Matrix:
    """First ``inner``, then ``outer``."""
    linear = outer[:, :2] @ inner[:, :2]
    shift = outer[:, :2] @ inner[:, 2] + outer[:, 2]
    return np.column_stack((linear, shift))
