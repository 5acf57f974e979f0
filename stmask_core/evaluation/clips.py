"""What is compared: the true and the predicted tracks of one video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from stmask_core.structures.masks import Mask


@dataclass(frozen=True, eq=False)
class ScoredTrack:
    """One identity: the frames in which it is there, and their masks (never an empty one).

    score: of the whole track; true tracks have none. is_crowd: a crowd of objects, which may be found any
    number of times or not at all. length: frames that a result says anything about, where it ends before the
    video. stated_area: mean area in the annotation file, where it is not to be taken from the masks.
    """

    id: int
    category_id: int
    masks: Mapping[int, Mask]
    score: float = 1.0
    is_crowd: bool = False
    length: int | None = None
    stated_area: float | None = None
    areas: Mapping[int, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "areas", {frame: mask.area for frame, mask in self.masks.items()})

    @property
    def mean_area(self) -> float:
        """Mean pixels over the frames in which it is there; 0 when it never is."""
        if self.stated_area is not None:
            return self.stated_area
        return float(np.mean(list(self.areas.values()))) if self.areas else 0.0


@dataclass(frozen=True, eq=False)
class Clip:
    """One video. length: frames. truth, predicted: in the order of their files, which breaks equal scores."""

    id: int
    name: str
    length: int
    truth: tuple[ScoredTrack, ...]
    predicted: tuple[ScoredTrack, ...]


def without_categories(clip: Clip) -> Clip:
    """Every track under category 1: for results whose categories mean something else than the truth's."""
    return replace(
        clip,
        truth=tuple(replace(track, category_id=1) for track in clip.truth),
        predicted=tuple(replace(track, category_id=1) for track in clip.predicted),
    )
