"""Fish (undulates) and turtle (paddles)."""

from __future__ import annotations

import math

import numpy as np

from stmask_core.training.synthetic.coats import coat_of
from stmask_core.training.synthetic.drawing import Look, Part
from stmask_core.training.synthetic.figures.figure import Figure, Pose, eye
from stmask_core.training.synthetic.geometry import blob, limb, oval, polygon
from stmask_core.training.synthetic.palettes import Palette, shade

LINE = 0.014


class Fish(Figure):
    """A fish: the body bends along a wave that grows toward the tail."""

    name = "fish"
    size = (0.26, 0.46)

    def __init__(self, rng: np.random.Generator, palette: Palette) -> None:
        super().__init__(rng, palette)
        self.body = palette.free((0.5, 0.95), (0.65, 1.0))
        self.fins = palette.free((0.5, 0.95), (0.55, 0.95))
        self.mark = (248, 246, 240) if self.chance(0.45) else shade(self.fins, 0.55)
        self.deep = self.vary(0.24, 0.4)
        self.tail = self.vary(0.2, 0.3)
        self.crest = self.vary(0.14, 0.45)
        self.bands = int(rng.integers(0, 5))
        self.wave = self.vary(0.055, 0.3)
        self.beat = self.vary(7, 0.3)
        self.stride = 0.8
        self.look = Look(shade(self.body, 0.3), coat_of("scales", rng, palette), 0.65)

    def parts(self, pose: Pose) -> list[Part]:
        """Tail and dorsal fins, body, bands, pectoral fin, face."""
        swing = pose.phase + pose.time * self.beat * 0.5 + self.mood
        u = np.linspace(0, 1, 8)  # nose .. root of the tail
        x = 0.42 - 0.84 * u
        y = self.wave * (0.15 + 0.85 * u**1.6) * np.sin(swing - 3.2 * u)
        half = self.deep * np.array((0.22, 0.72, 0.98, 1.0, 0.86, 0.62, 0.38, 0.26))
        top, low = np.column_stack((x, y - half)), np.column_stack((x, y + half * 0.92))[::-1]
        back = float(self.wave * 1.5 * math.sin(swing - 4.0))
        t, tx, ty = self.tail, float(x[-1]), float(y[-1])
        tail = blob([(tx + 0.06, ty), (tx - t * 0.7, ty - t * 0.95 + back),
                     (tx - t * 1.1, ty - t * 0.9 + back),
                     (tx - t * 0.7, ty + back), (tx - t * 1.1, ty + t * 0.9 + back),
                     (tx - t * 0.7, ty + t * 0.95 + back)])  # fmt: skip
        dorsal = blob([(x[1], y[1] - half[1] * 0.9), (x[2] - 0.03, y[2] - half[2] - self.crest),
                       (x[4] - 0.06, y[4] - half[4] - self.crest * 0.8), (x[6], y[6] - half[6]),
                       (x[4], y[4] - half[4] * 0.5)])  # fmt: skip
        anal = blob([(x[4], y[4] + half[4] * 0.6), (x[5] - 0.06, y[5] + half[5] + self.crest * 0.6),
                     (x[6] - 0.03, y[6] + half[6] * 0.8)])  # fmt: skip
        parts = [
            Part(tail, self.fins, LINE),
            Part(dorsal, self.fins, LINE),
            Part(anal, self.fins, LINE),
            Part(blob(np.concatenate((top, low)), samples=3), self.body, LINE),
        ]
        for k in range(self.bands):
            at = 0.26 + 0.6 * (k + 0.5) / self.bands
            bx, by, bh = (float(np.interp(at, u, v)) for v in (x, y, half))
            band = limb(
                [(bx + 0.02, by - bh * 0.93), (bx - 0.02, by), (bx + 0.02, by + bh * 0.85)],
                [0.026, 0.036, 0.024],
            )
            parts.append(Part(band, self.mark))
        fan = 0.5 + 0.4 * math.sin(pose.time * 5 + self.mood)
        px, py = float(x[3]), float(y[3]) + self.deep * 0.25
        fin = blob([(px + 0.05, py), (px - 0.06, py - 0.05 + 0.06 * fan), (px - 0.13, py + 0.10 * fan),
                    (px - 0.04, py + 0.09)])  # fmt: skip
        ex, ey = float(x[1]) + 0.005, float(y[1]) - self.deep * 0.18
        mouth = limb(
            [(0.42, float(y[0]) + self.deep * 0.05), (0.36, float(y[0]) + self.deep * 0.16)], [0.01, 0.008], 3
        )
        return [*parts, Part(fin, shade(self.fins, 0.9), LINE), Part(mouth, shade(self.body, 0.4), 0, True),
                *eye(ex, ey, 0.05)]  # fmt: skip


