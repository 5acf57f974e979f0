"""Lanes of a run and of its replay, each track beside what became of it. No Qt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stmask_core.document.records import Colour

if TYPE_CHECKING:
    from stmask_core.engine.replay import Lane, ReplayTally

GREY: Colour = (150, 150, 150)


@dataclass(frozen=True)
class RunTrack:
    """What a number of the run is called. track: of the project, None when it is not there (any more)."""

    track: int | None
    label: str
    colour: Colour


@dataclass(frozen=True, eq=False)
class ReplayRow:
    """One lane. kind: the track as the run has it, or as the replay has it (continued), a track of the replay
    alone (new), or the place of one that the replay does not show (gone).

    track: of the project. category: the model's number. piece: which of several tracks that a track has come
    into, from 1; 0 for an only one. differs: the track is not the same before and after.
    """

    kind: Literal["before", "continued", "new", "gone"]
    track: int | None
    label: str
    colour: Colour
    category: int
    lane: Lane | None
    piece: int = 0
    differs: bool = False

    @property
    def masks(self) -> int:
        """Frames in which it is shown."""
        return 0 if self.lane is None else sum(stop - start for start, stop in self.lane.shown)

    @property
    def begins(self) -> bool:
        """True for the first row of a track."""
        return self.kind in ("before", "new")


def rows_of_replay(
    before: ReplayTally, after: ReplayTally, name_of: Callable[[int], RunTrack]
) -> list[ReplayRow]:
    """Each track of the run, below it the tracks of the replay that it has become, then new ones."""
    came_from = after.continued(before)
    pieces: defaultdict[int | None, list[Lane]] = defaultdict(list)
    for lane in after.lanes():
        pieces[came_from.get(lane.track)].append(lane)
    rows = []
    for lane in before.lanes():
        rows += _group(name_of(lane.track), lane, pieces[lane.track])
    rows += [ReplayRow("new", None, "", GREY, lane.category, lane, differs=True) for lane in pieces[None]]
    return rows


def _group(name: RunTrack, lane: Lane, became: Sequence[Lane]) -> list[ReplayRow]:
    differs = len(became) != 1 or _content(became[0]) != _content(lane)
    rows = [ReplayRow("before", name.track, name.label, name.colour, lane.category, lane, differs=differs)]
    if not became:
        rows.append(ReplayRow("gone", name.track, name.label, name.colour, lane.category, None, differs=True))
    for number, piece in enumerate(became, start=1):
        number = number if len(became) > 1 else 0
        rows.append(
            ReplayRow(
                "continued", name.track, name.label, name.colour, piece.category, piece, number, differs
            )
        )
    return rows


def _content(lane: Lane) -> tuple[object, ...]:
    return lane.category, lane.shown, lane.detected
