"""Four-legged walkers: one body plan, three species (dog, giraffe, elephant)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stmask_core.training.synthetic.coats import coat_of
from stmask_core.training.synthetic.drawing import Colour, Look, Part
from stmask_core.training.synthetic.figures.figure import Figure, Pose, eye
from stmask_core.training.synthetic.geometry import bend, blob, limb, oval, polygon, turned
from stmask_core.training.synthetic.palettes import FUR, HIDE, Palette, from_hsv, mix, shade

LINE = 0.014


@dataclass(frozen=True)
class Build:
    """Proportions in figure units; the trunk of the body reaches from -length/2 to +length/2."""

    length: float
    legs: float
    girth: float
    leg_width: float
    neck: float
    neck_angle: float  # radians above the horizon
    neck_width: float
    head: float


class Quadruped(Figure):
    """Shared walk: foot paths, two-bone legs, a bobbing body, a nodding head."""

    build: Build
    coat_colour: Colour
    belly: Colour
    hoof: Colour

    def walk(self, pose: Pose) -> tuple[list[Part], list[Part], float]:
        """Legs of the far side, legs of the near side, and the height of the back line."""
        build, swing = self.build, 0.16 + 0.84 * pose.vigour
        bob = 0.02 * build.legs * math.sin(2 * pose.phase) * swing
        hip = -build.legs - build.girth * 0.1 - bob
        far: list[Part] = []
        near: list[Part] = []
        half = build.length * 0.36
        for where, x, offset, side in (
            (far, -half, math.pi, -1.0),
            (far, half, 0.5 * math.pi, 1.0),
            (near, -half, 0.0, -1.0),
            (near, half, 1.5 * math.pi, 1.0),
        ):
            angle = pose.phase + offset
            reach = self.stride * 0.24 * math.cos(angle) * pose.vigour
            lift = max(0.0, -math.sin(angle)) * build.legs * 0.28 * pose.vigour
            foot = (x + reach, -lift - build.leg_width * 0.3)
            knee = bend((x, hip), foot, build.legs * 0.56, build.legs * 0.56, -0.9 * side)
            tone = 0.72 if where is far else 1.0
            where.append(self.leg((x, hip), knee, foot, tone))
            where.append(self.paw(foot, tone))
        return far, near, hip

    def leg(
        self,
        hip: tuple[float, float],
        knee: tuple[float, float],
        foot: tuple[float, float],
        tone: float,
    ) -> Part:
        """One leg, thick at the thigh."""
        w = self.build.leg_width
        return Part(limb([hip, knee, foot], [w * 1.25, w * 0.72, w * 0.6]),
                    shade(self.coat_colour, tone), LINE)  # fmt: skip

    def paw(self, foot: tuple[float, float], tone: float) -> Part:
        """What touches the ground."""
        w = self.build.leg_width
        return Part(
            oval(foot[0] + w * 0.35, foot[1] - w * 0.1, w * 0.95, w * 0.55, count=14),
            shade(self.hoof, tone),
            LINE,
        )

    def trunk_of_body(self, hip: float, breath: float) -> list[Part]:
        """Body and its lighter belly."""
        b = self.build
        half, g = b.length / 2, b.girth * (1 + 0.02 * breath)
        outline = [
            (-half, hip - g * 0.15), (-half * 0.75, hip - g * 0.52), (0, hip - g * 0.46),
            (half * 0.7, hip - g * 0.56), (half, hip - g * 0.2), (half * 0.86, hip + g * 0.32),
            (half * 0.3, hip + g * 0.42), (-half * 0.4, hip + g * 0.30), (-half * 0.9, hip + g * 0.3),
        ]  # fmt: skip
        under = [
            (-half * 0.6, hip + g * 0.24), (0, hip + g * 0.14), (half * 0.75, hip + g * 0.16),
            (half * 0.72, hip + g * 0.30), (half * 0.2, hip + g * 0.37), (-half * 0.4, hip + g * 0.27),
        ]  # fmt: skip
        return [Part(blob(outline), self.coat_colour, LINE), Part(blob(under), self.belly)]

    def head_joint(self, hip: float, pose: Pose) -> tuple[tuple[float, float], tuple[float, float]]:
        """Where the neck starts and where it meets the head."""
        b = self.build
        nod = 0.06 * math.sin(pose.phase * 2 + 0.5) * pose.vigour + 0.05 * math.sin(
            pose.time * 1.3 + self.mood
        )
        root = (b.length * 0.36, hip - b.girth * 0.22)
        angle = b.neck_angle + nod
        return root, (root[0] + b.neck * math.cos(angle), root[1] - b.neck * math.sin(angle))


class Dog(Quadruped):
    """A dog: muzzle, pointed or hanging ears, a wagging tail."""

    name = "dog"
    size = (0.42, 0.62)

    def __init__(self, rng: np.random.Generator, palette: Palette) -> None:
        super().__init__(rng, palette)
        v = self.vary
        self.build = Build(v(0.78), v(0.34, 0.35), v(0.34), v(0.062), v(0.25), v(0.85), v(0.12),
                           v(0.155))  # fmt: skip
        self.stride = self.build.legs * 2.2
        self.coat_colour = palette.natural(FUR)
        self.belly = shade(self.coat_colour, 1.45)
        self.hoof = self.belly if self.chance(0.5) else shade(self.coat_colour, 0.85)
        self.hanging = self.chance(0.55)
        self.muzzle = self.vary(0.15, 0.3)
        self.bushy = rng.uniform(0.025, 0.06)
        self.ear_colour = shade(self.coat_colour, float(rng.uniform(0.45, 0.9)))
        self.collar = palette.free((0.7, 1.0), (0.7, 1.0)) if self.chance(0.6) else None
        kind = ("plain", "patches", "spots")[rng.integers(3)]
        self.look = Look(shade(self.coat_colour, 0.28), coat_of(kind, rng, palette), 0.55)

    def parts(self, pose: Pose) -> list[Part]:
        """Tail, far legs, body, near legs, neck, head."""
        far, near, hip = self.walk(pose)
        b = self.build
        breath = math.sin(pose.time * 3 + self.mood)
        wag = 0.35 * math.sin(pose.time * 9 + self.mood)
        back = -b.length / 2
        tail = [(back + 0.05, hip - b.girth * 0.3), (back - 0.12, hip - b.girth * 0.55),
                (back - 0.20 + 0.1 * wag, hip - b.girth * 0.55 - 0.18 - 0.05 * wag)]  # fmt: skip
        root, head = self.head_joint(hip, pose)
        neck = limb([(root[0] - 0.05, root[1] + 0.06), ((root[0] + head[0]) / 2, (root[1] + head[1]) / 2),
                     head], [b.girth * 0.44, b.neck_width * 0.95, b.neck_width * 0.75])  # fmt: skip
        parts = [Part(limb(tail, [self.bushy, self.bushy * 1.15, self.bushy * 0.5]),
                      self.coat_colour, LINE)]  # fmt: skip
        parts += far + self.trunk_of_body(hip, breath) + near
        parts.append(Part(neck, self.coat_colour))
        if self.collar is not None:
            parts.append(self._band(root, head))
        return parts + self._head(head, pose)

    def _band(self, root: tuple[float, float], head: tuple[float, float]) -> Part:
        """A collar across the neck."""
        b = self.build
        x, y = (root[0] + head[0] * 2) / 3, (root[1] + head[1] * 2) / 3
        angle = math.atan2(head[1] - root[1], head[0] - root[0])
        assert self.collar is not None
        return Part(oval(x, y, 0.028, b.neck_width, angle), self.collar, LINE)

    def _head(self, at: tuple[float, float], pose: Pose) -> list[Part]:
        r, m = self.build.head, self.muzzle
        x, y = at[0] + r * 0.25, at[1] - r * 0.1
        flap = 0.25 * math.sin(pose.phase * 2) * pose.vigour
        if self.hanging:
            ear = blob([(x - r * 0.15, y - r * 0.75), (x - r * 0.75, y - r * 0.5),
                        (x - r * 0.95, y + r * 0.75), (x - r * 0.45, y + r * 0.8),
                        (x - r * 0.05, y - r * 0.1)])  # fmt: skip
            ear = turned(ear, (x - r * 0.3, y - r * 0.6), flap)
        else:
            ear = polygon((x - r * 0.75, y - r * 0.45), (x - r * 0.55, y - r * 1.65),
                          (x + r * 0.05, y - r * 0.8))  # fmt: skip
            ear = turned(ear, (x - r * 0.3, y - r * 0.6), flap * 0.3)
        snout = blob([(x + r * 0.3, y - r * 0.25), (x + r * 0.9 + m * 0.5, y + r * 0.0),
                      (x + r + m, y + r * 0.18), (x + r + m * 0.95, y + r * 0.5),
                      (x + r * 0.7, y + r * 0.75), (x + r * 0.1, y + r * 0.6)])  # fmt: skip
        return [
            Part(oval(x, y, r, r * 0.92), self.coat_colour, LINE),
            Part(snout, self.belly, LINE),
            Part(ear, self.ear_colour, LINE),
            Part(oval(x + r * 0.98 + m, y + r * 0.2, r * 0.2, r * 0.16, count=12), (25, 22, 24), 0, True),
            *eye(x + r * 0.38, y - r * 0.25, r * 0.2),
        ]


class Giraffe(Quadruped):
    """A giraffe: the long neck, horns, a patched coat."""

    name = "giraffe"
    size = (0.42, 0.56)

    def __init__(self, rng: np.random.Generator, palette: Palette) -> None:
        super().__init__(rng, palette)
        v = self.vary
        self.build = Build(v(0.62, 0.1), v(0.62, 0.12), v(0.32), v(0.05), v(0.78, 0.12), v(1.12, 0.1),
                           v(0.085), v(0.10))  # fmt: skip
        self.stride = self.build.legs * 1.7
        self.coat_colour = palette.natural(((40, 0.42, 0.93), (36, 0.30, 0.95)), 0.7)
        self.belly = shade(self.coat_colour, 1.5)
        self.hoof = from_hsv(28, 0.5, 0.3)
        self.look = Look(from_hsv(26, 0.6, 0.22), coat_of("giraffe", rng, palette), 0.45)

    def parts(self, pose: Pose) -> list[Part]:
        """Tail, far legs, body, near legs, neck with mane, head."""
        far, near, hip = self.walk(pose)
        b = self.build
        back = -b.length / 2
        sway = 0.05 * math.sin(pose.time * 2.2 + self.mood)
        tail = [(back + 0.04, hip - b.girth * 0.3), (back - 0.08, hip), (back - 0.08 + sway, hip + 0.22)]
        root, head = self.head_joint(hip, pose)
        middle = ((root[0] + head[0]) / 2 + 0.015, (root[1] + head[1]) / 2 + 0.02)
        start = (root[0] - 0.06, root[1] + 0.09)
        mane = limb([(start[0] - 0.07, start[1] - 0.05), (middle[0] - 0.06, middle[1] - 0.01),
                     (head[0] - 0.055, head[1] - 0.02)], [0.03, 0.03, 0.025])  # fmt: skip
        neck = limb([start, middle, head], [b.girth * 0.42, b.neck_width * 0.85, b.neck_width * 0.62])
        parts = [
            Part(limb(tail, [0.02, 0.014, 0.014]), self.coat_colour, LINE),
            Part(oval(tail[2][0], tail[2][1] + 0.03, 0.028, 0.055), self.hoof),
        ]
        parts += far + self.trunk_of_body(hip, math.sin(pose.time * 2 + self.mood)) + near
        parts += [Part(mane, from_hsv(20, 0.65, 0.42)), Part(neck, self.coat_colour)]
        return parts + self._head(head)

    def _head(self, at: tuple[float, float]) -> list[Part]:
        r = self.build.head
        x, y = at[0] + r * 0.2, at[1] - r * 0.1
        face = blob([(x - r * 0.7, y - r * 0.5), (x + r * 0.2, y - r * 0.72), (x + r * 1.5, y + r * 0.2),
                     (x + r * 1.8, y + r * 0.7), (x + r * 1.3, y + r * 0.98), (x, y + r * 0.6),
                     (x - r * 0.7, y + r * 0.4)])  # fmt: skip
        horns = [limb([(x + dx, y - r * 0.4), (x + dx - r * 0.12, y - r * 1.25)], [r * 0.13, r * 0.12])
                 for dx in (-r * 0.3, r * 0.1)]  # fmt: skip
        ear = turned(oval(x - r * 0.85, y - r * 0.55, r * 0.5, r * 0.22), (x - r * 0.5, y - r * 0.4), 0.3)
        return [
            *(Part(h, self.coat_colour, LINE) for h in horns),
            *(Part(oval(x + dx - r * 0.12, y - r * 1.3, r * 0.18, r * 0.18, count=12), self.hoof)
              for dx in (-r * 0.3, r * 0.1)),
            Part(ear, shade(self.coat_colour, 0.9), LINE),
            Part(face, self.coat_colour, LINE),
            Part(oval(x + r * 1.4, y + r * 0.65, r * 0.42, r * 0.34, 0.6), self.belly),
            Part(oval(x + r * 1.62, y + r * 0.5, r * 0.07, r * 0.07, count=8), (60, 40, 30), 0, True),
            *eye(x + r * 0.35, y - r * 0.12, r * 0.2),
        ]  # fmt: skip


class Elephant(Quadruped):
    """An elephant: trunk, tusk and a big waving ear."""

    name = "elephant"
    size = (0.50, 0.70)

    def __init__(self, rng: np.random.Generator, palette: Palette) -> None:
        super().__init__(rng, palette)
        v = self.vary
        self.build = Build(v(0.86, 0.1), v(0.32), v(0.58, 0.1), v(0.10, 0.1), v(0.16), v(0.55), v(0.2),
                           v(0.21, 0.1))  # fmt: skip
        self.stride = self.build.legs * 1.9
        self.coat_colour = palette.natural(HIDE)
        self.belly = mix(self.coat_colour, (235, 190, 180), 0.18)
        self.hoof = shade(self.coat_colour, 1.35)
        self.tusk = self.chance(0.75)
        self.look = Look(shade(self.coat_colour, 0.33), coat_of("hide", rng, palette), 0.7)

    def parts(self, pose: Pose) -> list[Part]:
        """Tail, far legs, body, near legs, head with trunk and ear."""
        far, near, hip = self.walk(pose)
        b = self.build
        back = -b.length / 2
        sway = 0.05 * math.sin(pose.time * 2.4 + self.mood)
        tail = [(back + 0.03, hip - b.girth * 0.2), (back - 0.06, hip), (back - 0.05 + sway, hip + 0.16)]
        _, head = self.head_joint(hip, pose)
        parts = [Part(limb(tail, [0.025, 0.018, 0.022]), shade(self.coat_colour, 0.8), LINE)]
        parts += far + self.trunk_of_body(hip, math.sin(pose.time * 1.6 + self.mood)) + near
        return parts + self._head(head, pose)

    def _head(self, at: tuple[float, float], pose: Pose) -> list[Part]:
        r = self.build.head
        x, y = at
        curl = math.sin(pose.time * 1.7 + self.mood)
        trunk = limb(
            [(x + r * 0.55, y + r * 0.1), (x + r * 1.25, y + r * 0.7),
             (x + r * (1.3 + 0.15 * curl), y + r * 1.6),
             (x + r * (1.5 + 0.55 * curl), y + r * (2.3 - 0.25 * abs(curl)))],
            [r * 0.5, r * 0.34, r * 0.24, r * 0.17],
        )  # fmt: skip
        wave = 0.22 * math.sin(pose.time * 2.6 + self.mood)
        ear = blob([(x - r * 0.1, y - r * 0.75), (x - r * 0.9, y - r * 1.05), (x - r * 1.45, y - r * 0.3),
                    (x - r * 1.15, y + r * 0.75), (x - r * 0.6, y + r * 0.95),
                    (x - r * 0.1, y + r * 0.4)])  # fmt: skip
        ear = turned(ear, (x - r * 0.1, y - r * 0.2), wave)
        centre = np.array((x - r * 0.3, y - r * 0.05))
        inner = centre + (ear - centre) * 0.72
        tusk = limb([(x + r * 0.6, y + r * 0.55), (x + r * 1.0, y + r * 1.05), (x + r * 1.5, y + r * 1.1)],
                    [r * 0.13, r * 0.11, r * 0.03])  # fmt: skip
        return [
            Part(oval(x + r * 0.1, y, r * 1.05, r * 1.0), self.coat_colour, LINE),
            Part(trunk, self.coat_colour, LINE),
            Part(tusk, (246, 240, 220) if self.tusk else self.coat_colour, LINE if self.tusk else 0),
            Part(ear, shade(self.coat_colour, 0.88), LINE),
            Part(inner, self.belly),
            *eye(x + r * 0.55, y - r * 0.25, r * 0.13),
        ]
