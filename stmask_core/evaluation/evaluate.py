"""The numbers of a whole data set in one pass over its clips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from stmask_core.evaluation.average_precision import Precision, PrecisionTally
from stmask_core.evaluation.clips import Clip, without_categories
from stmask_core.evaluation.overlaps import frame_overlaps, track_ious
from stmask_core.evaluation.tracking import TrackingScores, TrackingTally

ANY_CATEGORY = {1: "any category"}


@dataclass(frozen=True)
class Evaluation:
    """What predictions are worth. per_category, tracking_per_category: by category id of the truth.

    tracking: None when it was not asked for.
    """

    precision: Precision
    per_category: Mapping[int, Precision]
    tracking: TrackingScores | None
    tracking_per_category: Mapping[int, TrackingScores]
    categories: Mapping[int, str]

    def as_json(self) -> dict[str, Any]:
        """The shape of ``stmask evaluate --json``; None where undefined."""
        often = Counter(self.categories.values())
        per_category = {}
        for id_, name in self.categories.items():
            key = name if often[name] == 1 else f"{name} ({id_})"
            per_category[key] = {"id": id_, **asdict(self.per_category[id_]), **self._tracking_of(id_)}
        tracking = None if self.tracking is None else asdict(self.tracking)
        return {**asdict(self.precision), "per_category": per_category, "tracking": tracking}

    def _tracking_of(self, id_: int) -> dict[str, Any]:
        scores = self.tracking_per_category.get(id_)
        return {} if scores is None else {"tracking": asdict(scores)}


def evaluate_ytvis(
    clips: Iterable[Clip],
    categories: Mapping[int, str],
    *,
    ignore_categories: bool = False,
    tracking: bool = True,
) -> Evaluation:
    """Evaluate clips one after the other; nothing of a clip is kept but its matches.

    categories: id -> name, those of the truth; results of other categories count for nothing.
    ignore_categories: every object is of one category. tracking: also HOTA and the like (needs TrackEval).
    """
    categories = ANY_CATEGORY if ignore_categories else categories
    precision = PrecisionTally()
    tracks = TrackingTally() if tracking else None
    for given in clips:
        clip = without_categories(given) if ignore_categories else _of_categories(given, categories)
        frames = frame_overlaps(clip)
        precision.add(clip, track_ious(clip, frames))
        if tracks is not None:
            tracks.add(clip, frames)
    return Evaluation(
        precision=precision.summary(categories),
        per_category={id_: precision.of_category(id_) for id_ in categories},
        tracking=None if tracks is None else tracks.summary(),
        tracking_per_category={} if tracks is None else {id_: tracks.of_category(id_) for id_ in categories},
        categories=categories,
    )


def _of_categories(clip: Clip, categories: Mapping[int, str]) -> Clip:
    predicted = tuple(track for track in clip.predicted if track.category_id in categories)
    return Clip(clip.id, clip.name, clip.length, clip.truth, predicted)
