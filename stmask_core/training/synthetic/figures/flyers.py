"""Parrot (flaps) and airplane (rigid)."""

from __future__ import annotations

import math

import numpy as np

from stmask_core.training.synthetic.coats import coat_of
from stmask_core.training.synthetic.drawing import Look, Part
from stmask_core.training.synthetic.figures.figure import Figure, Pose, eye
from stmask_core.training.synthetic.geometry import Points, blob, limb, oval, polygon, turned
from stmask_core.training.synthetic.palettes import Palette, from_hsv, shade

LINE = 0.014


class Parrot(Figure):
    """A parrot in flight: two flapping wings of feathers, a long tail, a hooked beak."""

    name = "parrot"
    size = (0.34, 0.50)

    def __init__(self, rng: np.random.Generator, palette: Palette) -> None:
        super().__init__(rng, palette)
        self.body = palette.free((0.65, 0.95), (0.7, 0.98))
        self.wing = palette.free((0.65, 0.95), (0.6, 0.95))
        self.tips = palette.free((0.6, 0.95), (0.35, 0.9))
        self.face = (246, 240, 228) if self.chance(0.6) else shade(self.body, 1.4)
        self.beak = (44, 40, 42) if self.chance(0.6) else from_hsv(38, 0.5, 0.9)
        self.span = self.vary(0.55, 0.15)
        self.tail = self.vary(0.48, 0.25)
        self.beat = self.vary(11, 0.25)
        self.stride = 0.4
        self.look = Look(shade(self.body, 0.3), coat_of("feathers", rng, palette), 0.5)

    def parts(self, pose: Pose) -> list[Part]:
        """Far wing, tail, body, head, near wing."""
        stroke = math.sin(pose.time * self.beat + self.mood)
        parts = self._wing(stroke, 0.06, 0.72)
        for k in (-1, 0, 1):
            feather = limb([(-0.18, 0.04), (-0.32, 0.08 + 0.02 * k),
                           (-0.24 - self.tail, 0.12 + 0.07 * k - 0.04 * stroke)],
                           [0.05, 0.04, 0.016])  # fmt: skip
            parts.append(Part(feather, self.tips if k else self.body, LINE))
        lift = -0.02 * stroke
        body = limb([(-0.22, 0.05), (-0.05, 0.02), (0.14, -0.03), (0.24, -0.09)], [0.05, 0.13, 0.125, 0.09])
        parts.append(Part(body, self.body, LINE))
        x, y = 0.29, -0.13 + lift
        beak = blob([(x + 0.06, y - 0.06), (x + 0.16, y - 0.035), (x + 0.175, y + 0.07), (x + 0.12, y + 0.04),
                     (x + 0.06, y + 0.05)])  # fmt: skip
        parts += [
            Part(oval(x, y, 0.105, 0.1), self.body, LINE),
            Part(oval(x + 0.045, y - 0.005, 0.055, 0.055, count=14), self.face),
            Part(beak, self.beak, LINE),
            *eye(x + 0.04, y - 0.015, 0.027),
        ]
        return parts + self._wing(stroke, 0.0, 1.0)

    def _wing(self, stroke: float, shift: float, tone: float) -> list[Part]:
        """Feathers fanned out from the shoulder; the tip lags behind the arm."""
        root = (0.08 + shift, -0.06 - shift * 0.3)
        raised = 1.15 * stroke + 0.15
        feathers: list[Part] = []
        for k in range(5):
            angle = math.pi / 2 + raised - 0.28 * (k - 2) * 0.9
            bend = angle + 0.35 * (1 - stroke) * 0.5
            length = self.span * (1.0 - 0.10 * k)
            # Screen axes: angle 90 degrees + raised=90 is straight up and slightly back.
            mid = (root[0] - 0.35 * length * math.cos(raised) * (0.4 + 0.22 * k),
                   root[1] - 0.5 * length * math.sin(raised))  # fmt: skip
            tip = (root[0] - length * (0.25 + 0.16 * k) - 0.05 * math.cos(bend),
                   root[1] - length * math.sin(raised) * (1 - 0.08 * k) + 0.04 * k)  # fmt: skip
            colour = self.tips if k % 2 else self.wing
            feathers.append(Part(limb([root, mid, tip], [0.055, 0.062, 0.025]), shade(colour, tone), LINE))
        cover = limb(
            [(root[0] + 0.05, root[1]), (root[0] - 0.08, root[1] - 0.22 * math.sin(raised))], [0.07, 0.075]
        )
        return [*feathers, Part(cover, shade(self.wing, tone), LINE)]


