"""Who plays in a clip and what they do: look-alikes, crossings, leaving and returning, standing still."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from stmask_core.training.synthetic import courses
from stmask_core.training.synthetic.camera import Camera
from stmask_core.training.synthetic.categories import BY_NAME, Category
from stmask_core.training.synthetic.courses import Course, Track
from stmask_core.training.synthetic.drawing import Look
from stmask_core.training.synthetic.figures import FIGURES
from stmask_core.training.synthetic.figures.figure import Figure, Pose
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


class Role(NamedTuple):
    """What an actor is told: who it is, and whatever of its part is not left to chance.

    seed makes the individual (equal seeds are look-alikes). path: kind of way over the screen; meeting:
    where (share of the width), when (seconds) and in which direction it passes another actor.
    """

    name: str
    seed: int
    path: str = ""
    meeting: tuple[float, float, float] | None = None
    depth: float | None = None
    pace: float | None = None  # share of the top speed


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
        bold = (1.0, 0.6, 0.0)[int(rng.choice(3, p=(0.45, 0.25, 0.3)))]
        self.contour = 1.0 if palette.split == "sample" else bold

    def cast(self) -> tuple[Actor, ...]:
        """One to seven actors; in almost half of the clips some of them look alike."""
        if self.palette.split == "sample":
            return tuple(self._actor(k + 1, role) for k, role in enumerate(self.story()))
        biome = self.scenery.biome
        everyone = biome.ground_cast * 2 + biome.air_cast
        if not biome.ground_cast:
            everyone = biome.air_cast
        count = int(
            self.rng.choice((1, 2, 3, 4, 5, 6, MAX_ACTORS), p=(0.06, 0.14, 0.22, 0.24, 0.18, 0.10, 0.06))
        )
        names: list[tuple[str, int]] = []
        while len(names) < count:
            name = everyone[self.rng.integers(len(everyone))]
            seed = int(self.rng.integers(1 << 31))
            herd = int(self.rng.integers(2, 5)) if self.rng.random() < 0.3 else 1
            names += [(name, seed)] * herd
        names = names[:count]
        meeting = self._meeting(names)
        return tuple(
            self._actor(k + 1, Role(name, seed, meeting=meeting.get(k)))
            for k, (name, seed) in enumerate(names)
        )

    def story(self) -> list[Role]:
        """The staged scene of the sample split: look-alikes pass each other behind trees, another one
        leaves and comes back in front, a neighbour walks by, a parrot flies over."""
        rng = self.rng
        hero = str(rng.choice(("dog", "rabbit", "duck")))
        twin, end = int(rng.integers(1 << 31)), float(self.times[-1] + self.times[0])
        other = str(rng.choice([n for n in ("dog", "rabbit", "duck", "person") if n != hero]))
        return [
            Role(hero, twin, meeting=(0.47, 0.45 * end, 1.0), depth=0.42, pace=0.75),
            Role(hero, twin, meeting=(0.53, 0.5 * end, -1.0), depth=0.49, pace=0.6),
            Role(hero, twin, path="away", depth=0.84),
            Role(other, int(rng.integers(1 << 31)), path="cross", depth=0.68, pace=0.4),
            Role("parrot", int(rng.integers(1 << 31)), path="cross", depth=0.55, pace=0.45),
        ]

    def _meeting(self, names: list[tuple[str, int]]) -> dict[int, tuple[float, float, float]]:
        """Sometimes two actors meet: index -> (where, when, direction). Look-alikes by preference."""
        if len(names) < 2 or self.rng.random() < 0.4:
            return {}
        twins = [k for k in range(len(names) - 1) if names[k] == names[k + 1]]
        first = int(self.rng.choice(twins)) if twins else int(self.rng.integers(len(names) - 1))
        where = float(self.rng.uniform(0.3, 0.7))
        when = float(self.rng.uniform(0.3, 0.7)) * (self.times[-1] + self.times[0])
        return {first: (where, when, 1.0), first + 1: (where, when, -1.0)}

    def _actor(self, identity: int, role: Role) -> Actor:
        name, seed = role.name, role.seed
        figure = FIGURES[name](
            np.random.default_rng(seed), Palette(self.palette.split, np.random.default_rng(seed + 1))
        )
        figure.look = self._dressed(figure)
        figure.mood = float(self.rng.uniform(0, 6.28))
        category = BY_NAME[name]
        grounded = category.element == "ground" and not self.scenery.biome.water
        depth, y = self._stage(grounded, role.depth)
        unit = float(self.rng.uniform(*figure.size))
        size = unit * float(np.mean(scale_at(depth)))
        pace = float(self.rng.uniform(0.35, 1.1))
        if self.rng.random() < 0.12:
            pace *= 2.2  # a rush: motion blur
        speed = TOP_SPEED[name] * size * (pace if role.pace is None else role.pace)
        course = courses.make_course(
            self.camera,
            self.times,
            screen_x=self._path(speed, 0.75 * size, role),
            y=y,
            depth=depth,
            unit=unit,
            stride=figure.stride,
            top_speed=TOP_SPEED[name],
            lean=0.0 if grounded else 0.6,
            start_phase=float(self.rng.uniform(0, 6.28)),
        )
        return Actor(identity, category, figure, course, unit, grounded)

    def _dressed(self, figure: Figure) -> Look:
        """The figure's look in the light and the drawing style of this clip."""
        look = replace(figure.look, light=self.scenery.light, contour=self.contour)
        if self.contour > 0:
            return look
        # Without contours the edge takes the colour of the largest part instead of the ink.
        largest = max(figure.parts(Pose(0.0, 0.0, 0.0)), key=lambda part: float(np.ptp(part.points[:, 0])))
        return replace(look, ink=largest.colour)

    def _stage(self, grounded: bool, at: float | None) -> tuple[Track, Track]:
        """Depth and height over time; ``at`` fixes the mean depth."""
        rng, times = self.rng, self.times
        drift = courses.Wobble(rng, float(rng.choice((0.02, 0.12, 0.3), p=(0.5, 0.35, 0.15))), (3.0, 8.0), 2)
        if grounded:
            base = float(rng.uniform(0.12, 0.95))
            still = base + drift(times) if at is None else at + 0.1 * drift(times)
            depth = np.clip(still, 0.05, 1.15)
            return depth, self.scenery.horizon + (1 - self.scenery.horizon) * depth
        depth = np.clip(rng.uniform(0.2, 1.0) + drift(times), 0.05, 1.2)
        depth = depth if at is None else np.full_like(depth, at)
        low, high = (0.15, 0.85) if self.scenery.biome.water else (0.12, 0.72)
        low, high = (low, high) if at is None else (0.18, 0.34)
        rise = courses.Wobble(rng, float(rng.uniform(0.02, 0.16)), (2.5, 6.0), 2)
        return depth, rng.uniform(low, high) + rise(times)

    def _path(self, speed: float, edge: float, role: Role) -> Track:
        """Where on the screen, over time."""
        rng, times, aspect = self.rng, self.times, self.aspect
        if role.meeting is not None:
            where, when, direction = role.meeting
            return courses.passing(times, aspect, meet_x=where, meet_time=when, velocity=direction * speed)
        kind = rng.choice(("cross", "wander", "away", "stand"), p=(0.42, 0.28, 0.14, 0.16))
        kind = role.path or kind
        if kind == "cross":
            return courses.crossing(rng, times, aspect, speed)
        if kind == "away":
            return courses.leaving_and_returning(rng, times, aspect, edge, speed)
        if kind == "wander":
            return courses.wandering(rng, times, aspect, speed)
        return courses.standing(rng, times, aspect)
