"""A walking person."""

from __future__ import annotations

import math

import numpy as np

from stmask_core.training.synthetic.coats import coat_of
from stmask_core.training.synthetic.drawing import Colour, Look, Part
from stmask_core.training.synthetic.figures.figure import Figure, Pose, eye
from stmask_core.training.synthetic.geometry import bend, blob, limb, oval
from stmask_core.training.synthetic.palettes import HAIR, SKIN, Palette, from_hsv, shade

LINE = 0.011


class Person(Figure):
    """A person: legs and arms swing against each other; hair and clothes vary."""

    name = "person"
    size = (0.40, 0.56)

    def __init__(self, rng: np.random.Generator, palette: Palette) -> None:
        super().__init__(rng, palette)
        v = self.vary
        self.legs, self.torso, self.wide = v(0.48, 0.1), v(0.36, 0.1), v(0.10, 0.3)
        self.head = v(0.105, 0.15)
        self.skin = palette.natural(SKIN)
        self.shirt = palette.free((0.3, 0.9), (0.4, 0.95))
        self.trousers = palette.free((0.15, 0.7), (0.2, 0.7))
        self.shoes = from_hsv(float(rng.uniform(0, 360)), 0.4, float(rng.uniform(0.1, 0.95)))
        self.hair = palette.natural(HAIR)
        self.long_hair = self.chance(0.45)
        self.hat = palette.free((0.5, 0.9), (0.4, 0.9)) if self.chance(0.3) else None
        self.shorts, self.sleeves = self.chance(0.3), self.chance(0.5)
        self.skirt = self.chance(0.25)
        self.stride = self.legs * 1.75
        self.look = Look((38, 32, 36), coat_of("cloth", rng, palette), 0.5)

    def parts(self, pose: Pose) -> list[Part]:
        """Far arm and leg, near leg, torso, head, near arm."""
        bob = 0.012 * math.cos(2 * pose.phase) * pose.vigour
        hip = (0.0, -self.legs - bob)
        neck = (0.02 + 0.03 * pose.vigour, hip[1] - self.torso)
        w = self.wide
        torso = blob([(-w * 0.85, hip[1] + 0.03), (-w * 0.8, hip[1] - self.torso * 0.5),
                      (neck[0] - w * 0.95, neck[1] + 0.06),
                      (neck[0], neck[1] - 0.005), (neck[0] + w * 0.95, neck[1] + 0.07),
                      (w * 0.9, hip[1] - self.torso * 0.5),
                      (w * 0.9, hip[1] + 0.03)])  # fmt: skip
        flare = 0.05 * math.sin(pose.phase * 2) * pose.vigour
        skirt = blob([(-w * 0.8, hip[1] - 0.04), (w * 0.85, hip[1] - 0.04), (w * 1.5 + flare, hip[1] + 0.19),
                      (0, hip[1] + 0.21), (-w * 1.5 - flare, hip[1] + 0.19)])  # fmt: skip
        return [
            *self._arm(neck, pose, math.pi, 0.72),
            *self._leg(hip, pose, 0.0, 0.72),
            *self._leg(hip, pose, math.pi, 1.0),
            Part(skirt if self.skirt else torso, self.shirt, LINE),
            Part(torso, self.shirt, LINE),
            Part(
                limb([(neck[0], neck[1] + 0.03), (neck[0] + 0.01, neck[1] - 0.05)], [0.042, 0.04], 3),
                self.skin,
            ),
            *self._head((neck[0] + 0.02, neck[1] - 0.03 - self.head), pose),
            *self._arm(neck, pose, 0.0, 1.0),
        ]

    def _leg(self, hip: tuple[float, float], pose: Pose, offset: float, tone: float) -> list[Part]:
        angle = pose.phase + offset
        foot = (self.stride * 0.25 * math.cos(angle) * pose.vigour + 0.01,
                -0.03 - 0.11 * max(0.0, -math.sin(angle)) * pose.vigour)  # fmt: skip
        knee = bend(hip, foot, self.legs * 0.5, self.legs * 0.5, -1.0)
        thick = self.wide * 0.62
        shin: Colour = self.skin if self.shorts or self.skirt else self.trousers
        heel = 0.35 * math.sin(angle) * pose.vigour * (1 if math.sin(angle) < 0 else 0.2)
        return [
            Part(limb([knee, ((knee[0] + foot[0]) / 2 - 0.008, (knee[1] + foot[1]) / 2), foot],
                      [thick * 0.72, thick * 0.66, thick * 0.45]), shade(shin, tone), LINE),
            Part(limb([hip, knee], [thick * 1.05, thick * 0.76]), shade(self.trousers, tone), LINE),
            Part(oval(foot[0] + 0.045, foot[1] + 0.002, 0.085, 0.036, -heel), shade(self.shoes, tone), LINE),
        ]  # fmt: skip

    def _arm(self, neck: tuple[float, float], pose: Pose, offset: float, tone: float) -> list[Part]:
        swing = 0.65 * math.cos(pose.phase + offset) * pose.vigour + 0.06 * math.sin(
            pose.time * 1.5 + self.mood
        )
        a = self.torso * 0.52
        shoulder = (neck[0] - 0.005, neck[1] + 0.075)
        elbow = (shoulder[0] + a * math.sin(swing), shoulder[1] + a * math.cos(swing))
        fold = swing + 0.25 + 0.35 * pose.vigour
        hand = (elbow[0] + a * math.sin(fold), elbow[1] + a * math.cos(fold))
        thick = self.wide * 0.40
        low = self.shirt if self.sleeves else self.skin
        return [
            Part(limb([elbow, hand], [thick * 0.85, thick * 0.7]), shade(low, tone), LINE),
            Part(oval(hand[0], hand[1], thick * 0.95, thick * 0.95, count=12), shade(self.skin, tone), LINE),
            Part(limb([shoulder, elbow], [thick * 1.15, thick * 0.9]), shade(self.shirt, tone), LINE),
        ]

    def _head(self, at: tuple[float, float], pose: Pose) -> list[Part]:
        x, y, r = at[0], at[1], self.head
        sway = 0.03 * math.sin(pose.phase * 2 + 1) * pose.vigour
        reach = r * (1.7 if self.long_hair else 0.35)
        mane = blob([(x + r * 0.75, y - r * 0.7), (x, y - r * 1.22), (x - r * 1.05, y - r * 0.55),
                     (x - r * 1.12 - sway, y + reach), (x - r * 0.45 - sway, y + reach * 1.02),
                     (x - r * 0.2, y - r * 0.3)])  # fmt: skip
        hat = blob([(x - r * 1.05, y - r * 0.45), (x - r * 0.85, y - r * 1.2), (x + r * 0.5, y - r * 1.3),
                    (x + r * 0.95, y - r * 0.55), (x + r * 1.6, y - r * 0.35)])  # fmt: skip
        return [
            Part(oval(x, y, r * 0.95, r * 1.05), self.skin, LINE),
            Part(oval(x + r * 0.95, y + r * 0.12, r * 0.16, r * 0.14, count=10), self.skin, LINE),
            Part(mane, self.hair, LINE),
            Part(hat if self.hat else mane, self.hat or self.hair, LINE if self.hat else 0),
            Part(limb([(x + r * 0.45, y + r * 0.52), (x + r * 0.8, y + r * 0.45)], [r * 0.07, r * 0.06], 3),
                 (170, 70, 70), 0, True),
            *eye(x + r * 0.5, y - r * 0.08, r * 0.17),
        ]  # fmt: skip
