"""How an object looks and where it lies: blur, occlusion, border, size, cuts."""

from __future__ import annotations

import numpy as np

from stmask_core.review.observations import UNKNOWN, Floats, ObservedClip, ObservedTrack
from stmask_core.structures.masks import Mask

SHRINK_WINDOW = 10  # frames


def blur(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """Logarithm of the track's median sharpness over the sharpness here; undefined without pictures."""
    known = np.isfinite(track.sharpness) & (track.sharpness > 0)
    values = np.full(len(track.frames), UNKNOWN)
    if known.any():
        values[known] = np.log(np.median(track.sharpness[known]) / track.sharpness[known])
    return values


def occlusion(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """The greater of: share of its box that other masks cover; how far it shrank under its recent size.

    Recent size: the median area of the up to 10 frames before; 0 counts where there are none.
    """
    values = np.zeros(len(track.frames))
    for row, (frame, mask) in enumerate(zip(track.frames.tolist(), track.masks, strict=True)):
        recent = track.areas[int(np.searchsorted(track.frames, frame - SHRINK_WINDOW)) : row]
        shrunk = 1 - track.areas[row] / np.median(recent) if len(recent) else 0.0
        values[row] = max(shrunk, covered(mask, _near(clip, frame, track.id, mask)))
    return values


def _near(clip: ObservedClip, frame: int, own: int, mask: Mask) -> list[Mask]:
    """Masks of other tracks whose boxes meet this one's."""
    boxes, window = clip.boxes_by_frame[frame], np.array(mask.box)
    meets = (boxes[:, :2] < window[2:]).all(1) & (boxes[:, 2:] > window[:2]).all(1)
    there = clip.by_frame[frame]
    return [there[n][1] for n in np.flatnonzero(meets).tolist() if there[n][0] != own]


def covered(mask: Mask, others: list[Mask]) -> float:
    """Share of a mask's box that other masks cover."""
    assert mask.box is not None
    window = mask.box
    taken = np.zeros((mask.crop_height, mask.crop_width), bool)
    for other in others:
        taken |= other.window(*window)
    return float(taken.mean())


def border(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """Share of the box's outline that lies on the border of the image."""
    height, width = clip.size
    boxes = np.array([mask.box for mask in track.masks], np.float64).reshape(-1, 4)
    across, down = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    touching = (boxes[:, 0] <= 0) * down + (boxes[:, 2] >= width) * down
    touching = touching + (boxes[:, 1] <= 0) * across + (boxes[:, 3] >= height) * across
    return touching / (2 * (across + down))


def tininess(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """Minus the logarithm (base 10) of the mask's share of the image."""
    return -np.log10(track.areas / (clip.size[0] * clip.size[1]))


def ambiguity(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """Whether its picture of the frame before fits a second place nearly as well; see ``pixels.ambiguity``.

    Undefined without pictures and behind a gap.
    """
    return track.ambiguity


def shot_cut(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """How much of the picture's histogram is new since the frame before; undefined without pictures."""
    return clip.frame_change[track.frames]
