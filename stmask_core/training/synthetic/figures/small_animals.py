"""Rabbit (hops), duck (waddles) and snake (winds)."""

from __future__ import annotations

import math

import numpy as np

from stmask_core.training.synthetic.coats import coat_of
from stmask_core.training.synthetic.drawing import Look, Part
from stmask_core.training.synthetic.figures.figure import Figure, Pose, eye
from stmask_core.training.synthetic.geometry import blob, limb, oval, polygon, turned
from stmask_core.training.synthetic.palettes import FUR, Palette, from_hsv, shade

LINE = 0.016


class Rabbit(Figure):
    """A rabbit: long ears that lag behind each hop, a cotton tail."""

    name = "rabbit"
    size = (0.30, 0.44)

    def __init__(self, rng: np.random.Generator, palette: Palette) -> None:
        super().__init__(rng, palette)
        self.coat_colour = palette.natural(FUR)
        self.light = shade(self.coat_colour, 1.55)
        self.ear = self.vary(0.42, 0.25)
        self.plump = self.vary(0.25, 0.15)
        self.lop = self.chance(0.3)
        self.stride = 0.75
        kind = ("plain", "patches")[rng.integers(2)]
        self.look = Look(shade(self.coat_colour, 0.3), coat_of(kind, rng, palette), 0.6)

    def parts(self, pose: Pose) -> list[Part]:
        """Tail, far ear, body, hind leg, forelegs, head, near ear."""
        up = max(0.0, math.sin(pose.phase)) * pose.vigour
        tilt = -0.35 * math.cos(pose.phase) * pose.vigour * (1 if up > 0 else 0.3)
        twitch = 0.08 * math.sin(pose.time * 5 + self.mood)
        p = self.plump
        body = blob([(-0.30, -0.12), (-0.28, -0.34), (-0.08, -0.30 - p * 0.75), (0.16, -0.27 - p * 0.4),
                     (0.27, -0.24), (0.22, -0.08), (0.0, -0.03)])  # fmt: skip
        belly = blob([(-0.05, -0.06), (0.1, -0.16), (0.24, -0.22), (0.21, -0.09), (0.05, -0.045)])
        kick = 0.16 * up
        thigh = oval(-0.15, -0.17, 0.15, 0.13, 0.4)
        hind = limb([(-0.17, -0.07), (-0.06 - kick, -0.035 + 0.3 * kick),
                    (0.03 - 2 * kick, -0.03 + 0.5 * kick)],
                    [0.045, 0.04, 0.035])  # fmt: skip
        fore = [limb([(0.17 + d, -0.16), (0.20 + d + kick, -0.08),
                     (0.22 + d + 1.5 * kick, -0.03 - 0.2 * kick)],
                     [0.05, 0.035, 0.035]) for d in (0.05, 0.0)]  # fmt: skip
        x, y = 0.30, -0.42 + 0.02 * twitch
        head = blob([(x - 0.13, y), (x - 0.05, y - 0.125), (x + 0.09, y - 0.09), (x + 0.155, y + 0.03),
                     (x + 0.07, y + 0.12), (x - 0.07, y + 0.12)])  # fmt: skip
        lag = -0.5 * math.cos(pose.phase + 0.6) * pose.vigour + twitch
        droop = 1.9 if self.lop else 0.35
        parts = [
            Part(oval(-0.32, -0.22, 0.075, 0.075, count=16), self.light, LINE),
            Part(self._ear(x + 0.02, y - 0.08, droop + lag + 0.25), shade(self.coat_colour, 0.75), LINE),
            Part(fore[0], shade(self.coat_colour, 0.75), LINE),
            Part(body, self.coat_colour, LINE),
            Part(belly, self.light),
            Part(fore[1], self.coat_colour, LINE),
            Part(thigh, self.coat_colour, LINE * 0.7),
            Part(hind, self.light, LINE),
            Part(head, self.coat_colour, LINE),
            Part(oval(x + 0.09, y + 0.06, 0.06, 0.05, count=14), self.light),
            Part(self._ear(x - 0.02, y - 0.08, droop + lag), self.coat_colour, LINE),
            Part(self._ear(x - 0.02, y - 0.08, droop + lag, 0.55), (240, 170, 170)),
            Part(oval(x + 0.15, y + 0.02, 0.018, 0.015, count=10), (210, 100, 110), 0, True),
            *eye(x + 0.05, y - 0.02, 0.033),
        ]
        rise = np.array((0.0, -0.34 * up))
        return [Part(turned(q.points, (0, -0.2), tilt) + rise, *q[1:]) for q in parts]

    def _ear(self, x: float, y: float, angle: float, size: float = 1.0) -> np.ndarray:
        length = self.ear * (0.5 + 0.5 * size)
        dx, dy = -math.sin(angle), -math.cos(angle)
        reach = [(x, y), (x + dx * length * 0.5, y + dy * length * 0.5), (x + dx * length, y + dy * length)]
        return limb(reach, [0.035 * size, 0.06 * size, 0.025 * size])


