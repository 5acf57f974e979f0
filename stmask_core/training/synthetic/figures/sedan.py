"""A car."""

from __future__ import annotations

import math

import numpy as np

from stmask_core.training.synthetic.coats import coat_of
from stmask_core.training.synthetic.drawing import Look, Part
from stmask_core.training.synthetic.figures.figure import Figure, Pose
from stmask_core.training.synthetic.geometry import blob, limb, oval, polygon
from stmask_core.training.synthetic.palettes import Palette, from_hsv, shade

LINE = 0.012


class Sedan(Figure):
    """A sedan: rigid body, turning wheels."""

    name = "sedan"
    size = (0.40, 0.58)

    def __init__(self, rng: np.random.Generator, palette: Palette) -> None:
        super().__init__(rng, palette)
        grey = self.chance(0.35)
        self.paint = (
            from_hsv(215, 0.05, self.vary(0.6, 0.6)) if grey else palette.free((0.55, 0.95), (0.45, 0.95))
        )
        self.trim = shade(self.paint, float(rng.uniform(0.5, 0.85)))
        self.half = self.vary(0.58, 0.1)
        self.roof = self.vary(0.24, 0.12)
        self.deck = self.vary(0.24, 0.12)
        self.wheel = self.vary(0.115, 0.1)
        self.spokes = int(rng.integers(4, 7))
        self.rim = from_hsv(215, 0.05, self.vary(0.78, 0.2))
        self.lean = float(rng.uniform(-0.06, 0.06))
        self.glass = from_hsv(205, 0.3, self.vary(0.42, 0.4))
        self.stride = 2 * math.pi * self.wheel
        self.look = Look((26, 28, 34), coat_of("plain", rng, palette), 0.7)

    def parts(self, pose: Pose) -> list[Part]:
        """Body, cabin, windows, lamps, wheels."""
        h, sill = self.half, -self.wheel * 0.75
        hop = 0.004 * math.sin(pose.time * 11 + self.mood) * pose.vigour
        deck, top = sill - self.deck + hop, sill - self.deck - self.roof + hop
        body = blob([(-h, sill - 0.04), (-h * 0.99, deck + 0.06), (-h * 0.82, deck), (h * 0.45, deck + 0.005),
                     (h * 0.9, deck + 0.05), (h * 1.02, deck + 0.13), (h, sill - 0.02),
                     (h * 0.6, sill + 0.03),
                     (-h * 0.6, sill + 0.03)])  # fmt: skip
        s = self.lean
        cabin = blob([(-h * 0.80, deck + 0.03), (-h * 0.52 + s, top + 0.02), (-h * 0.1, top - 0.015),
                      (h * 0.18 + s, top + 0.02),
                      (h * 0.52, deck + 0.03), (0, deck + 0.06)])  # fmt: skip
        rear = polygon(
            (-h * 0.60, deck + 0.005),
            (-h * 0.44 + s, top + 0.045),
            (-h * 0.16, top + 0.035),
            (-h * 0.16, deck + 0.005),
        )
        front = polygon(
            (-h * 0.11, deck + 0.005),
            (-h * 0.11, top + 0.035),
            (h * 0.13 + s, top + 0.045),
            (h * 0.36, deck + 0.005),
        )
        glint = polygon((-h * 0.05, deck), (h * 0.03, top + 0.045), (h * 0.08, top + 0.045), (0.0, deck))
        door = limb([(-h * 0.135, deck + 0.02), (-h * 0.135, sill - 0.02)], [0.005, 0.005], 3)
        handle = limb([(-h * 0.26, deck + 0.05), (-h * 0.2, deck + 0.05)], [0.009, 0.009], 3)
        stripe = limb(
            [(-h * 0.97, sill - 0.05), (0, sill - 0.035), (h * 0.98, sill - 0.05)], [0.022, 0.022, 0.022]
        )
        parts = [
            Part(cabin, self.paint, LINE),
            Part(body, self.paint, LINE),
            Part(stripe, self.trim),
            Part(rear, self.glass, LINE, True),
            Part(front, self.glass, LINE, True),
            Part(glint, shade(self.glass, 1.45), 0, True),
            Part(door, shade(self.paint, 0.55), 0, True),
            Part(handle, shade(self.paint, 0.45), 0, True),
            Part(oval(h * 0.95, deck + 0.1, 0.035, 0.026, 0.3, 12), (255, 246, 200), 0.008, True),
            Part(oval(-h * 0.97, deck + 0.085, 0.022, 0.035, 0, 12), (215, 40, 40), 0.008, True),
        ]
        for x in (-h * 0.6, h * 0.6):
            parts += self._wheel(x, pose.phase)
        return parts

    def _wheel(self, x: float, phase: float) -> list[Part]:
        r = self.wheel
        parts = [
            Part(oval(x, -r, r * 1.18, r * 1.18, 0, 18), (34, 34, 38)),
            Part(oval(x, -r, r, r, phase, 18), (24, 24, 27), LINE, True),
            Part(oval(x, -r, r * 0.6, r * 0.6, phase, 16), self.rim, 0, True),
        ]
        for k in range(self.spokes):
            angle = phase + 2 * math.pi * k / self.spokes
            parts.append(
                Part(oval(x + r * 0.36 * math.cos(angle), -r + r * 0.36 * math.sin(angle), r * 0.16,
                     r * 0.1, angle, 8),
                     (60, 62, 68), 0, True)
            )  # fmt: skip
        return parts
