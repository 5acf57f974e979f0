"""Small annotated videos for the tests of formats: real shapes, touching borders, gaps, sparse ids."""

import numpy as np

from stmask_core.formats.exchange import (
    Exchange,
    ExchangeCategory,
    ExchangeTrack,
    ExchangeVideo,
    Observation,
)
from stmask_core.structures.masks import Mask

CATEGORIES = (
    ExchangeCategory(1, "person"),
    ExchangeCategory(5, "giant_panda", "animal"),
    ExchangeCategory(8, "dog"),
)


def ellipse(height, width, cy, cx, ry, rx):
    y, x = np.mgrid[:height, :width]
    return ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1


def sample_video(number=1, name="clip", *, apart=True, seed=0, tracks=3, length=6, size=(40, 60)):
    """A video whose tracks move right; apart: no two objects share a pixel. Track 2 has a gap."""
    height, width = size
    rng = np.random.default_rng(seed)
    owner = np.zeros((length, height, width), np.int32)
    found = []
    for index in range(tracks):
        cy, cx = rng.uniform(height / 8, height * 7 / 8), rng.uniform(0, width)
        ry, rx = rng.uniform(3, 9), rng.uniform(3, 12)
        observations = []
        for frame in range(length):
            if index == 1 and frame in (2, 3):
                continue
            bits = ellipse(height, width, cy, cx + 2 * frame, ry, rx)
            bits &= rng.uniform(size=bits.shape) > 0.02
            if apart:
                bits &= owner[frame] == 0
            owner[frame][bits] = index + 1
            if bits.any():
                source = ("detected", "propagated", "manual")[(frame + index) % 3]
                observations.append(
                    Observation(
                        frame,
                        Mask.from_bits(bits),
                        score=None if source == "manual" else round(float(rng.uniform()), 6),
                        source=source,
                        locked=source == "manual" and frame % 2 == 0,
                        occlusion=frame % 3,
                    )
                )
        category = CATEGORIES[index % len(CATEGORIES)].id
        found.append(ExchangeTrack(3 * index + 2, category, tuple(observations), name=f"object {index}"))
    return ExchangeVideo(number, name, width, height, length, tuple(t for t in found if t.observations))


def sample_exchange(*, apart=True, videos=2, seed=0, **options):
    """Videos with different sizes and names that need care as file names."""
    names = ("clip one", "später/犬", "a:b")
    made = tuple(
        sample_video(n + 1, names[n], apart=apart, seed=seed + n, size=(40 + 7 * n, 60 - 9 * n), **options)
        for n in range(videos)
    )
    return Exchange(CATEGORIES, made)


def pixels(exchange):
    """(video, track, frame) -> mask: what a format may never change."""
    return {
        (video.name, track.id, o.frame): o.mask
        for video in exchange.videos
        for track in video.tracks
        for o in track.observations
    }


def identities(exchange):
    """(video, track) -> category name."""
    names = {c.id: c.name for c in exchange.categories}
    return {(v.name, t.id): names[t.category_id] for v in exchange.videos for t in v.tracks}


def details(exchange):
    """(video, track, frame) -> everything else an observation says."""
    return {
        (video.name, track.id, o.frame): (o.score, o.source, o.locked, o.occlusion)
        for video in exchange.videos
        for track in video.tracks
        for o in track.observations
    }
