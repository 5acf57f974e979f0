"""Things that stand around and hide others: trees, lamp posts, rocks, weeds. Figure units, like figures."""

from __future__ import annotations

import math

import numpy as np

from stmask_core.training.synthetic.drawing import Colour, Look, Part, draw, place
from stmask_core.training.synthetic.geometry import blob, limb, oval, polygon
from stmask_core.training.synthetic.layers import Bytes, premultiplied
from stmask_core.training.synthetic.palettes import Palette, shade

LINE = 0.008


def _ragged(rng: np.random.Generator, x: float, y: float, rx: float, ry: float) -> np.ndarray:
    """A lumpy outline: a crown of leaves, a bush, a rock."""
    n = 11
    angle = np.arange(n) * 2 * math.pi / n
    r = rng.uniform(0.82, 1.15, n)
    return blob(np.column_stack((x + rx * r * np.cos(angle), y + ry * r * np.sin(angle))), 5)


def tree(rng: np.random.Generator, palette: Palette) -> list[Part]:
    """Trunk and a crown in three tones, 1 unit tall."""
    bark = palette.natural(((25, 0.5, 0.38), (30, 0.25, 0.5)))
    leaf = palette.natural(((105, 0.55, 0.5), (85, 0.6, 0.6), (130, 0.45, 0.4), (35, 0.75, 0.85)))
    w = float(rng.uniform(0.035, 0.06))
    crown = float(rng.uniform(0.22, 0.34))
    lean = float(rng.uniform(-0.04, 0.04))
    parts = [Part(limb([(0, 0.0), (lean * 0.5, -0.35), (lean, -0.7)], [w * 1.3, w, w * 0.7]), bark, LINE)]
    for k, tone in enumerate((0.78, 0.9, 1.0, 1.1)):
        dx, dy = rng.uniform(-0.4, 0.4, 2) * crown * (1.2 if k < 3 else 0.6)
        r = crown * (1.0 - 0.13 * k)
        parts.append(
            Part(_ragged(rng, lean + dx, -0.72 + dy - 0.03 * k, r, r * 0.8), shade(leaf, tone), LINE)
        )
    return parts


def pine(rng: np.random.Generator, palette: Palette) -> list[Part]:
    """A conifer of stacked skirts."""
    leaf = palette.natural(((135, 0.5, 0.35), (150, 0.4, 0.4)))
    parts = [Part(limb([(0, 0), (0, -0.3)], [0.04, 0.035]), (92, 66, 48), LINE)]
    tiers = int(rng.integers(3, 6))
    for k in range(tiers):
        y = -0.14 - 0.72 * k / tiers
        half = 0.30 * (1 - 0.75 * k / tiers)
        skirt = polygon(
            (-half, y), (-half * 0.4, y + 0.03), (half * 0.3, y + 0.035), (half, y), (0.0, y - 0.34)
        )
        parts.append(Part(skirt, shade(leaf, 0.8 + 0.28 * k / tiers), LINE))
    return parts


def lamp_post(rng: np.random.Generator, palette: Palette) -> list[Part]:
    """A pole with a lamp, thin enough to cut a body in two."""
    metal = palette.natural(((215, 0.2, 0.28), (150, 0.3, 0.3), (30, 0.1, 0.4)))
    w = float(rng.uniform(0.016, 0.03))
    return [
        Part(limb([(0, 0), (0, -0.9)], [w, w * 0.8]), metal, LINE),
        Part(limb([(0, 0.0), (0, -0.07)], [w * 2, w * 1.6]), metal, LINE),
        Part(limb([(0, -0.9), (0.05, -0.98), (0.15, -0.97)], [w * 0.7] * 3), metal, LINE),
        Part(oval(0.16, -0.955, 0.05, 0.025), (255, 240, 190), LINE, True),
    ]


