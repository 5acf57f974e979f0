"""What the queue of failures shows: what looks wrong, and what is wrong where the truth is known. No Qt."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stmask_core.document.records import Colour
from stmask_core.review.comparison import TruthEvent
from stmask_core.review.events import ReviewEvent, events_csv

NameOf = Callable[[int], tuple[str, Colour | None]]  # track -> how the window calls and colours it


@dataclass(frozen=True)
class EventRow:
    """One line. severity: 0 to 1; of an error the share of the video's frames that it concerns.

    name: of the track, else of the true track, else empty. event: what the line was made from.
    """

    frame: int
    track: int | None
    name: str
    colour: Colour | None
    kind: str
    severity: float
    cause: str
    event: ReviewEvent | TruthEvent


def rows_of_events(events: Sequence[ReviewEvent], name_of: NameOf) -> list[EventRow]:
    """The queue as it comes: worst first."""
    rows = []
    for event in events:
        name, colour = ("", None) if event.track is None else name_of(event.track)
        rows.append(
            EventRow(event.frame, event.track, name, colour, event.kind, event.severity, event.cause, event)
        )
    return rows


def rows_of_errors(
    errors: Sequence[TruthEvent], frame_count: int, name_of: NameOf, true_track: str
) -> list[EventRow]:
    """Errors as they come: the longest first. true_track: text for a missed object, with ``{0}``."""
    rows = []
    for error in errors:
        if error.track is not None:
            name, colour = name_of(error.track)
        else:
            name, colour = true_track.format(error.truth), None
        severity = min(1.0, error.frames / max(1, frame_count))
        rows.append(
            EventRow(error.frame, error.track, name, colour, error.kind, severity, error.cause, error)
        )
    return rows


def rows_csv(rows: Sequence[EventRow]) -> str:
    """The lines as a table with a head line, one kind of event or the other; names are left out.

    Causes are ours, names may come from outside and a spreadsheet runs what begins with "=".
    """
    events = [row.event for row in rows if isinstance(row.event, ReviewEvent)]
    if events or not rows:
        return events_csv(events)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("rank", "frame", "track", "true_track", "kind", "frames", "cause"))
    for rank, row in enumerate(rows, start=1):
        assert isinstance(row.event, TruthEvent), "a list holds events of one sort"
        e = row.event
        track, truth = ("" if id_ is None else id_ for id_ in (e.track, e.truth))
        writer.writerow((rank, e.frame, track, truth, e.kind, e.frames, e.cause))
    return out.getvalue()
