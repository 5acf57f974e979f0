"""Frames with their masks drawn in, one after the other: what the rendered video is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from stmask_core.errors import FormatError
from stmask_core.formats.exchange import (
    ExchangeCategory,
    ExchangeTrack,
    ExchangeVideo,
    Observation,
    observations_by_frame,
)
from stmask_core.structures.overlay import draw_overlay
from stmask_core.structures.palette import Colour, track_colour

Frame = NDArray[np.uint8]


def overlay_frames(
    frames: Iterable[Frame],
    video: ExchangeVideo,
    categories: Iterable[ExchangeCategory],
    *,
    colours: Mapping[int, Colour] | None = None,
    opacity: float = 0.45,
) -> Iterator[Frame]:
    """Each frame (H, W, 3 uint8 RGB) of the video with its masks tinted, outlined and named.

    frames: all frames from frame 0 on. colours: track id -> colour where a track has its own. Propagated
    masks are hatched. Raises FormatError when frames and masks differ in size.
    """
    names = {c.id: c.name for c in categories}
    own = colours or {}
    by_frame = observations_by_frame(video)
    for index, frame in enumerate(frames):
        if frame.shape[:2] != (video.height, video.width):
            raise FormatError(
                f"Frame {index} has {frame.shape[1]} x {frame.shape[0]} pixels, the masks of {video.name}"
                f" {video.width} x {video.height}."
            )
        seen = by_frame.get(index, [])
        yield draw_overlay(
            frame,
            [observation.mask for _, observation in seen],
            [own.get(track.id, track_colour(track.id)) for track, _ in seen],
            [_label(track, observation, names) for track, observation in seen],
            [observation.source for _, observation in seen],
            opacity=opacity,
        )


def _label(track: ExchangeTrack, observation: Observation, names: Mapping[int, str]) -> str:
    """``3 dog 0.87``: identity, category, and the score where a model gave one."""
    parts = [str(track.id), track.name or names.get(track.category_id, "")]
    if observation.score is not None and observation.source in ("detected", "propagated"):
        parts.append(f"{observation.score:.2f}")
    return " ".join(part for part in parts if part)
