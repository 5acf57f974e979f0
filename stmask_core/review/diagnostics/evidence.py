"""What the model's two sources of evidence say about each other, and about the past of the track."""

from __future__ import annotations

import numpy as np

from stmask_core.review.observations import UNKNOWN, Floats, ObservedClip, ObservedTrack
from stmask_core.structures.masks import iou

FLICKER_WINDOW = 10  # frames


def disagreement(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """1 - IoU of the detected mask and the one carried here by temporal fusion."""
    values = [
        UNKNOWN if k.detected is None or k.carried is None else 1 - iou(k.detected, k.carried)
        for k in track.known
    ]
    return np.array(values, np.float64)


def propagation_age(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """Frames since a detection last confirmed the track (spec section 10)."""
    return track.known_values("age")


def low_score(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """1 minus the score of the mask."""
    return 1 - track.scores


def score_drag(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """How far the score lies under the best of the track so far."""
    if not np.isfinite(track.scores).any():
        return np.full(len(track.scores), UNKNOWN)
    return np.fmax.accumulate(track.scores) - track.scores


def category_flicker(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """Share of the detections of the last 10 frames that had another category than the track."""
    values = np.full(len(track.frames), UNKNOWN)
    if track.category_id is None:
        return values
    differs = np.array(
        [UNKNOWN if k.category is None else float(k.category != track.category_id) for k in track.known]
    )
    for row, frame in enumerate(track.frames.tolist()):
        window = differs[int(np.searchsorted(track.frames, frame - FLICKER_WINDOW, "right")) : row + 1]
        known = window[np.isfinite(window)]
        values[row] = known.mean() if len(known) else UNKNOWN
    return values