class Airplane(Figure):
    """An airliner seen from the side: fuselage, wing, fin, windows, a painted belly and tail."""

    name = "airplane"
    size = (0.30, 0.48)

    def __init__(self, rng: np.random.Generator, palette: Palette) -> None:
        super().__init__(rng, palette)
        white = self.chance(0.65)
        self.hull = (
            from_hsv(210, 0.03, self.vary(0.93, 0.06)) if white else palette.free((0.1, 0.5), (0.7, 0.95))
        )
        self.paint = palette.free((0.6, 0.95), (0.5, 0.95))
        self.metal = from_hsv(215, 0.08, self.vary(0.66, 0.15))
        self.length = self.vary(1.25, 0.12)
        self.girth = self.vary(0.085, 0.2)
        self.windows = int(rng.integers(6, 11))
        self.propeller = self.chance(0.3)
        self.look = Look((44, 50, 62), coat_of("plain", rng, palette), 0.6)

    def parts(self, pose: Pose) -> list[Part]:
        """Far wing, hull with stripe and windows, engine, near wing, fin."""
        h, g = self.length / 2, self.girth
        far = polygon((0.12, -g * 0.3), (-0.02, -0.30), (-0.10, -0.30), (-0.1, -g * 0.3))
        near = polygon((0.16, g * 0.35), (-0.18, 0.40), (-0.29, 0.41), (-0.12, g * 0.55))
        fin = polygon((-h + 0.24, -g * 0.6), (-h + 0.03, -0.31), (-h - 0.06, -0.31), (-h + 0.04, -g * 0.4))
        stab = polygon((-h + 0.16, -g * 0.1), (-h - 0.06, 0.10), (-h - 0.12, 0.10), (-h + 0.03, -g * 0.1))
        hull = blob([(-h, -g * 0.55), (-h * 0.55, -g), (h * 0.4, -g), (h * 0.82, -g * 0.7), (h, g * 0.15),
                     (h * 0.8, g * 0.75), (h * 0.2, g), (-h * 0.5, g * 0.75),
                     (-h * 0.85, g * 0.05)])  # fmt: skip
        stripe = limb(
            [(-h * 0.86, -g * 0.1), (0, g * 0.35), (h * 0.9, g * 0.25)], [g * 0.1, g * 0.14, g * 0.08]
        )
        spin = math.cos(pose.time * 40)
        blade = oval(h + 0.01, g * 0.1, 0.012, 0.17 * (0.3 + 0.7 * abs(spin)), count=12)
        glass = [
            Part(
                oval(h * (-0.5 + 1.1 * k / self.windows), -g * 0.3, 0.014, 0.02, count=10),
                (58, 78, 104),
                0,
                True,
            )
            for k in range(self.windows)
        ]
        cockpit = polygon((h * 0.74, -g * 0.66), (h * 0.88, -g * 0.35), (h * 0.74, -g * 0.25))
        return [
            Part(far, shade(self.metal, 0.75), LINE),
            Part(hull, self.hull, LINE),
            Part(stripe, self.paint),
            Part(fin, self.paint, LINE),
            Part(stab, shade(self.metal, 0.9), LINE),
            Part(limb([(-0.05, g * 1.7), (0.14, g * 1.7)], [0.045, 0.05]), shade(self.paint, 0.85), LINE),
            Part(near, self.metal, LINE),
            Part(blade if self.propeller else stripe, (90, 90, 96) if self.propeller else self.paint),
            Part(cockpit, (52, 70, 96), 0, True),
            *glass,
        ]


def rotated(points: Points, angle: float) -> Points:
    """Points turned about the origin."""
    return turned(points, (0.0, 0.0), angle)
