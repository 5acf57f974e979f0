"""One actor at one moment: sub-frame drawings integrated over the shutter, and its exact truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stmask_core.opencv import cv2
from stmask_core.training.synthetic.camera import Camera, Matrix, chain
from stmask_core.training.synthetic.casting import Actor
from stmask_core.training.synthetic.courses import Stand
from stmask_core.training.synthetic.drawing import Part, Sprite, draw, place
from stmask_core.training.synthetic.figures.figure import Pose
from stmask_core.training.synthetic.geometry import Points
from stmask_core.training.synthetic.layers import Bytes, Patch, premultiplied
from stmask_core.training.synthetic.scenery import parallax_at, scale_at

MAX_SUBFRAMES = 15
_SHARP = 0.9  # px of motion (95th percentile of vertices) that still counts as sharp
_STEP = 1.6  # px between sub-frames


@dataclass(frozen=True, eq=False)
class Drawn:
    """An actor in a frame: what to composite, where it is at mid-shutter, and the numbers of truth."""

    depth: float
    patch: Patch | None
    coverage: Patch | None  # (h, w, 1): own silhouette at mid-shutter
    truncation: float
    blur: float | None
    foot: tuple[float, float, float] | None  # contact point and width in px, for the shadow


@dataclass(frozen=True, eq=False)
class Moment:
    """An actor's outlines at one instant."""

    parts: list[Part]
    outlines: list[Points]
    matrix: Matrix
    stand: Stand


def moment_of(actor: Actor, camera: Camera, t: float) -> Moment:
    """Pose and place of an actor at ``t`` seconds."""
    stand = actor.course.at(t)
    parts = actor.figure.parts(Pose(stand.phase, t, stand.vigour))
    size = actor.unit * float(scale_at(stand.depth))
    x = stand.x - float(camera.pan(t)) * float(parallax_at(stand.depth))
    turn = stand.pitch * math.copysign(1.0, stand.facing)
    c, s = math.cos(turn) * size, math.sin(turn) * size
    body = np.array([[c * stand.facing, -s, x], [s * stand.facing, c, stand.y]])
    matrix = chain(camera.view(t), body)
    return Moment(parts, place(parts, matrix), matrix, stand)


