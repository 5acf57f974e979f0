"""Where it happens: painted background layers, ground in perspective, props, a front edge."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stmask_core.opencv import cv2
from stmask_core.training.synthetic.drawing import Colour
from stmask_core.training.synthetic.layers import Bytes, Layer, premultiplied
from stmask_core.training.synthetic.palettes import Palette, mix, shade
from stmask_core.training.synthetic.props import PROPS, picture_of
from stmask_core.training.synthetic.splits import GRAINS
from stmask_core.training.synthetic.textures import Grey, grain, value_noise

REACH = 0.85  # largest |pan| that layers must cover, image heights


@dataclass(frozen=True)
class Biome:
    """A kind of place: who lives there, what stands there, what is behind and below."""

    name: str
    ground_cast: tuple[str, ...]
    air_cast: tuple[str, ...]
    props: tuple[str, ...]
    backdrop: str  # hills, peaks, city, sea, wall, deep, open, collage
    ground: tuple[tuple[float, float, float], ...]
    sky: tuple[tuple[float, float, float], tuple[float, float, float]]  # top, bottom (HSV)
    front: str = ""  # blades, weeds or nothing
    water: bool = False
    horizon: tuple[float, float] = (0.34, 0.5)


BIOMES = (
    Biome("meadow", ("dog", "rabbit", "duck", "snake", "person", "elephant", "giraffe"),
          ("parrot", "airplane"),
          ("tree", "tree", "bush", "rock"), "hills", ((100, 0.5, 0.62), (85, 0.5, 0.68)),
          ((208, 0.55, 0.92), (200, 0.18, 0.98)), "blades"),
    Biome("forest", ("dog", "rabbit", "snake", "person", "elephant"), ("parrot",),
          ("tree", "pine", "pine", "bush"), "hills", ((90, 0.45, 0.42), (40, 0.45, 0.45)),
          ((150, 0.3, 0.62), (90, 0.22, 0.86)), "blades"),
    Biome("savanna", ("elephant", "giraffe", "dog", "snake", "rabbit", "person"), ("parrot", "airplane"),
          ("tree", "cactus", "rock", "bush"), "peaks", ((42, 0.5, 0.8), (34, 0.5, 0.72)),
          ((205, 0.4, 0.9), (38, 0.35, 0.98)), "blades"),
    Biome("snow", ("dog", "rabbit", "person", "duck"), ("parrot", "airplane"),
          ("pine", "pine", "rock"), "peaks",
          ((210, 0.06, 0.95),), ((212, 0.4, 0.8), (205, 0.1, 0.97))),
    Biome("city", ("sedan", "sedan", "person", "person", "dog", "duck"), ("airplane", "parrot"),
          ("lamp_post", "lamp_post", "tree", "column"), "city", ((215, 0.06, 0.45), (215, 0.05, 0.36)),
          ((210, 0.4, 0.88), (30, 0.2, 0.97))),
    Biome("beach", ("dog", "person", "duck", "rabbit", "sedan"), ("parrot", "airplane"),
          ("rock", "column", "cactus"), "sea", ((42, 0.3, 0.92), (36, 0.35, 0.85)),
          ((205, 0.5, 0.95), (195, 0.15, 0.99))),
    Biome("room", ("dog", "rabbit", "person", "duck", "snake"), ("parrot",),
          ("column", "furniture", "furniture"),
          "wall", ((28, 0.5, 0.6), (20, 0.45, 0.42), (210, 0.15, 0.6)), ((40, 0.2, 0.9), (30, 0.25, 0.8)),
          horizon=(0.42, 0.58)),
    Biome("reef", (), ("fish", "fish", "fish", "turtle"), ("weed", "weed", "coral", "rock"), "deep",
          ((44, 0.35, 0.78), (190, 0.25, 0.6)), ((195, 0.55, 0.85),
          (210, 0.8, 0.42)), "weeds", True, (0.66, 0.8)),
    Biome("sky", (), ("airplane", "parrot"), ("cloud",), "open", ((205, 0.3, 0.9),),
          ((212, 0.65, 0.82), (200, 0.2, 0.98)), horizon=(1.05, 1.1)),
    Biome("collage", ("dog", "rabbit", "person", "duck", "snake", "sedan", "elephant", "giraffe"),
          ("parrot", "airplane", "fish", "turtle"),
          ("rock", "bush", "column", "tree", "furniture"), "collage",
          ((0, 0, 0.5),), ((0, 0, 0.5), (0, 0, 0.5)), horizon=(0.0, 0.25)),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Scenery:
    """What does not act: layers behind everything (far to near), props, the front edge."""

    biome: Biome
    horizon: float
    back: tuple[Layer, ...]
    standing: tuple[Layer, ...]
    ink: Colour
    light: tuple[float, float]
    props: tuple[str, ...] = field(default=())


def parallax_at(depth: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
    """How much of the pan a thing at ``depth`` (0 horizon .. 1 lower image edge) follows."""
    return 0.25 + 0.75 * depth


def scale_at(depth: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
    """Size factor at ``depth``."""
    return 0.42 + 0.78 * depth


def build_scenery(rng: np.random.Generator, palette: Palette, size: tuple[int, int], biome: Biome) -> Scenery:
    """Paint one place of the given kind for images of ``size`` (width, height)."""
    painter = Painter(rng, palette, size)
    horizon = float(rng.uniform(*biome.horizon))
    top, bottom = (palette.natural((c,), 1.2) for c in biome.sky)
    back = [painter.sky(top, bottom, biome)]
    if biome.backdrop not in ("open", "wall", "collage"):
        back += painter.backdrop(biome.backdrop, horizon, bottom)
    ground = palette.natural(biome.ground)
    if horizon < 1 and biome.backdrop != "collage":
        back.append(painter.ground(ground, horizon, biome))
    light = (float(rng.uniform(-0.7, 0.7)), -float(rng.uniform(0.6, 0.95)))
    ink = mix(shade(bottom, 0.25), (20, 20, 24), 0.5)
    staged = palette.split == "sample"
    standing = painter.row_of_trees(biome, horizon, ink) if staged else painter.props(biome, horizon, ink)
    if biome.front:
        standing.append(painter.front(biome.front, ground))
    return Scenery(biome, horizon, tuple(back), tuple(standing), ink, light)


class Painter:
    """Paints the layers of one place at the resolution of the clip."""

    def __init__(self, rng: np.random.Generator, palette: Palette, size: tuple[int, int]) -> None:
        self.rng = rng
        self.palette = palette
        self.scale = float(size[1])
        self.aspect = size[0] / size[1]
        self.grains = GRAINS[palette.split]

    def a_grain(self) -> Grey:
        """One of the split's surface textures."""
        return grain(self.grains[self.rng.integers(len(self.grains))], self.rng)

    def span(self, parallax: float) -> tuple[float, float]:
        """Left edge and width (image heights) of a layer that must cover every pan."""
        margin = REACH * parallax + 0.3
        return -margin, self.aspect + 2 * margin

    def sky(self, top: Colour, bottom: Colour, biome: Biome) -> Layer:
        """A gradient with clouds, rays or wall paper."""
        parallax = 0.25 if biome.backdrop == "wall" else 0.04
        x0, wide = self.span(parallax)
        height, width = round(1.6 * self.scale), round(wide * self.scale)
        blend = np.linspace(-0.1, 1.1, height).clip(0, 1)[:, None]
        if biome.backdrop == "wall":
            tone = self._wallpaper(height, width)
        elif biome.backdrop == "collage":
            return Layer(self._collage(height, width), x0, -0.3, self.scale, 0.6)
        elif biome.water:
            tone = self._rays(height, width)
        else:
            noise = value_noise(self.rng, (height, width), (5, 4), 5)
            tone = np.clip((noise - 0.5) * 4, 0, 1) * float(self.rng.uniform(0, 0.7))
            lift = tone[..., None] * (255 - _gradient(blend, top, bottom))
            return Layer(_bytes(_gradient(blend, top, bottom) + lift), x0, -0.3, self.scale, parallax)
        return Layer(_bytes(_gradient(blend, top, bottom) * tone[..., None]), x0, -0.3, self.scale, parallax)

    def _collage(self, height: int, width: int) -> Bytes:
        """No place at all: blotches of free colours under a grain."""
        picture = np.empty((height, width, 3), np.float32)
        picture[:] = self.palette.free((0.1, 0.8), (0.2, 0.95))
        for _ in range(int(self.rng.integers(1, 4))):
            colour = np.asarray(self.palette.free((0.1, 0.8), (0.2, 0.95)), np.float32)
            noise = value_noise(self.rng, (height, width), (2, 4), int(self.rng.integers(2, 6)))
            share = np.clip((noise - 0.5) * float(self.rng.uniform(4, 30)) + 0.5, 0, 1)
            picture += share[..., None] * (colour - picture)
        side = max(int(self.rng.uniform(0.4, 1.2) * self.scale), 8)
        tile = cv2.resize(self.a_grain(), (side, side))
        texture = np.tile(tile, (height // side + 1, width // side + 1))[:height, :width]
        amount = float(self.rng.uniform(0.2, 0.9))
        return _bytes(picture * (1 + amount * (texture - 0.5))[..., None])

    def _wallpaper(self, height: int, width: int) -> NDArray[np.float32]:
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / self.scale
        k = float(self.rng.uniform(20, 60))
        style = self.rng.integers(3)
        wave = np.sin(x * k) if style == 0 else np.sin(x * k) * np.sin(y * k)
        texture = cv2.resize(self.a_grain(), (width, height))
        amount = float(self.rng.uniform(0.02, 0.12)) if style < 2 else 0.0
        return (0.95 + amount * np.sign(wave) + 0.12 * (texture - 0.5)).astype(np.float32)

    def _rays(self, height: int, width: int) -> NDArray[np.float32]:
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / self.scale
        rays = np.sin((x + 0.45 * y) * 9 + 1.3) * np.sin((x + 0.45 * y) * 23)
        return (1 + 0.16 * rays * np.exp(-1.6 * y)).astype(np.float32)

    def backdrop(self, kind: str, horizon: float, haze: Colour) -> list[Layer]:
        """Two or three ranges of hills, peaks or houses; a sea; a deep."""
        if kind == "sea":
            return [self._sea(horizon)]
        layers = []
        base = self.palette.natural(
            {"hills": ((120, 0.4, 0.45),), "peaks": ((250, 0.15, 0.5), (25, 0.3, 0.5)),
             "city": ((215, 0.15, 0.45), (20, 0.2, 0.5)), "deep": ((205, 0.6, 0.4),)}[kind]
        )  # fmt: skip
        count = 2 if kind == "deep" else 3
        for k in range(count):
            near = (k + 1) / count
            parallax = 0.06 + 0.16 * near
            x0, wide = self.span(parallax)
            height, width = round(0.75 * self.scale), round(wide * self.scale)
            colour = mix(base, haze, 0.75 - 0.6 * near)
            if kind == "city":
                rgb, alpha = self._houses(height, width, colour, near)
            else:
                rgb, alpha = self._ridge(height, width, colour, near, 2.2 if kind == "peaks" else 1.0)
            layers.append(Layer(premultiplied(rgb, alpha), x0, horizon - 0.55, self.scale, parallax))
        return layers

    def _ridge(
        self, height: int, width: int, colour: Colour, near: float, rough: float
    ) -> tuple[Bytes, Bytes]:
        x = np.linspace(0, width / self.scale, width)
        line = np.zeros(width)
        for k in range(5):
            rate = 1.6 * 1.9**k * float(self.rng.uniform(0.8, 1.2))
            line += np.sin(rate * x * rough + self.rng.uniform(0, 6.3)) / 1.9**k
        crest = (0.36 + 0.14 * near - 0.075 * rough**0.5 * line) * self.scale
        rows = np.arange(height)[:, None]
        alpha = (np.clip(rows - crest[None] + 0.5, 0, 1) * 255).astype(np.uint8)
        texture = cv2.resize(self.a_grain(), (width, height))
        tone = 0.88 + 0.24 * texture + 0.18 * np.clip(1 - (rows - crest) / (0.3 * self.scale), 0, 1)
        return _bytes(np.asarray(colour) * tone[..., None]), alpha

    def _houses(self, height: int, width: int, colour: Colour, near: float) -> tuple[Bytes, Bytes]:
        rgb = np.zeros((height, width, 3), np.uint8)
        rgb[:] = colour
        alpha = np.zeros((height, width), np.uint8)
        left = 0
        while left < width:
            wide = int(self.rng.uniform(0.10, 0.26) * self.scale)
            top = int((0.55 - self.rng.uniform(0.08, 0.40) * (0.6 + 0.5 * (1 - near))) * self.scale)
            wall = mix(self.palette.near(colour, 18), self.palette.free((0.1, 0.4), (0.4, 0.9)), 0.45 * near)
            cv2.rectangle(rgb, (left, top), (left + wide, height), wall, -1)
            cv2.rectangle(alpha, (left, top), (left + wide - 1, height), 255, -1)
            glass = mix(wall, (255, 236, 170) if self.rng.random() < 0.5 else (40, 54, 80), 0.5)
            step = max(int(0.045 * self.scale), 4)
            for y in range(top + step // 2, height - step, step):
                for x in range(left + step // 2, left + wide - step // 2, step):
                    cv2.rectangle(rgb, (x, y), (x + step // 2, y + step // 2), glass, -1)
            left += wide + int(self.rng.uniform(0, 0.05) * self.scale)
        return rgb, alpha

    def _sea(self, horizon: float) -> Layer:
        x0, wide = self.span(0.2)
        height, width = round(0.5 * self.scale), round(wide * self.scale)
        blue = self.palette.natural(((200, 0.65, 0.7), (185, 0.55, 0.75)))
        waves = self._in_perspective(
            grain("streaks" if self.palette.split == "train" else "weave", self.rng), height, width
        )
        rgb = _bytes(np.asarray(blue) * (0.8 + 0.4 * waves)[..., None])
        alpha = np.full((height, width), 255, np.uint8)
        return Layer(premultiplied(rgb, alpha), x0, horizon - 0.1, self.scale, 0.12, 0.3)

    def _in_perspective(self, tile: Grey, height: int, width: int) -> Grey:
        """A tile laid on a plane that recedes toward the top row."""
        rows = (np.arange(height, dtype=np.float32)[:, None] + 2) / height
        depth = 0.25 / (rows + 0.12)
        columns = (np.arange(width, dtype=np.float32)[None] - width / 2) / self.scale
        side = tile.shape[0]
        u = np.mod((columns * (0.45 + 0.8 * depth) + 20) * side * 0.9, side).astype(np.float32)
        v = np.mod(np.broadcast_to(depth * side * 2.2, u.shape), side).astype(np.float32)
        return np.asarray(cv2.remap(tile, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)

    def ground(self, colour: Colour, horizon: float, biome: Biome) -> Layer:
        """A textured plane from the horizon to below the image; a road in the city."""
        near = 1.25 - horizon
        slope = float(parallax_at(1.0) - parallax_at(0.0)) / (1 - horizon)
        x0, wide = self.span(1.2)
        height, width = round(near * self.scale), round(wide * self.scale)
        texture = self._in_perspective(self.a_grain(), height, width)
        broad = cv2.resize(value_noise(self.rng, (64, 128), (4, 6), 4), (width, height))
        amount = float(self.rng.uniform(0.12, 0.5))
        tone = 0.92 + amount * (texture - 0.5) + 0.25 * (broad - 0.5)
        tone = tone + 0.15 * np.linspace(0.6, -0.3, height)[:, None]
        rgb = np.asarray(colour, np.float32) * tone[..., None]
        if biome.name == "city":
            self._road(rgb, height, width)
        if biome.name == "room" and self.rng.random() < 0.6:
            self._planks(rgb, height, width)
        alpha = np.full((height, width), 255, np.uint8)
        alpha[0] = 128
        return Layer(premultiplied(_bytes(rgb), alpha), x0, horizon, self.scale, 0.25, slope)

    def _road(self, rgb: NDArray[np.float32], height: int, width: int) -> None:
        """Pavement, kerb and dashes."""
        kerb = int(0.16 * height)
        rgb[:kerb] = rgb[:kerb] * 0.4 + 0.6 * np.asarray(self.palette.natural(((35, 0.1, 0.75),)))
        rgb[kerb : kerb + max(height // 60, 1)] = (205, 203, 196)
        dash = int(0.22 * self.scale)
        y = int(0.55 * height)
        for x in range(0, width, 2 * dash):
            rgb[y : y + max(height // 40, 2), x : x + dash] = (232, 226, 200)

    def _planks(self, rgb: NDArray[np.float32], height: int, width: int) -> None:
        """Floor boards that get wider toward the viewer."""
        y = 2.0
        while y < height:
            step = 0.02 * self.scale + 0.16 * y
            rgb[int(y) : int(y) + max(int(step * 0.06), 1)] *= 0.7
            rgb[int(y) : int(y + step)] *= float(self.rng.uniform(0.92, 1.06))
            y += step

    def props(self, biome: Biome, horizon: float, ink: Colour) -> list[Layer]:
        """Things that stand (or hang) between and before the actors."""
        count = int(self.rng.choice((0, 1, 2, 3, 4, 5, 6), p=(0.08, 0.12, 0.2, 0.2, 0.18, 0.12, 0.10)))
        layers = []
        for _ in range(count):
            kind = biome.props[self.rng.integers(len(biome.props))]
            depth = float(
                self.rng.uniform(0.12, 1.0) if self.rng.random() < 0.75 else self.rng.uniform(1, 1.35)
            )
            layers.append(self._prop(kind, depth, horizon, ink, biome))
        return layers

    def row_of_trees(self, biome: Biome, horizon: float, ink: Colour) -> list[Layer]:
        """Three trees side by side in the middle distance, for the staged scene of the sample split."""
        layers = []
        for k in range(3):
            kind = "pine" if "pine" in biome.props and k == 2 else "tree"
            depth = float(self.rng.uniform(0.52, 0.6))
            x = self.aspect * (0.2 + 0.3 * k + float(self.rng.uniform(-0.06, 0.06)))
            layers.append(self._prop(kind, depth, horizon, ink, biome, x))
        return layers

    def _prop(
        self, kind: str, depth: float, horizon: float, ink: Colour, biome: Biome, x: float | None = None
    ) -> Layer:  # fmt: skip
        """One prop; its place is drawn when not given."""
        tall = {"tree": 1.0, "pine": 0.95, "lamp_post": 0.95, "column": 0.95, "cactus": 0.7, "weed": 0.6,
                "cloud": 0.5, "coral": 0.6, "furniture": 0.7}.get(kind, 0.55)  # fmt: skip
        unit = tall * float(scale_at(depth)) * float(self.rng.uniform(0.7, 1.15))
        foot = horizon + (1 - horizon) * depth
        if biome.name == "sky":
            foot = float(self.rng.uniform(0.1, 1.1))
        elif biome.water:
            foot = min(horizon + (1.15 - horizon) * depth, 1.12)
        parallax = float(parallax_at(depth))
        x0, wide = self.span(parallax * 0.6)
        x = float(self.rng.uniform(x0, x0 + wide)) if x is None else x
        pixels, left, top = picture_of(PROPS[kind](self.rng, self.palette), self.scale * unit, ink,
                                       0.25 if kind == "cloud" else 0.55)  # fmt: skip
        if self.rng.random() < 0.5:
            pixels = np.ascontiguousarray(pixels[:, ::-1])
            left = -left - pixels.shape[1] / (self.scale * unit)
        return Layer(pixels, x + left * unit, foot + top * unit, self.scale, parallax, 0.0, depth)

    def front(self, kind: str, ground: Colour) -> Layer:
        """Grass blades or weeds at the lower edge, nearer than everybody."""
        depth = 1.4
        parallax = float(parallax_at(depth))
        x0, wide = self.span(parallax)
        high = 0.3
        height, width = round(high * self.scale), round(wide * self.scale)
        rgb = np.zeros((height, width, 3), np.uint8)
        rgb[:] = shade(ground, 0.7)
        alpha = np.zeros((height, width), np.uint8)
        tuft = cv2.resize(value_noise(self.rng, (1, 256), (1, 12), 3), (width, 1))[0]
        floor = float(self.rng.uniform(0.35, 0.62))
        count = int(wide * self.rng.uniform(20, 60))
        for x in np.sort(self.rng.uniform(0, width, count)):
            tall = (tuft[min(int(x), width - 1)] - floor) * 2.2 * self.rng.uniform(0.5, 1.1)
            if tall <= 0.03:
                continue
            lean = self.rng.uniform(-0.25, 0.25) * tall
            half = (0.006 if kind == "blades" else 0.014) * self.scale
            tip = (x + lean * height, height * (1 - min(tall, 1)))
            blade = np.array([(x - half, height),
                              (x + lean * height * 0.3 - half * 0.6, height * (1 - tall * 0.55)), tip,
                              (x + lean * height * 0.3 + half * 0.6, height * (1 - tall * 0.55)),
                              (x + half, height)])  # fmt: skip
            points = np.rint(blade * 16).astype(np.int32)
            colour = shade(ground, float(self.rng.uniform(0.55, 1.1)))
            cv2.fillPoly(rgb, [points], colour, cv2.LINE_AA, 4)
            cv2.fillPoly(alpha, [points], 255, cv2.LINE_AA, 4)
        return Layer(premultiplied(rgb, alpha), x0, 1.06 - high, self.scale, parallax, 0.0, depth)


def _gradient(blend: NDArray[np.float64], top: Colour, bottom: Colour) -> NDArray[np.float64]:
    """(h, 1, 3) colours from top to bottom."""
    a, b = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    return a + blend[..., None] * (b - a)


def _bytes(values: NDArray[np.float64]) -> Bytes:
    return np.clip(values, 0, 255).astype(np.uint8)