class Turtle(Figure):
    """A sea turtle: a domed shell with plates, paddling flippers, a curious head."""

    name = "turtle"
    size = (0.30, 0.46)

    def __init__(self, rng: np.random.Generator, palette: Palette) -> None:
        super().__init__(rng, palette)
        self.shell = palette.natural(((90, 0.45, 0.42), (32, 0.6, 0.45), (60, 0.5, 0.45), (150, 0.35, 0.4)))
        self.skin = palette.natural(((95, 0.35, 0.68), (60, 0.35, 0.75), (170, 0.25, 0.65)))
        self.plate = shade(self.shell, 1.35 if self.chance(0.6) else 0.62)
        self.dome = self.vary(0.26, 0.2)
        self.stride = 0.5
        self.look = Look(shade(self.shell, 0.35), coat_of("speckled", rng, palette), 0.75)

    def parts(self, pose: Pose) -> list[Part]:
        """Far flippers, tail, head, plastron, shell with plates, near flippers."""
        stroke = math.sin(pose.phase + self.mood)
        idle = 0.25 + 0.75 * pose.vigour
        d = self.dome
        shell = blob(
            [(-0.38, 0.02), (-0.28, -d * 0.62), (-0.04, -d), (0.22, -d * 0.66), (0.36, 0.02), (0.0, 0.075)]
        )
        rim = limb([(-0.38, 0.03), (0.0, 0.075), (0.36, 0.03)], [0.03, 0.04, 0.03])
        plates = [oval(x, -d * h, 0.075, d * 0.22, a, 6) for x, h, a in
                  ((-0.2, 0.42, 0.3), (-0.02, 0.58, 0.0), (0.17, 0.42, -0.3), (-0.11, 0.14, 0.1),
                  (0.08, 0.14, 0))]  # fmt: skip
        nod = 0.03 * math.sin(pose.time * 2 + self.mood)
        neck = limb([(0.26, 0.0), (0.40, -0.06 + nod), (0.50, -0.10 + nod)], [0.075, 0.06, 0.06])
        hx, hy = 0.54, -0.11 + nod
        parts = [
            Part(self._flipper(0.2, 0.02, 0.3, -stroke * idle), shade(self.skin, 0.72), LINE),
            Part(self._flipper(-0.26, 0.03, 0.18, stroke * idle), shade(self.skin, 0.72), LINE),
            Part(polygon((-0.34, 0.0), (-0.5, 0.05), (-0.34, 0.06)), self.skin, LINE),
            Part(neck, self.skin, LINE),
            Part(oval(hx, hy, 0.105, 0.08, 0.1), self.skin, LINE),
            Part(blob([(-0.3, 0.03), (0.0, 0.13), (0.3, 0.03)]), shade(self.skin, 1.35), LINE),
            Part(shell, self.shell, LINE),
            *(Part(p, self.plate, LINE * 0.6) for p in plates),
            Part(rim, shade(self.shell, 0.75)),
            Part(self._flipper(0.16, 0.06, 0.34, stroke * idle), self.skin, LINE),
            Part(self._flipper(-0.27, 0.06, 0.19, -stroke * idle), self.skin, LINE),
        ]
        return [*parts, *eye(hx + 0.035, hy - 0.02, 0.025)]

    @staticmethod
    def _flipper(x: float, y: float, length: float, stroke: float) -> np.ndarray:
        angle = 2.1 + 0.65 * stroke
        mid = (x + length * 0.55 * math.cos(angle - 0.3), y + length * 0.55 * math.sin(angle - 0.3))
        tip = (x + length * math.cos(angle), y + length * math.sin(angle))
        return limb([(x, y), mid, tip], [0.055, 0.065, 0.02])
