"""Coats: textures that multiply the colours of a figure (128 changes nothing)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stmask_core.training.synthetic.palettes import Palette
from stmask_core.training.synthetic.splits import GRAINS
from stmask_core.training.synthetic.textures import Grey, grain, nearest_cells, value_noise

_SIZE = (96, 96)  # 1.5 figure units


def coat_of(kind: str, rng: np.random.Generator, palette: Palette) -> NDArray[np.uint8]:
    """A coat (96, 96, 3) of the given kind over a fine grain of the split's textures."""
    names = GRAINS[palette.split]
    fine = grain(names[rng.integers(len(names))], rng, _SIZE)
    tile = 1.0 + float(rng.uniform(0.10, 0.30)) * (fine - 0.5)
    pattern, colour = _pattern(kind, rng)
    gains = 1.0 + pattern[..., None] * (np.asarray(colour, np.float32) - 1.0)
    return np.clip(tile[..., None] * gains * 128, 0, 255).astype(np.uint8)


def _pattern(kind: str, rng: np.random.Generator) -> tuple[Grey, tuple[float, float, float]]:
    """Where the second colour is (0..1), and the gains per channel that make it."""
    nothing = np.zeros(_SIZE, np.float32)
    dark = float(rng.uniform(0.3, 0.65))
    if kind == "patches":
        noise = value_noise(rng, _SIZE, (3, 3), 3)
        light = rng.random() < 0.4
        return _soft(noise - 0.55, 0.03), (1.7, 1.7, 1.75) if light else (dark, dark, dark)
    if kind == "spots":
        first, _ = nearest_cells(rng, _SIZE, int(rng.integers(14, 40)))
        return _soft(float(rng.uniform(0.045, 0.075)) - first, 0.012), (dark, dark, dark)
    if kind == "speckled":
        first, _ = nearest_cells(rng, _SIZE, 70)
        return _soft(0.035 - first, 0.012), (dark, dark, dark)
    if kind == "giraffe":
        first, second = nearest_cells(rng, _SIZE, int(rng.integers(34, 60)))
        return _soft(second - first - 0.022, 0.01), (0.66, 0.48, 0.34)
    if kind == "scales":
        y, x = np.mgrid[0 : _SIZE[0], 0 : _SIZE[1]].astype(np.float32)
        k = 2 * np.pi * 12 / _SIZE[0]
        return ((np.sin(x * k) * np.sin(y * k) + 1) / 2).astype(np.float32), (0.8, 0.8, 0.8)
    if kind == "hide":
        noise = value_noise(rng, _SIZE, (10, 6), 3)
        return _soft(np.abs(noise - 0.5) * -1 + 0.03, 0.015), (0.82, 0.82, 0.82)
    if kind == "feathers":
        noise = value_noise(rng, _SIZE, (6, 16), 3)
        return noise, (0.75, 0.75, 0.75)
    if kind == "cloth":
        y, x = np.mgrid[0 : _SIZE[0], 0 : _SIZE[1]].astype(np.float32)
        style = int(rng.integers(4))
        k = 2 * np.pi * int(rng.integers(6, 14)) / _SIZE[0]
        lines = {0: nothing, 1: _soft(np.sin(y * k), 0.2), 2: _soft(np.sin(x * k), 0.2),
                 3: _soft(np.sin(x * k) * np.sin(y * k), 0.2)}[style]  # fmt: skip
        return lines, (0.72, 0.72, 0.72)
    return nothing, (1.0, 1.0, 1.0)


def _soft(level: Grey, width: float) -> Grey:
    """1 where ``level`` is positive, with an edge of ``width``."""
    return np.clip(level / width * 0.5 + 0.5, 0, 1).astype(np.float32)
