"""What lanes show of the evidence: where a track was hidden, and where a detection was contested. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stmask_core.document.evidence import LOST
from stmask_core.document.records import ModelRun, RunId
from stmask_core.structures.evidence import FrameEvidence
from stmask_core.structures.spans import Span, union_of_spans

NO_FRAMES = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class LaneEvidence:
    """Of one track, spans [start, stop), ascending and disjoint.

    hidden: a run carried the track there without showing it. contested: more than one detection wanted it.
    """

    hidden_starts: NDArray[np.int64] = field(default_factory=lambda: NO_FRAMES)
    hidden_stops: NDArray[np.int64] = field(default_factory=lambda: NO_FRAMES)
    contested_starts: NDArray[np.int64] = field(default_factory=lambda: NO_FRAMES)
    contested_stops: NDArray[np.int64] = field(default_factory=lambda: NO_FRAMES)


NOTHING = LaneEvidence()


class RunSpans:
    """What is gathered of one run while its frames go by, ascending: spans by the run's own track numbers."""

    def __init__(self) -> None:
        self.hidden: dict[int, list[Span]] = {}
        self.contested: dict[int, list[Span]] = {}

    def add(self, frame: int, evidence: FrameEvidence) -> None:
        """The next frame."""
        for number in evidence.hidden.tolist():
            _extend(self.hidden.setdefault(number, []), frame)
        for number in set(evidence.wanted[evidence.outcomes == LOST].tolist()):
            _extend(self.contested.setdefault(number, []), frame)

    def join(self, later: RunSpans) -> None:
        """Take over what was gathered of other frames of the run."""
        for mine, theirs in ((self.hidden, later.hidden), (self.contested, later.contested)):
            for number, spans in theirs.items():
                mine[number] = union_of_spans([*mine.get(number, ()), *spans])


def frames_by_run(runs: Iterable[ModelRun], frame_count: int) -> NDArray[np.int64]:
    """(frame_count,) the newest run that went over each frame, 0 for none."""
    newest = np.zeros(frame_count, np.int64)
    for run in sorted(runs, key=lambda run: run.id):
        for first, last in run.done:
            newest[first : last + 1] = run.id
    return newest


def lanes_of(runs: Iterable[ModelRun], gathered: Mapping[RunId, RunSpans]) -> dict[int, LaneEvidence]:
    """Track -> what its lane shows. A track that a run knew by several numbers has the spans of all."""
    hidden: dict[int, list[Span]] = {}
    contested: dict[int, list[Span]] = {}
    for run in runs:
        spans = gathered.get(run.id)
        if spans is None:
            continue
        for number, track in run.tracks:
            hidden.setdefault(track, []).extend(spans.hidden.get(number, ()))
            contested.setdefault(track, []).extend(spans.contested.get(number, ()))
    return {
        track: LaneEvidence(*_columns(hidden[track]), *_columns(contested[track]))
        for track in hidden
        if hidden[track] or contested[track]
    }


def _extend(spans: list[Span], frame: int) -> None:
    if spans and spans[-1][1] == frame:
        spans[-1] = (spans[-1][0], frame + 1)
    else:
        spans.append((frame, frame + 1))


def _columns(spans: list[Span]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    joined = np.array(union_of_spans(spans), np.int64).reshape(-1, 2)
    return joined[:, 0].copy(), joined[:, 1].copy()
