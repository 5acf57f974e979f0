"""What a lane shows: runs of frames of one kind, from the sorted frames of a track. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

DETECTED, PROPAGATED, HUMAN, IMPORTED, OUTSIDE = range(5)
KIND_OF_SOURCE = {
    "detected": DETECTED,
    "propagated": PROPAGATED,
    "manual": HUMAN,
    "interpolated": HUMAN,
    "imported": IMPORTED,
}


@dataclass(frozen=True, eq=False)
class Spans:
    """Runs [start, stop) of equal kind, ascending and disjoint; frames between runs are gaps."""

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    kinds: NDArray[np.uint8]

    @cached_property
    def ages_from(self) -> NDArray[np.int64]:
        """Per run the frame that the age of its masks counts from: the last before it not propagated.

        A run of which none is known counts from the frame before its first.
        """
        solid = (self.kinds != PROPAGATED) & (self.kinds != OUTSIDE)
        last = np.maximum.accumulate(np.where(solid, self.stops - 1, -1))
        before = np.concatenate((np.full(1, -1), last))[: len(self.starts)]
        return np.where(before >= 0, before, self.starts - 1)

    def visible(self, first: int, last: int) -> slice:
        """Runs that touch the frames first..last."""
        return slice(
            int(np.searchsorted(self.stops, first, "right")), int(np.searchsorted(self.starts, last, "right"))
        )

    def kind_at(self, frames: NDArray[np.int64]) -> NDArray[np.int16]:
        """Kind at each frame, -1 in a gap."""
        if not len(self.starts):
            return np.full(len(frames), -1, np.int16)
        run = np.searchsorted(self.starts, frames, "right") - 1
        inside = (run >= 0) & (frames < self.stops[run])
        return np.where(inside, self.kinds[run].astype(np.int16), np.int16(-1))

    def gaps(self) -> NDArray[np.int64]:
        """(N, 2) runs [start, stop) between the first and the last frame where the track is absent."""
        apart = self.starts[1:] > self.stops[:-1]
        return np.stack([self.stops[:-1][apart], self.starts[1:][apart]], axis=1)


def spans_of(frames: NDArray, kinds: NDArray) -> Spans:
    """Join neighbouring frames of one kind. frames: ascending, unique; kinds: one per frame."""
    frames, kinds = np.asarray(frames, np.int64), np.asarray(kinds, np.uint8)
    if not len(frames):
        none = np.zeros(0, np.int64)
        return Spans(none, none, np.zeros(0, np.uint8))
    breaks = np.flatnonzero((np.diff(frames) != 1) | (np.diff(kinds.astype(np.int16)) != 0)) + 1
    first = np.concatenate(([0], breaks))
    last = np.concatenate((breaks, [len(frames)])) - 1
    return Spans(frames[first], frames[last] + 1, kinds[first])


NO_SPANS = spans_of(np.zeros(0, np.int64), np.zeros(0, np.uint8))


@dataclass(frozen=True, eq=False)
class Lane:
    """One track on the timeline. human: frames a person set, ascending (the ◆ marks).

    occluded: where somebody said that something hides the object; kinds 1 slightly, 2 severely.
    """

    track: int
    name: str
    colour: tuple[int, int, int]
    spans: Spans
    human: NDArray[np.int64]
    hidden: bool = False
    locked: bool = False
    occluded: Spans = NO_SPANS
