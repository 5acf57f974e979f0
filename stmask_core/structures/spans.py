"""Unbroken runs of frames: half-open (start, stop) pairs, ascending and disjoint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

Span = tuple[int, int]


def spans_of_frames(frames: ArrayLike) -> list[Span]:
    """Runs of neighbouring frames. frames: ascending and unique."""
    frames = np.asarray(frames, np.int64)
    if not len(frames):
        return []
    breaks = np.flatnonzero(np.diff(frames) != 1) + 1
    starts = frames[np.concatenate(([0], breaks))]
    stops = frames[np.concatenate((breaks - 1, [len(frames) - 1]))] + 1
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def gaps_between(spans: Sequence[Span]) -> list[Span]:
    """What lies between neighbouring spans."""
    return [(a[1], b[0]) for a, b in pairwise(spans)]


def union_of_spans(spans: Iterable[Span]) -> list[Span]:
    """Any spans as ascending disjoint ones; spans that touch become one."""
    joined: list[Span] = []
    for start, stop in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined


def frames_of_spans(spans: Iterable[Span]) -> NDArray[np.int64]:
    """Every frame inside."""
    parts = [np.arange(start, stop, dtype=np.int64) for start, stop in spans]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def spans_contain(spans: Sequence[Span], frame: int) -> bool:
    """True when a frame is inside one of the spans."""
    return any(start <= frame < stop for start, stop in spans)
