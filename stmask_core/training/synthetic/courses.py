"""How actors move: a path on the screen, turned into world motion, gait phase and facing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stmask_core.training.synthetic.camera import Camera, Wobble
from stmask_core.training.synthetic.scenery import parallax_at, scale_at

_RATE = 60.0  # samples per second of a course
_LEAD = 0.6  # seconds sampled before the first and after the last frame

Track = NDArray[np.float64]


class Stand(NamedTuple):
    """Where and how an actor is at one time: world position (image heights), depth, gait."""

    x: float
    y: float
    depth: float
    facing: float  # -1 left .. +1 right
    phase: float
    vigour: float
    pitch: float  # radians, nose up is negative


@dataclass(frozen=True, eq=False)
class Course:
    """A sampled motion; ``at`` interpolates, so every time can be asked in any order."""

    times: Track
    table: Track  # (7, samples), rows as in Stand

    def at(self, t: float) -> Stand:
        """The state at ``t`` seconds."""
        place = (t - self.times[0]) * _RATE
        k = min(max(int(place), 0), len(self.times) - 2)
        share = place - k
        row = self.table[:, k] * (1 - share) + self.table[:, k + 1] * share
        return Stand(*row.tolist())


def sample_times(duration: float) -> Track:
    """Times at which courses are sampled."""
    return np.arange(-_LEAD, duration + _LEAD + 1 / _RATE, 1 / _RATE)


def make_course(
    camera: Camera,
    times: Track,
    *,
    screen_x: Track,
    y: Track,
    depth: Track,
    unit: float,
    stride: float,
    top_speed: float,
    lean: float,
    start_phase: float,
) -> Course:
    """World motion from a wanted path on the screen.

    screen_x, y: image heights, before tilt, zoom and shake. unit: image heights per figure unit at scale
    factor 1. stride: figure units per gait cycle, so that feet do not slide. top_speed: figure units per
    second at which limbs move fully. lean: how much of the climbing angle becomes pitch.
    """
    x = screen_x + camera.pan(times) * parallax_at(depth)
    size = unit * np.asarray(scale_at(depth))
    speed_x = np.gradient(x, times) / size
    speed_y = np.gradient(y, times) / size
    speed = np.hypot(speed_x, 0.5 * speed_y)
    vigour = _smooth(np.clip(speed / top_speed, 0, 1), 0.25)
    phase = start_phase + 2 * math.pi * np.cumsum(speed) / _RATE / stride
    facing = _facing(speed_x, 0.05 * top_speed)
    climb = np.arctan2(speed_y, np.abs(speed_x) + 0.3 * top_speed)
    pitch = _smooth(np.clip(climb * lean, -0.6, 0.6), 0.3)
    return Course(times, np.vstack((x, y, depth, facing, phase, vigour, pitch)))


def _smooth(values: Track, seconds: float) -> Track:
    """Moving average."""
    width = max(int(seconds * _RATE) | 1, 1)
    padded = np.pad(values, width // 2, mode="edge")
    return np.convolve(padded, np.ones(width) / width, mode="valid")


def _facing(speed: Track, still: float) -> Track:
    """Sign of the motion, held while standing, with quick smooth turns (never thinner than a third)."""
    sign = np.where(np.abs(speed) > still, np.sign(speed), 0.0)
    moving = np.flatnonzero(sign)
    if len(moving) == 0:
        return np.ones_like(speed)
    last = np.maximum.accumulate(np.where(sign != 0, np.arange(len(sign)), -1))
    held = sign[np.where(last < 0, moving[0], last)]
    soft = _smooth(held, 0.3)
    return np.where(soft >= 0, 1.0, -1.0) * np.maximum(np.abs(soft), 0.33)


# Paths on the screen. `edge` is how far outside the image an actor must be to be out of view.


def crossing(rng: np.random.Generator, times: Track, aspect: float, speed: float) -> Track:
    """Straight through the picture, somewhere in it at half time."""
    middle = (times[0] + times[-1]) / 2
    path = float(rng.uniform(-0.05, 1.05)) * aspect + speed * (times - middle)
    return path if rng.random() < 0.5 else aspect - path


def wandering(rng: np.random.Generator, times: Track, aspect: float, speed: float) -> Track:
    """To and fro inside the image."""
    centre = float(rng.uniform(0.25, 0.75)) * aspect
    reach = float(rng.uniform(0.1, 0.4)) * aspect
    period = max(2 * math.pi * reach / max(speed, 1e-3), 1.5)
    return centre + Wobble(rng, reach, (period * 0.8, period * 1.6), 2)(times)


def leaving_and_returning(
    rng: np.random.Generator, times: Track, aspect: float, edge: float, speed: float
) -> Track:
    """Out over one side and back again."""
    duration = times[-1] - times[0]
    away = float(rng.uniform(0.4, 0.6)) * duration + times[0]
    depth_of_dip = edge + speed * 0.35 * float(rng.uniform(0.6, 1.4))
    inside = float(rng.uniform(0.35, 0.75)) * aspect
    width = duration * float(rng.uniform(0.22, 0.34))
    bump = np.exp(-0.5 * ((times - away) / width) ** 4)
    path = (aspect - inside) * (1 - bump) + (aspect + depth_of_dip) * bump
    return path if rng.random() < 0.5 else aspect - path


def standing(rng: np.random.Generator, times: Track, aspect: float) -> Track:
    """At one place, hardly moving."""
    return float(rng.uniform(0.12, 0.88)) * aspect + Wobble(rng, 0.01, (2.0, 5.0))(times)


def passing(times: Track, aspect: float, *, meet_x: float, meet_time: float, velocity: float) -> Track:
    """Straight on, at ``meet_x`` (share of the image width) at ``meet_time``."""
    return meet_x * aspect + velocity * (times - meet_time)