def column(rng: np.random.Generator, palette: Palette) -> list[Part]:
    """A pillar or a door post."""
    stone = palette.natural(((35, 0.15, 0.85), (215, 0.08, 0.7), (15, 0.35, 0.65)))
    w = float(rng.uniform(0.05, 0.09))
    shaft = polygon((-w, 0), (w, 0), (w * 0.9, -1.2), (-w * 0.9, -1.2))
    parts = [Part(shaft, stone, LINE)]
    for k in (-0.5, 0.0, 0.5):
        parts.append(Part(limb([(w * k, -0.08), (w * k, -1.2)], [w * 0.09] * 2), shade(stone, 0.82)))
    parts.append(
        Part(polygon((-w * 1.4, 0.01), (w * 1.4, 0.01), (w * 1.3, -0.07), (-w * 1.3, -0.07)), stone, LINE)
    )
    return parts


def bush(rng: np.random.Generator, palette: Palette) -> list[Part]:
    """Low leaves, sometimes with blossoms."""
    leaf = palette.natural(((110, 0.55, 0.45), (90, 0.5, 0.55), (140, 0.4, 0.4)))
    parts = []
    for k, tone in enumerate((0.75, 0.9, 1.05)):
        x = float(rng.uniform(-0.2, 0.2))
        parts.append(
            Part(_ragged(rng, x, -0.14 - 0.02 * k, 0.26 - 0.05 * k, 0.17 - 0.02 * k), shade(leaf, tone), LINE)
        )
    bloom = palette.free((0.4, 0.9), (0.8, 1.0))
    for _ in range(int(rng.integers(0, 9))):
        x, y = rng.uniform(-0.3, 0.3), rng.uniform(-0.28, -0.06)
        parts.append(Part(oval(float(x), float(y), 0.022, 0.022, count=8), bloom, 0, True))
    return parts


def rock(rng: np.random.Generator, palette: Palette) -> list[Part]:
    """A boulder with a lit face."""
    stone = palette.natural(((30, 0.1, 0.55), (215, 0.12, 0.5), (20, 0.25, 0.5)))
    rx, ry = float(rng.uniform(0.2, 0.34)), float(rng.uniform(0.12, 0.22))
    return [
        Part(_ragged(rng, 0, -ry * 0.8, rx, ry), stone, LINE),
        Part(_ragged(rng, -rx * 0.15, -ry * 1.05, rx * 0.62, ry * 0.5), shade(stone, 1.18)),
    ]


def cactus(rng: np.random.Generator, palette: Palette) -> list[Part]:
    """A saguaro."""
    green = palette.natural(((115, 0.45, 0.45), (140, 0.35, 0.45)))
    a, b = rng.uniform(-0.45, -0.25, 2)
    return [
        Part(limb([(0, a + 0.1), (-0.13, a + 0.06), (-0.15, a - 0.16)], [0.042] * 3), green, LINE),
        Part(limb([(0, b + 0.1), (0.13, b + 0.06), (0.15, b - 0.2)], [0.045] * 3), green, LINE),
        Part(limb([(0, 0), (0, -0.75)], [0.065, 0.06]), green, LINE),
        Part(limb([(0.01, -0.05), (0.01, -0.7)], [0.008, 0.008]), shade(green, 1.3)),
    ]


def weed(rng: np.random.Generator, palette: Palette) -> list[Part]:
    """A bunch of sea weed."""
    green = palette.natural(((140, 0.55, 0.4), (95, 0.5, 0.45), (340, 0.4, 0.5)))
    parts = []
    for _ in range(int(rng.integers(3, 7))):
        x = float(rng.uniform(-0.12, 0.12))
        top = float(rng.uniform(-0.95, -0.45))
        s = float(rng.uniform(-0.09, 0.09))
        spine = [(x, 0.0), (x + s, top * 0.33), (x - s, top * 0.66), (x + s * 1.3, top)]
        parts.append(
            Part(limb(spine, [0.022, 0.034, 0.03, 0.008]), shade(green, float(rng.uniform(0.7, 1.2))), LINE)
        )
    return parts


