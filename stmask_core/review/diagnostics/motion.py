"""How a mask moves and changes between neighbouring frames; undefined behind a gap of the track."""

from __future__ import annotations

import numpy as np

from stmask_core.review.observations import UNKNOWN, Floats, ObservedClip, ObservedTrack
from stmask_core.structures.masks import iou


def temporal_change(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """1 - IoU of the mask with that of the frame before."""
    values = np.full(len(track.frames), UNKNOWN)
    for row in np.flatnonzero(_follows(track)):
        values[row] = 1 - iou(track.masks[row], track.masks[row - 1])
    return values


def centre_jump(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """Change of velocity of the box's centre in one frame, in units of the object's size (root of its area).

    Undefined in the first two frames of a run of frames: there is no velocity to change.
    """
    values = np.full(len(track.frames), UNKNOWN)
    follows = _follows(track)
    both = follows[2:] & follows[1:-1]
    bend = track.centres[2:] - 2 * track.centres[1:-1] + track.centres[:-2]
    size = np.sqrt(track.areas[1:-1])
    values[2:][both] = (np.linalg.norm(bend, axis=1) / size)[both]
    return values


def area_jump(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """Absolute logarithm of the ratio of areas in neighbouring frames."""
    values = np.full(len(track.frames), UNKNOWN)
    follows = _follows(track)[1:]
    values[1:][follows] = np.abs(np.log(track.areas[1:] / track.areas[:-1]))[follows]
    return values


def beyond_correlation(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """Motion of the centre since the frame before; 1 = the edge of the correlation window (spec section 10).

    Undefined for a network whose window is not known.
    """
    values = np.full(len(track.frames), UNKNOWN)
    follows = _follows(track)[1:]
    moved = np.abs(np.diff(track.centres, axis=0)) / np.array(clip.reach)
    values[1:][follows] = moved.max(axis=1, initial=0.0)[follows]
    return values


def _follows(track: ObservedTrack) -> np.ndarray:
    """(n,) True where the track was there in the frame before."""
    return np.diff(track.frames, prepend=-10) == 1
