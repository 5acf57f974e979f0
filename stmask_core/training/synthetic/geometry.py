"""Smooth outlines from a few control points, in figure units (x forward, y down).

Every curve is a cached matrix times its control points, so a pose costs a few small products and the
vertices of two poses correspond one to one (the blur length needs that).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # (N, 2)


@lru_cache(maxsize=256)
def _catmull_rom(controls: int, samples: int, closed: bool) -> tuple[Points, Points]:
    """Matrices (rows, controls) of positions and of derivatives of a uniform Catmull-Rom curve."""
    spans = controls if closed else controls - 1
    u = np.arange(spans * samples + (0 if closed else 1)) / samples
    first = np.minimum(u.astype(int), spans - 1)
    s = (u - first)[:, None]
    position = np.hstack(
        (
            -0.5 * s + s**2 - 0.5 * s**3,
            1 - 2.5 * s**2 + 1.5 * s**3,
            0.5 * s + 2 * s**2 - 1.5 * s**3,
            -0.5 * s**2 + 0.5 * s**3,
        )
    )
    slope = np.hstack(
        (
            -0.5 + 2 * s - 1.5 * s**2,
            -5 * s + 4.5 * s**2,
            0.5 + 4 * s - 4.5 * s**2,
            -s + 1.5 * s**2,
        )
    )
    at = np.zeros((len(u), controls))
    along = np.zeros((len(u), controls))
    rows = np.arange(len(u))
    for k in range(4):
        index = first + k - 1
        index = index % controls if closed else np.clip(index, 0, controls - 1)
        np.add.at(at, (rows, index), position[:, k])
        np.add.at(along, (rows, index), slope[:, k])
    return at, along


def blob(controls: list[tuple[float, float]] | Points, samples: int = 6) -> Points:
    """A smooth closed outline through the control points."""
    points = np.asarray(controls, dtype=np.float64)
    return _catmull_rom(len(points), samples, True)[0] @ points


def polygon(*corners: tuple[float, float]) -> Points:
    """Straight edges between the corners."""
    return np.asarray(corners, dtype=np.float64)


@lru_cache(maxsize=32)
def _circle(count: int) -> Points:
    angle = np.arange(count) * (2 * math.pi / count)
    return np.column_stack((np.cos(angle), np.sin(angle)))


def oval(x: float, y: float, rx: float, ry: float, angle: float = 0.0, count: int = 22) -> Points:
    """An ellipse; ``angle`` in radians turns its first axis."""
    c, s = math.cos(angle), math.sin(angle)
    return _circle(count) @ np.array([[rx * c, rx * s], [-ry * s, ry * c]]) + (x, y)


@lru_cache(maxsize=8)
def _cap(count: int) -> tuple[Points, Points]:
    """Cosines (along the normal) and sines (along the tangent) of a half circle, ends left out."""
    angle = np.linspace(math.pi / 2, -math.pi / 2, count + 2)[1:-1, None]
    return np.sin(angle), np.cos(angle)


def limb(
    joints: list[tuple[float, float]] | Points,
    radii: list[float] | NDArray[np.float64],
    samples: int = 5,
) -> Points:
    """A ribbon with round ends along a smooth spine; ``radii`` are half widths at the joints."""
    spine = np.asarray(joints, dtype=np.float64)
    at, along = _catmull_rom(len(spine), samples, False)
    centre = at @ spine
    tangent = along @ spine
    tangent /= np.hypot(tangent[:, 0], tangent[:, 1])[:, None] + 1e-9
    normal = np.column_stack((-tangent[:, 1], tangent[:, 0]))
    radius = np.maximum(at @ np.asarray(radii, dtype=np.float64), 1e-4)[:, None]
    across, forward = _cap(5)
    tip = centre[-1] + radius[-1] * (across * normal[-1] + forward * tangent[-1])
    root = centre[0] - radius[0] * (across * normal[0] + forward * tangent[0])
    side = radius * normal
    return np.concatenate((centre + side, tip, (centre - side)[::-1], root))


def bend(
    root: tuple[float, float], foot: tuple[float, float], upper: float, lower: float, side: float
) -> tuple[float, float]:
    """The middle joint of a two-bone limb from ``root`` to ``foot`` (law of cosines).

    side: +1 bends toward +x of a hanging leg, -1 away. A foot out of reach gives a straight limb.
    """
    dx, dy = foot[0] - root[0], foot[1] - root[1]
    reach = min(max(math.hypot(dx, dy), 1e-6), (upper + lower) * 0.999)
    along = (upper**2 - lower**2 + reach**2) / (2 * reach)
    off = math.sqrt(max(upper**2 - along**2, 0.0)) * side
    norm = math.hypot(dx, dy) + 1e-9
    ux, uy = dx / norm, dy / norm
    return root[0] + ux * along + uy * off, root[1] + uy * along - ux * off


def turned(points: Points, about: tuple[float, float], angle: float) -> Points:
    """The points turned by ``angle`` radians around a pivot."""
    c, s = math.cos(angle), math.sin(angle)
    return (points - about) @ np.array([[c, s], [-s, c]]) + about