def coral(rng: np.random.Generator, palette: Palette) -> list[Part]:
    """Branching coral."""
    colour = palette.free((0.45, 0.85), (0.75, 1.0))
    parts = []
    for _ in range(int(rng.integers(4, 8))):
        a = float(rng.uniform(-0.8, 0.8))
        h = float(rng.uniform(0.25, 0.5))
        tip = (math.sin(a) * h, -math.cos(a) * h)
        parts.append(Part(limb([(0, 0), (tip[0] * 0.4, tip[1] * 0.55), tip], [0.05, 0.038, 0.032]),
                          shade(colour, float(rng.uniform(0.8, 1.15))), LINE))  # fmt: skip
    return parts


def cloud(rng: np.random.Generator, palette: Palette) -> list[Part]:
    """A puffy cloud without contour; its base is flat."""
    tint = palette.natural(((215, 0.04, 0.98), (30, 0.08, 0.97)), 0.4)
    parts = []
    for _ in range(int(rng.integers(5, 9))):
        x, r = float(rng.uniform(-0.36, 0.36)), float(rng.uniform(0.08, 0.17))
        parts.append(Part(oval(x, -r * 0.7 - 0.04 * (1 - abs(x)), r, r * 0.8), tint))
    parts.append(Part(oval(0, -0.05, 0.48, 0.06), shade(tint, 0.97)))
    return parts


def furniture(rng: np.random.Generator, palette: Palette) -> list[Part]:
    """An armchair or a potted plant."""
    if rng.random() < 0.5:
        cloth = palette.free((0.3, 0.7), (0.4, 0.85))
        return [
            Part(
                blob([(-0.26, 0.0), (-0.3, -0.5), (0, -0.56), (0.3, -0.5), (0.26, 0.0)]),
                shade(cloth, 0.85),
                LINE,
            ),
            Part(blob([(-0.22, -0.02), (-0.22, -0.24), (0.22, -0.24), (0.22, -0.02)]), cloth, LINE),
            Part(limb([(-0.28, -0.04), (-0.28, -0.3)], [0.06, 0.07]), cloth, LINE),
            Part(limb([(0.28, -0.04), (0.28, -0.3)], [0.06, 0.07]), cloth, LINE),
        ]
    pot = palette.natural(((15, 0.6, 0.65), (215, 0.1, 0.85)))
    parts = []
    for _ in range(7):
        a, h = float(rng.uniform(-0.9, 0.9)), float(rng.uniform(0.3, 0.55))
        tip = (math.sin(a) * h, -0.2 - math.cos(a) * h)
        leaf = limb([(0, -0.18), (tip[0] * 0.5, tip[1] * 0.7), tip], [0.015, 0.05, 0.01])
        parts.append(Part(leaf, shade((58, 128, 66), float(rng.uniform(0.75, 1.2))), LINE))
    parts.append(Part(polygon((-0.13, -0.24), (0.13, -0.24), (0.09, 0.0), (-0.09, 0.0)), pot, LINE))
    return parts


PROPS = {
    "tree": tree, "pine": pine, "lamp_post": lamp_post, "column": column, "bush": bush, "rock": rock,
    "cactus": cactus, "weed": weed, "coral": coral, "cloud": cloud, "furniture": furniture,
}  # fmt: skip


def picture_of(parts: list[Part], scale: float, ink: Colour, relief: float) -> tuple[Bytes, float, float]:
    """Parts as a premultiplied picture at ``scale`` pixels per unit, and where its corner lies."""
    everything = np.concatenate([part.points for part in parts])
    low, high = everything.min(axis=0) - 0.02, everything.max(axis=0) + 0.02
    width, height = (max(int(v), 1) for v in np.ceil((high - low) * scale))
    matrix = np.array([[scale, 0.0, -low[0] * scale], [0.0, scale, -low[1] * scale]])
    sprite = draw(parts, place(parts, matrix), matrix, Look(ink, None, relief), (0, 0, width, height))
    assert sprite is not None
    rgba = np.zeros((height, width, 4), np.uint8)
    h, w = sprite.alpha.shape
    rgba[sprite.y0 : sprite.y0 + h, sprite.x0 : sprite.x0 + w] = premultiplied(sprite.rgb, sprite.alpha)
    return rgba, float(low[0]), float(low[1])
