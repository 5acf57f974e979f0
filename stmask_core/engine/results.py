"""What a track is worth over the whole video, as the authors' evaluation reports it (spec section 12)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from stmask_core.engine.clip import FrameResult


@dataclass
class TrackTally:
    """Scores and categories of the frames in which a track was shown.

    empty: frames among them in which nothing is left of its mask at the image's size.
    """

    scores: list[float] = field(default_factory=list)
    categories: Counter[int] = field(default_factory=Counter)
    empty: list[int] = field(default_factory=list)

    @property
    def score(self) -> float:
        """Mean of the shown scores, carried frames included, taken in float32."""
        return float(np.mean(np.array(self.scores, np.float32), dtype=np.float32))

    @property
    def category(self) -> int:
        """The most frequent category, the smallest of equals."""
        return min(self.categories, key=lambda number: (-self.categories[number], number))


@dataclass
class ClipTally:
    """Tracks of a clip in the order of their first appearance."""

    tracks: dict[int, TrackTally] = field(default_factory=dict)

    def add(self, result: FrameResult) -> None:
        """Count a frame."""
        shown = result.instances
        rows = zip(shown.track_ids, shown.category_ids, shown.scores, shown.mask_list, strict=True)
        for number, category, score, mask in rows:
            tally = self.tracks.setdefault(int(number), TrackTally())
            tally.scores.append(float(score))
            tally.categories[int(category)] += 1
            if mask.is_empty:
                tally.empty.append(result.frame)

    def __iter__(self) -> Iterator[tuple[int, TrackTally]]:
        return iter(self.tracks.items())