class Duck(Figure):
    """A duck that waddles; drakes have a coloured head and a white ring."""

    name = "duck"
    size = (0.32, 0.46)

    def __init__(self, rng: np.random.Generator, palette: Palette) -> None:
        super().__init__(rng, palette)
        self.body = palette.natural(((40, 0.1, 0.95), (48, 0.65, 0.97), (30, 0.4, 0.5), (25, 0.15, 0.65)))
        self.head = palette.natural(((140, 0.7, 0.4), (170, 0.7, 0.4))) if self.chance(0.4) else self.body
        self.wing = shade(self.body, float(rng.uniform(0.7, 0.9)))
        self.bar = palette.free((0.5, 0.9), (0.5, 0.9))
        self.beak = palette.natural(((35, 0.9, 0.97), (25, 0.9, 0.95)))
        self.neck = self.vary(0.2, 0.3)
        self.stride = 0.30
        kind = ("plain", "speckled")[rng.integers(2)]
        self.look = Look(shade(self.body, 0.32), coat_of(kind, rng, palette), 0.6)

    def parts(self, pose: Pose) -> list[Part]:
        """Feet, tail, body, neck, head, beak, wing."""
        roll = 0.10 * math.sin(pose.phase) * pose.vigour
        nod = 0.03 * math.sin(pose.phase * 2) * pose.vigour + 0.012 * math.sin(pose.time * 2 + self.mood)
        feet = []
        for offset, tone in ((math.pi, 0.7), (0.0, 1.0)):
            x = 0.02 + 0.10 * math.cos(pose.phase + offset) * pose.vigour
            y = -0.05 * max(0.0, -math.sin(pose.phase + offset)) * pose.vigour
            leg = limb([(0.0, -0.12), (x * 0.6, -0.07 + y), (x, -0.02 + y)], [0.022, 0.02, 0.02])
            web = polygon((x - 0.03, y), (x + 0.01, y - 0.035), (x + 0.10, y - 0.01), (x + 0.10, y))
            feet += [Part(leg, shade(self.beak, tone), LINE), Part(web, shade(self.beak, tone), LINE)]
        body = blob([(-0.40, -0.34), (-0.26, -0.30), (0.0, -0.36), (0.22, -0.36), (0.31, -0.24), (0.2, -0.1),
                     (-0.05, -0.07), (-0.26, -0.14)])  # fmt: skip
        hx, hy = 0.30 + nod * 2, -0.46 - self.neck + nod * 0.3
        neck = limb([(0.17, -0.24), (0.27, -0.38), (0.22 + nod, -0.42 - self.neck * 0.6),
                    (hx - 0.02, hy + 0.02)],
                    [0.13, 0.095, 0.065, 0.07])  # fmt: skip
        beak = blob([(hx + 0.07, hy - 0.045), (hx + 0.15, hy - 0.01), (hx + 0.235, hy + 0.0),
                     (hx + 0.22, hy + 0.045), (hx + 0.07, hy + 0.06)])  # fmt: skip
        flap = 0.12 * max(0.0, math.sin(pose.time * 1.1 + self.mood) - 0.8) * 5 * math.sin(pose.time * 20)
        wing = blob(
            [(0.16, -0.30), (0.0, -0.33), (-0.20, -0.29), (-0.36, -0.26), (-0.18, -0.17), (0.06, -0.15)]
        )
        bar = blob([(-0.06, -0.25), (-0.2, -0.255), (-0.27, -0.235), (-0.18, -0.2), (-0.05, -0.205)])
        ring = oval(0.245 + nod, -0.42 - self.neck * 0.35, 0.02, 0.078, 1.5)
        upper = [
            Part(body, self.body, LINE),
            Part(neck, self.body),
            Part(ring, (246, 246, 240) if self.head != self.body else self.body),
            Part(oval(hx, hy, 0.105, 0.095), self.head, LINE),
            Part(beak, self.beak, LINE),
            Part(turned(wing, (0.1, -0.27), flap), self.wing, LINE),
            Part(turned(bar, (0.1, -0.27), flap), self.bar),
            *eye(hx + 0.035, hy - 0.02, 0.027),
        ]
        return feet + [Part(turned(q.points, (0, -0.1), roll), *q[1:]) for q in upper]


