"""How sure the model was of an identity: from the recorded association scores (paper Eq. 15)."""

from __future__ import annotations

from stmask_core.review.observations import Floats, ObservedClip, ObservedTrack


def small_margin(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """Minus the margin by which the chosen track, or "new", beat the second choice."""
    return -track.known_values("margin")


def dissimilarity(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """1 minus the cosine of the embeddings of detection and track, 0 to 2."""
    return 1 - track.known_values("similarity")


def indistinctness(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """Cosine to the most similar other track, minus that to its own."""
    return -track.known_values("distinctness")


def rivals(clip: ObservedClip, track: ObservedTrack) -> Floats:
    """How many other detections wanted the track and lost."""
    return track.known_values("rivals")
