"""Who plays in a clip and what they do: look-alikes, crossings, leaving and returning, standing still."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stmask_core.training.synthetic import courses
from stmask_core.training.synthetic.camera import Camera
from stmask_core.training.synthetic.categories import BY_NAME, Category
from stmask_core.training.synthetic.courses import Course, Track
from stmask_core.training.synthetic.figures import FIGURES
from stmask_core.training.synthetic.figures.figure import Figure
from stmask_core.training.synthetic.palettes import Palette
from stmask_core.training.synthetic.scenery import Scenery, scale_at

# Figure units per second at full gait.
TOP_SPEED = {
    "person": 1.6, "parrot": 2.4, "sedan": 3.2, "dog": 1.9, "snake": 0.9, "rabbit": 1.7, "duck": 0.7,
    "fish": 1.4, "turtle": 0.7, "giraffe": 1.6, "airplane": 2.4, "elephant": 1.1,
}  # fmt: skip
MAX_ACTORS = 7


@dataclass(frozen=True, eq=False)
class Actor:
    """One object of the clip. unit: image heights per figure unit at scale factor 1."""

    identity: int
    category: Category
    figure: Figure
    course: Course
    unit: float
    grounded: bool


class Director:
    """Fills one scene with actors."""

    def __init__(
        self,
        rng: np.random.Generator,
        palette: Palette,
        scenery: Scenery,
        camera: Camera,
        duration: float,
    ) -> None:
        self.rng = rng
        self.palette = palette
        self.scenery = scenery
        self.camera = camera
        self.times = courses.sample_times(duration)
        self.aspect = camera.aspect

    def cast(self) -> tuple[Actor, ...]:
        """Two to seven actors; in almost half of the clips some of them look alike."""
        biome = self.scenery.biome
        everyone = biome.ground_cast * 2 + biome.air_cast
        if not biome.ground_cast:
            everyone = biome.air_cast
        count = int(self.rng.choice((1, 2, 3, 4, 5, 6, MAX_ACTORS), p=(0.06, 0.14, 0.22, 0.24, 0.18, 0.10, 0.06)))
        names: list[tuple[str, int]] = []
        while len(names) < count:
            name = everyone[self.rng.integers(len(everyone))]
            seed = int(self.rng.integers(1 << 31))
            herd = int(self.rng.integers(2, 5)) if self.rng.random() < 0.3 else 1
            names += [(name, seed)] * herd
        names = names[:count]
        meeting = self._meeting(names)
        return tuple(
            self._actor(k + 1, name, seed, meeting.get(k)) for k, (name, seed) in enumerate(names)
        )

    def _meeting(self, names: list[tuple[str, int]]) -> dict[int, tuple[float, float, float]]:
        """Sometimes two actors meet: index -> (where, when, direction). Look-alikes by preference."""
        if len(names) < 2 or self.rng.random() < 0.4:
            return {}
        twins = [k for k in range(len(names) - 1) if names[k] == names[k + 1]]
        first = int(self.rng.choice(twins)) if twins else int(self.rng.integers(len(names) - 1))
        where = float(self.rng.uniform(0.3, 0.7))
        when = float(self.rng.uniform(0.3, 0.7)) * (self.times[-1] + self.times[0])
        return {first: (where, when, 1.0), first + 1: (where, when, -1.0)}

    def _actor(
        self, identity: int, name: str, seed: int, meeting: tuple[float, float, float] | None
    ) -> Actor:
        figure = FIGURES[name](np.random.default_rng(seed), Palette(self.palette.split, np.random.default_rng(seed + 1)))
        figure.mood = float(self.rng.uniform(0, 6.28))
        category = BY_NAME[name]
        grounded = category.element == "ground" and not self.scenery.biome.water
        depth, y = self._stage(grounded)
        unit = float(self.rng.uniform(*figure.size))
        size = unit * float(np.mean(scale_at(depth)))
        speed = TOP_SPEED[name] * size * float(self.rng.uniform(0.35, 1.1))
        if self.rng.random() < 0.12:
            speed *= 2.2  # a rush: motion blur
        course = courses.make_course(
            self.camera,
            self.times,
            screen_x=self._path(speed, 0.75 * size, meeting),
            y=y,
            depth=depth,
            unit=unit,
            stride=figure.stride,
            top_speed=TOP_SPEED[name],
            lean=0.0 if grounded else 0.6,
            start_phase=float(self.rng.uniform(0, 6.28)),
        )
        return Actor(identity, category, figure, course, unit, grounded)

    def _stage(self, grounded: bool) -> tuple[Track, Track]:
        """Depth and height over time."""
        rng, times = self.rng, self.times
        drift = courses.Wobble(rng, float(rng.choice((0.02, 0.12, 0.3), p=(0.5, 0.35, 0.15))), (3.0, 8.0), 2)
        if grounded:
            depth = np.clip(rng.uniform(0.12, 0.95) + drift(times), 0.05, 1.15)
            return depth, self.scenery.horizon + (1 - self.scenery.horizon) * depth
        depth = np.clip(rng.uniform(0.2, 1.0) + drift(times), 0.05, 1.2)
        low, high = (0.15, 0.85) if self.scenery.biome.water else (0.12, 0.72)
        rise = courses.Wobble(rng, float(rng.uniform(0.02, 0.16)), (2.5, 6.0), 2)
        return depth, rng.uniform(low, high) + rise(times)

    def _path(
        self, speed: float, edge: float, meeting: tuple[float, float, float] | None
    ) -> Track:
        """Where on the screen, over time."""
        rng, times, aspect = self.rng, self.times, self.aspect
        if meeting is not None:
            where, when, direction = meeting
            return courses.passing(times, aspect, meet_x=where, meet_time=when, velocity=direction * speed)
        kind = rng.choice(("cross", "wander", "away", "stand"), p=(0.42, 0.28, 0.14, 0.16))
        if kind == "cross":
            return courses.crossing(rng, times, aspect, speed)
        if kind == "away":
            return courses.leaving_and_returning(rng, times, aspect, edge, speed)
        if kind == "wander":
            return courses.wandering(rng, times, aspect, speed)
        return courses.standing(rng, times, aspect)