class Snake(Figure):
    """A snake: a wave travels along it; bands or diamonds ride on the back."""

    name = "snake"
    size = (0.34, 0.52)

    def __init__(self, rng: np.random.Generator, palette: Palette) -> None:
        super().__init__(rng, palette)
        natural = palette.natural(((100, 0.5, 0.45), (40, 0.55, 0.6), (20, 0.6, 0.5)))
        self.base = natural if self.chance(0.5) else palette.free((0.45, 0.85), (0.45, 0.85))
        dark = self.chance(0.5)
        self.mark = shade(self.base, 0.4) if dark else palette.free((0.6, 0.95), (0.6, 0.95))
        self.length = self.vary(1.5, 0.15)
        self.girth = self.vary(0.058, 0.25)
        self.waves = self.vary(1.6, 0.2)
        self.height = self.vary(0.13, 0.25)
        self.bands = int(rng.integers(7, 13))
        self.ribbed = self.chance(0.5)
        self.stride = self.length / self.waves
        self.look = Look(shade(self.base, 0.28), coat_of("scales", rng, palette), 0.8)

    def parts(self, pose: Pose) -> list[Part]:
        """Body, marks, head, tongue."""
        u = np.linspace(0, 1, 15)
        turn = 2 * math.pi * self.waves * u
        grow = 0.55 + 0.45 * (1 - u)
        slow = 0.4 * math.sin(pose.time * 0.8 + self.mood)
        x = (u - 0.5) * self.length
        y = -0.2 + self.height * grow * np.sin(turn - pose.phase + slow)
        radii = self.girth * np.interp(u, (0, 0.08, 0.5, 0.9, 1), (0.12, 0.4, 1.0, 0.85, 0.7))
        body = limb(np.column_stack((x, y)), radii, 4)
        parts = [Part(body, self.base, LINE)]
        slope = np.gradient(y, x)
        for k in range(self.bands):
            at = 0.08 + 0.84 * (k + 0.5) / self.bands
            mx, my, mr = (float(np.interp(at, u, v)) for v in (x, y, radii))
            angle = math.atan(float(np.interp(at, u, slope)))
            ring = oval(mx, my, mr * 0.55, mr * (1.0 if self.ribbed else 0.62), angle, 12)
            parts.append(Part(ring, self.mark))
        hx, hy, lean = float(x[-1]), float(y[-1]), math.atan(float(slope[-1])) * 0.6
        g = self.girth
        head = oval(hx + g * 0.9, hy, g * 1.75, g * 1.15, lean)
        flick = 0.5 + 0.5 * math.sin(pose.time * 6 + self.mood)
        tip = hx + g * (2.5 + 1.1 * flick)
        tongue = limb([(hx + g * 2.2, hy), (tip, hy + g * 0.1)], [0.008, 0.008], 3)
        return [
            *parts,
            Part(tongue, (200, 40, 60)),
            Part(head, self.base, LINE),
            *eye(hx + g * 1.2, hy - g * 0.5, g * 0.38, from_hsv(50, 0.9, 0.5)),
        ]
