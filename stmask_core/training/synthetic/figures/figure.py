"""What every figure is: parts for a pose, in its own units, seen from the side and facing +x."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np

from stmask_core.training.synthetic.drawing import Colour, Look, Part
from stmask_core.training.synthetic.geometry import oval
from stmask_core.training.synthetic.palettes import Palette


class Pose(NamedTuple):
    """Where a figure is in its cycle.

    phase: radians, 2π per stride. time: seconds (breath, ears, waving). vigour: 0 idle .. 1 at full
    speed, scales the movement of limbs.
    """

    phase: float
    time: float
    vigour: float


class Figure(ABC):
    """One individual: proportions, colours and temperament drawn once, then posed.

    The origin is the point that touches the ground (body centre for those that swim or fly).
    ``parts`` must return the same number of parts with the same number of points for every pose.
    """

    name: ClassVar[str]
    size: ClassVar[tuple[float, float]]  # figure units -> image heights at mid distance, from .. to
    stride: float = 1.0  # figure units travelled per cycle
    look: Look

    def __init__(self, rng: np.random.Generator, palette: Palette) -> None:
        self.rng = rng
        self.palette = palette
        self.mood = rng.uniform(0, 2 * math.pi)  # so that no two breathe in step

    @abstractmethod
    def parts(self, pose: Pose) -> list[Part]:
        """Outlines with colours, drawn in order."""

    def vary(self, mean: float, share: float = 0.15) -> float:
        """A proportion around its mean."""
        return mean * float(self.rng.uniform(1 - share, 1 + share))

    def chance(self, probability: float) -> bool:
        """True this often."""
        return bool(self.rng.random() < probability)


def eye(x: float, y: float, radius: float, iris: Colour = (30, 22, 20)) -> list[Part]:
    """White, iris and a glint, looking forward."""
    return [
        Part(oval(x, y, radius, radius * 1.05, count=14), (250, 250, 246), 0.012, True),
        Part(oval(x + radius * 0.25, y, radius * 0.68, radius * 0.72, count=12), iris, 0, True),
        Part(
            oval(x + radius * 0.45, y - radius * 0.3, radius * 0.25, radius * 0.25, count=8),
            (255, 255, 255),
            0,
            True,
        ),
    ]
