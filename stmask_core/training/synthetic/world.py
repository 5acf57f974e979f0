"""A clip of the synthetic world: the place to start reading, and the only module a trainer needs.

clip = Clip(seed=7, size=(320, 192), frames=16)
frame = clip[3]            # any order; the same seed gives the same bytes
frame.image, frame.objects
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stmask_core.structures.masks import Mask
from stmask_core.training.synthetic.camera import Camera
from stmask_core.training.synthetic.casting import Actor, Director
from stmask_core.training.synthetic.layers import (
    Bytes,
    Layer,
    Patch,
    cut_out,
    lay_over,
    opaque,
    overlap,
    smear,
)
from stmask_core.training.synthetic.palettes import Palette
from stmask_core.training.synthetic.rendering import Drawn, cast_shadow, draw_actor
from stmask_core.training.synthetic.scenery import BIOMES, Scenery, build_scenery
from stmask_core.training.synthetic.sensor import Sensor
from stmask_core.training.synthetic.splits import split_of
from stmask_core.training.synthetic.truth import ObjectTruth, SyntheticFrame

STAGES = ("meadow", "forest", "savanna")  # where the staged scene of the sample split may play


class Clip:
    """A short film with exact truth; every frame is computed on demand from the seed.

    seed: its range decides the split (see splits.py). size: (width, height) in pixels.
    fps sets how far things move between frames; the shutter is open for a share of a frame's time.
    """

    def __init__(
        self, seed: int, size: tuple[int, int] = (320, 192), frames: int = 16, fps: float = 8.0
    ) -> None:
        self.seed, self.size, self.frames, self.fps = seed, size, frames, fps
        self.split = split_of(seed)
        duration = frames / fps
        streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(5)]
        place, people, lens, flaws, colours = streams
        palette = Palette(self.split, colours)
        open_to = [b for b in BIOMES if self.split != "sample" or b.name in STAGES]
        biome = open_to[int(place.integers(len(open_to)))]
        self.scenery: Scenery = build_scenery(place, palette, size, biome)
        restless = float(lens.choice((0.0, 0.4, 1.0), p=(0.2, 0.35, 0.45)))
        restless = 0.4 if self.split == "sample" else restless
        self.camera = Camera(lens, size, duration, restless)
        self.exposure = float(lens.uniform(0.05, 0.6)) / fps
        director = Director(people, palette, self.scenery, self.camera, duration)
        self.actors: tuple[Actor, ...] = director.cast()
        self.sensor = Sensor(flaws, seed)

    def __len__(self) -> int:
        return self.frames

    def __iter__(self) -> Iterator[SyntheticFrame]:
        return (self[index] for index in range(self.frames))

    def __getitem__(self, index: int) -> SyntheticFrame:
        """Frame ``index`` (0 .. frames - 1); IndexError outside."""
        if not 0 <= index < self.frames:
            raise IndexError(f"frame {index} of a clip with {self.frames}")
        t = index / self.fps
        image = self._background(t)
        drawn = [draw_actor(actor, self.camera, t, self.exposure, self.size) for actor in self.actors]
        things: list[tuple[float, Drawn | Layer]] = [(d.depth, d) for d in drawn]
        things += [(layer.depth, layer) for layer in self.scenery.standing]
        things.sort(key=lambda pair: pair[0])
        opaque_parts: list[tuple[Drawn | None, Patch]] = []
        for _, thing in things:
            patch = self._lay_down(image, thing, t)
            if patch is not None:
                opaque_parts.append((thing if isinstance(thing, Drawn) else None, patch))
        visible = visible_parts(opaque_parts, self.size)
        objects = tuple(
            self._truth(actor, d, visible.get(id(d))) for actor, d in zip(self.actors, drawn, strict=True)
        )
        return SyntheticFrame(self.sensor.develop(image, index), objects)

    def _background(self, t: float) -> Bytes:
        """Everything that stands behind the actors."""
        view, pan = self.camera.view(t), float(self.camera.pan(t))
        back = self.scenery.back
        image = opaque(back[0], back[0].to_image(view, pan), self.size)
        for layer in back[1:]:
            patch = cut_out(layer, layer.to_image(view, pan), self.size)
            if patch is not None:
                lay_over(image, patch)
        return smear(image, *self._drift(back[-1], t))

    def _drift(self, layer: Layer, t: float) -> tuple[float, float]:
        """How far the middle of a layer moves on the screen while the shutter is open, in pixels."""
        ends = []
        inside = np.array([layer.pixels.shape[1] / 2, layer.pixels.shape[0] / 2])
        for at in (t - self.exposure / 2, t + self.exposure / 2):
            matrix = layer.to_image(self.camera.view(at), float(self.camera.pan(at)))
            ends.append(matrix[:, :2] @ inside + matrix[:, 2])
        dx, dy = ends[1] - ends[0]
        return float(dx), float(dy)

    def _lay_down(self, image: Bytes, thing: Drawn | Layer, t: float) -> Patch | None:
        """Composite one actor or prop; returns its coverage (h, w) at mid-shutter, None if outside."""
        if isinstance(thing, Drawn):
            if thing.foot is not None:
                cast_shadow(image, thing.foot, 0.42)
            if thing.patch is not None:
                lay_over(image, thing.patch)
            return thing.coverage
        matrix = thing.to_image(self.camera.view(t), float(self.camera.pan(t)))
        dx, dy = self._drift(thing, t)
        margin = int(max(abs(dx), abs(dy))) // 2 + 2 if max(abs(dx), abs(dy)) >= 0.8 else 0
        patch = cut_out(thing, matrix, self.size, margin)
        if patch is None:
            return None
        lay_over(image, Patch(patch.x0, patch.y0, smear(patch.pixels, dx, dy)))
        inside = overlap((self.size[1], self.size[0]), patch)
        if inside is None:
            return None
        x0, y0, pixels = inside
        return Patch(x0, y0, (pixels[..., 3] >= 128).view(np.uint8))

    def _truth(self, actor: Actor, drawn: Drawn, seen: NDArray[np.bool_] | None) -> ObjectTruth:
        width, height = self.size
        if drawn.coverage is None:
            nothing = Mask.empty(height, width)
            return ObjectTruth(actor.identity, actor.category, nothing, nothing, None, 1.0, None)
        cover = drawn.coverage
        assert seen is not None
        whole = cover.pixels.view(np.bool_)
        amodal = Mask.from_crop(whole, y0=cover.y0, x0=cover.x0, height=height, width=width)
        visible = Mask.from_crop(seen, y0=cover.y0, x0=cover.x0, height=height, width=width)
        occlusion = 1.0 - visible.area / amodal.area
        return ObjectTruth(
            actor.identity, actor.category, visible, amodal, occlusion, drawn.truncation, drawn.blur
        )


def visible_parts(
    stacked: list[tuple[Drawn | None, Patch]], size: tuple[int, int]
) -> dict[int, NDArray[np.bool_]]:
    """Bits of each actor (by ``id``) that nothing nearer covers; ``stacked`` from far to near."""
    taken = np.zeros((size[1], size[0]), np.bool_)
    seen: dict[int, NDArray[np.bool_]] = {}
    for drawn, patch in reversed(stacked):
        h, w = patch.pixels.shape[:2]
        bits = patch.pixels.view(np.bool_)
        there = taken[patch.y0 : patch.y0 + h, patch.x0 : patch.x0 + w]
        if drawn is not None:
            seen[id(drawn)] = bits & ~there
        there |= bits
    return seen
