"""What happens to tracks, worst first: a queue to work through instead of watching every frame."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from stmask_core.review.diagnostics.catalogue import DIAGNOSTICS, DiagnosticTable, diagnose
from stmask_core.review.observations import ObservedClip, ObservedTrack
from stmask_core.review.risk import causes, risks

EventKind = Literal[
    "birth", "death", "re-match", "low margin", "disagreement", "jump", "flicker", "contested", "cut", "risk"
]
KINDS: tuple[EventKind, ...] = get_args(EventKind)
APART = 3  # frames: of one kind and track, only the worst of a run of neighbours is told
SMALLEST_RISK = 0.5
_WATCHED: tuple[tuple[EventKind, str, float], ...] = (  # kind, diagnostic, alarm from which it is an event
    ("low margin", "small_margin", 0.75),
    ("disagreement", "disagreement", 0.5),
    ("jump", "centre_jump", 0.5),
    ("jump", "area_jump", 0.5),
    ("flicker", "category_flicker", 0.5),
    ("contested", "rivals", 0.5),
)


@dataclass(frozen=True)
class ReviewEvent:
    """Something to look at. severity: 0 to 1. track: None for what concerns the whole frame."""

    frame: int
    track: int | None
    kind: EventKind
    severity: float
    cause: str


def find_events(clip: ObservedClip, table: DiagnosticTable | None = None) -> list[ReviewEvent]:
    """All events of a clip, worst first; of equal ones the earlier."""
    table = diagnose(clip) if table is None else table
    risk = risks(table)
    events = _alarms(table, risk)
    for track in clip.tracks:
        events += _life(track, clip.length, table, risk)
    events = [*_cuts(clip), *_each_place_once(events)]
    return sorted(events, key=lambda event: (-event.severity, event.frame, event.track or 0, event.kind))


def filtered(
    events: Iterable[ReviewEvent],
    *,
    kinds: Sequence[EventKind] = KINDS,
    tracks: Sequence[int] | None = None,
    first: int = 0,
    last: int | None = None,
    least: float = 0.0,
) -> list[ReviewEvent]:
    """Events of some kinds, tracks, frames first..last (inclusive) and at least a severity."""
    return [
        event
        for event in events
        if event.kind in kinds
        and (tracks is None or event.track in tracks)
        and first <= event.frame
        and (last is None or event.frame <= last)
        and event.severity >= least
    ]


def neighbour(events: Sequence[ReviewEvent], current: ReviewEvent | None, step: int) -> ReviewEvent | None:
    """The event ``step`` places on in the queue; the first one without a current, None at either end."""
    if current is None or current not in events:
        return events[0] if events else None
    place = list(events).index(current) + step
    return events[place] if 0 <= place < len(events) else None


def events_csv(events: Iterable[ReviewEvent]) -> str:
    """A table with a head line; no cell holds a text from outside."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("rank", "frame", "track", "kind", "severity", "cause"))
    for rank, event in enumerate(events, start=1):
        track = "" if event.track is None else event.track
        writer.writerow((rank, event.frame, track, event.kind, f"{event.severity:.4f}", event.cause))
    return out.getvalue()


def _life(track: ObservedTrack, length: int, table: DiagnosticTable, risk: np.ndarray) -> list[ReviewEvent]:
    """Where a track begins, ends and comes back."""
    if not len(track.frames):
        return []
    frames = track.frames.tolist()
    row_at = dict(zip(frames, np.flatnonzero(table.tracks == track.id).tolist(), strict=True))
    events = []

    def add(frame: int, kind: EventKind, base: float, cause: str) -> None:
        row = row_at[frame]
        severity = 1 - (1 - base) * (1 - float(risk[row]))
        why = "; ".join([cause, *causes(table, row)])
        events.append(ReviewEvent(frame, track.id, kind, severity, why))

    short = len(frames) <= APART
    if frames[0] > 0:
        add(frames[0], "birth", 0.3 if short else 0.1, "a track begins" + (" and soon ends" if short else ""))
    if frames[-1] < length - 1:
        add(frames[-1], "death", 0.1, "a track ends before the video does")
    for before, after in itertools.pairwise(frames):
        if after - before > 1:
            hidden = "a frame" if after - before == 2 else f"{after - before - 1} frames"
            add(after, "re-match", 0.4, f"it was hidden for {hidden} and taken up again")
    return events


def _alarms(table: DiagnosticTable, risk: np.ndarray) -> list[ReviewEvent]:
    """Peaks of the watched diagnostics, and of the risk itself where nothing else is told."""
    alarms = table.alarms
    words = {diagnostic.name: diagnostic.words for diagnostic in DIAGNOSTICS}
    found: dict[tuple[int, EventKind], ReviewEvent] = {}
    told: set[int] = set()
    for kind, name, least in _WATCHED:
        for row in _peaks(table, alarms[name], least):
            found.setdefault((row, kind), _event(table, row, kind, risk, words[name]))
            told.add(row)
    for row in _peaks(table, risk, SMALLEST_RISK):
        if row not in told:
            found[row, "risk"] = _event(table, row, "risk", risk)
    return list(found.values())


def _event(
    table: DiagnosticTable, row: int, kind: EventKind, risk: np.ndarray, first: str = ""
) -> ReviewEvent:
    """first: the cause to name before the others."""
    others = [words for words in causes(table, row) if words != first]
    why = "; ".join([first, *others] if first else others)
    return ReviewEvent(int(table.frames[row]), int(table.tracks[row]), kind, float(risk[row]), why)


def _peaks(table: DiagnosticTable, values: np.ndarray, least: float) -> list[int]:
    """Rows with at least this value, of neighbours within one track only the highest."""
    rows = np.flatnonzero(values >= least)
    kept: list[int] = []
    told: set[tuple[int, int]] = set()
    for row in rows[np.argsort(-values[rows], kind="stable")].tolist():
        track, frame = int(table.tracks[row]), int(table.frames[row])
        if not any((track, near) in told for near in range(frame - APART + 1, frame + APART)):
            kept.append(row)
            told.add((track, frame))
    return kept


def _each_place_once(events: list[ReviewEvent]) -> list[ReviewEvent]:
    """The worst event of a track in a frame keeps its severity; what else is told there counts half."""
    told: set[tuple[int, int | None]] = set()
    found = []
    for event in sorted(events, key=lambda e: -e.severity):
        place = (event.frame, event.track)
        found.append(replace(event, severity=event.severity / 2) if place in told else event)
        told.add(place)
    return found


def _cuts(clip: ObservedClip) -> list[ReviewEvent]:
    return [
        ReviewEvent(int(frame), None, "cut", 0.5, "the picture changed as if cut")
        for frame in np.flatnonzero(np.nan_to_num(clip.frame_change) > 0.5)
    ]