def draw_actor(actor: Actor, camera: Camera, t: float, exposure: float, size: tuple[int, int]) -> Drawn:
    """Render an actor around ``t``: exposure seconds of motion, truth at ``t`` itself."""
    middle = moment_of(actor, camera, t)
    opened = moment_of(actor, camera, t - exposure / 2)
    closed = moment_of(actor, camera, t + exposure / 2)
    start, end = np.concatenate(opened.outlines), np.concatenate(closed.outlines)
    moved = np.hypot(*(end - start).T)
    margin = 2
    window = (-margin, -margin, size[0] + margin, size[1] + margin)
    look = actor.figure.look
    sprite = draw(middle.parts, middle.outlines, middle.matrix, look, window)
    coverage = _inside(sprite, size)
    reach = float(np.sort(moved)[int(0.95 * (len(moved) - 1))])
    sprites = [sprite]
    if reach > _SHARP:
        half = min(max(math.ceil(reach / _STEP / 2), 1), MAX_SUBFRAMES // 2)
        count = 2 * half + 1
        for k in range(count):
            if k != half:
                at = moment_of(actor, camera, t + exposure * ((k + 0.5) / count - 0.5))
                sprites.append(draw(at.parts, at.outlines, at.matrix, look, window))
    return Drawn(
        middle.stand.depth,
        integrate(sprites),
        coverage,
        _truncation(middle, coverage, size),
        float(moved.mean()) if coverage is not None else None,
        _foot(actor, middle),
    )


def integrate(sprites: list[Sprite | None]) -> Patch | None:
    """The mean of premultiplied sprites, each standing for an equal share of the exposure."""
    seen = [sprite for sprite in sprites if sprite is not None]
    if not seen:
        return None
    if len(sprites) == 1:
        return Patch(seen[0].x0, seen[0].y0, premultiplied(seen[0].rgb, seen[0].alpha))
    x0, y0 = min(s.x0 for s in seen), min(s.y0 for s in seen)
    x1 = max(s.x0 + s.alpha.shape[1] for s in seen)
    y1 = max(s.y0 + s.alpha.shape[0] for s in seen)
    total = np.zeros((y1 - y0, x1 - x0, 4), np.float32)
    for sprite in seen:
        h, w = sprite.alpha.shape
        top, left = sprite.y0 - y0, sprite.x0 - x0
        part = total[top : top + h, left : left + w]
        cv2.accumulate(premultiplied(sprite.rgb, sprite.alpha), part)
    mean = cv2.convertScaleAbs(total, alpha=1 / len(sprites))
    return Patch(x0, y0, np.asarray(mean, np.uint8))


def _inside(sprite: Sprite | None, size: tuple[int, int]) -> Patch | None:
    """The silhouette (coverage over half) inside the image; None when no pixel is."""
    if sprite is None:
        return None
    height, width = sprite.alpha.shape
    x0, y0 = max(sprite.x0, 0), max(sprite.y0, 0)
    x1, y1 = min(sprite.x0 + width, size[0]), min(sprite.y0 + height, size[1])
    if x1 <= x0 or y1 <= y0:
        return None
    bits = sprite.alpha[y0 - sprite.y0 : y1 - sprite.y0, x0 - sprite.x0 : x1 - sprite.x0] >= 128
    return Patch(x0, y0, bits.view(np.uint8)) if bits.any() else None


def _truncation(moment: Moment, coverage: Patch | None, size: tuple[int, int]) -> float:
    """Share of the full silhouette outside the image."""
    if coverage is None:
        return 1.0
    everything = np.concatenate(moment.outlines)
    low, high = everything.min(axis=0), everything.max(axis=0)
    if low.min() >= 1 and high[0] <= size[0] - 1 and high[1] <= size[1] - 1:
        return 0.0
    origin = np.floor(low) - 1
    width, height = (int(v) for v in np.ceil(high - origin) + 2)
    full: NDArray[np.uint8] = np.zeros((height, width), np.uint8)
    for outline in moment.outlines:
        points = np.rint((outline - origin - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(full, [points], 255, cv2.LINE_AA, 4)
    whole = cv2.countNonZero(cv2.threshold(full, 127, 1, cv2.THRESH_BINARY)[1])
    inside = cv2.countNonZero(coverage.pixels)
    return float(min(max(1.0 - inside / max(whole, 1), 0.0), 1.0))


def _foot(actor: Actor, moment: Moment) -> tuple[float, float, float] | None:
    if not actor.grounded:
        return None
    foot = moment.matrix[:, 2]
    everything = np.concatenate(moment.outlines)
    return float(foot[0]), float(foot[1]), float(np.ptp(everything[:, 0]))


def cast_shadow(image: Bytes, foot: tuple[float, float, float], strength: float) -> None:
    """A soft contact shadow under a foot point, in place."""
    x, y, width = foot
    rx, ry = max(width * 0.55, 2.0), max(width * 0.11, 1.5)
    x0, x1 = max(int(x - rx), 0), min(int(x + rx) + 1, image.shape[1])
    y0, y1 = max(int(y - ry), 0), min(int(y + ry) + 1, image.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    u = ((np.arange(x0, x1, dtype=np.float32) + 0.5 - x) / rx) ** 2
    v = ((np.arange(y0, y1, dtype=np.float32) + 0.5 - y) / ry) ** 2
    dark = 1 - strength * np.clip(1 - (u[None] + v[:, None]), 0, 1)
    below = image[y0:y1, x0:x1]
    image[y0:y1, x0:x1] = cv2.multiply(below, cv2.merge((dark, dark, dark)), dtype=cv2.CV_8U)
