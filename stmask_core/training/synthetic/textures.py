"""Grey surface textures that tile: value noise and what is made of it. Values in 0..1, float32."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stmask_core.errors import StmaskError
from stmask_core.opencv import cv2

Grey = NDArray[np.float32]

PHOTOS = Path(__file__).resolve().parents[3] / "resources" / "textures"


def value_noise(
    rng: np.random.Generator, size: tuple[int, int], cells: tuple[int, int], octaves: int = 4
) -> Grey:
    """Fractal value noise (height, width) that wraps around; ``cells``: lattice rows, columns."""
    height, width = size
    total = np.zeros(size, np.float32)
    weight, amount = 0.0, 1.0
    rows, columns = cells
    for _ in range(octaves):
        if rows > height or columns > width:
            break
        lattice = rng.random((rows, columns), dtype=np.float32)
        ringed = np.pad(lattice, 2, mode="wrap")
        step_y, step_x = height / rows, width / columns
        grown = cv2.resize(
            ringed,
            (round((columns + 4) * step_x), round((rows + 4) * step_y)),
            interpolation=cv2.INTER_CUBIC,
        )
        top, left = round(2 * step_y), round(2 * step_x)
        total += amount * grown[top : top + height, left : left + width]
        weight += amount
        amount *= 0.55
        rows, columns = rows * 2, columns * 2
    return np.clip(total / weight, 0, 1).astype(np.float32)


def stretched(grey: Grey) -> Grey:
    """The full range 0..1."""
    low, high = float(grey.min()), float(grey.max())
    return ((grey - low) / max(high - low, 1e-6)).astype(np.float32)


def nearest_cells(rng: np.random.Generator, size: tuple[int, int], count: int) -> tuple[Grey, Grey]:
    """Distances (in tile heights) to the nearest and second nearest of ``count`` wrapped points."""
    height, width = size
    seeds = rng.random((count, 2)).astype(np.float32)
    seeds = np.concatenate([np.add(seeds, (dy, dx)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    near = seeds[((seeds > -0.3) & (seeds < 1.3)).all(axis=1)]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = y / height, x / width
    first = np.full(size, 9.0, np.float32)
    second = np.full(size, 9.0, np.float32)
    for sy, sx in near:
        distance = np.hypot(y - sy, x - sx).astype(np.float32)
        second = np.minimum(second, np.maximum(first, distance))
        first = np.minimum(first, distance)
    return first, second


def grain(name: str, rng: np.random.Generator, size: tuple[int, int] = (192, 192)) -> Grey:
    """One named surface texture (the names are in splits.GRAINS), mean near 0.5."""
    if name == "fractal":
        return stretched(value_noise(rng, size, (4, 4), 6))
    if name == "streaks":
        return stretched(value_noise(rng, size, (24, 3), 4))
    if name == "speckle":
        noise = stretched(value_noise(rng, size, (16, 16), 4))
        return (0.5 + 0.5 * np.tanh((noise - 0.55) * 9)).astype(np.float32)
    if name == "ridges":
        return stretched(1 - np.abs(2 * value_noise(rng, size, (5, 5), 5) - 1))
    if name == "cells":
        first, second = nearest_cells(rng, size, 40)
        return stretched(second - first)
    if name == "weave":
        y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
        warp = value_noise(rng, size, (4, 4), 3) * 6
        k = 2 * np.pi * 12 / size[0]
        return stretched(np.sin(x * k + warp) * np.sin(y * k - warp))
    if name == "terraces":
        noise = stretched(value_noise(rng, size, (4, 4), 5)) * 6
        return stretched(noise - np.floor(noise))
    if name == "marble":
        y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
        warp = value_noise(rng, size, (3, 3), 5) * 14
        return stretched(np.sin((x + y) * 2 * np.pi * 3 / size[0] + warp))
    if name == "dapple":
        first, _ = nearest_cells(rng, size, 60)
        return stretched(-first + 0.08 * value_noise(rng, size, (8, 8), 3))
    if name.startswith("photo:"):
        turned = photograph(name.removeprefix("photo:"))[:: int(rng.choice((1, -1)))]
        return np.asarray(cv2.resize(turned, size[::-1], interpolation=cv2.INTER_AREA), np.float32)
    raise ValueError(f"no texture named {name!r}")


@lru_cache(maxsize=8)
def photograph(name: str) -> Grey:
    """A photograph from resources/textures, mirrored so that it tiles, with a standard contrast."""
    path = PHOTOS / f"{name}.jpg"
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise StmaskError(f"The texture {path} is missing or damaged.", "Reinstall STMask Annotator.")
    tile = np.hstack((picture, picture[:, ::-1]))
    tile = np.vstack((tile, tile[::-1])).astype(np.float32)
    return np.clip(0.5 + (tile - tile.mean()) / (5 * tile.std() + 1e-3), 0, 1).astype(np.float32)
