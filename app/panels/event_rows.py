"""What the queue of failures shows: what looks wrong, and what is wrong where the truth is known. No Qt."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stmask_core.document.records import Colour
from stmask_core.review.comparison import TruthEvent
from stmask_core.review.events import ReviewEvent, events_csv
from stmask_core.structures.masks import Mask

NameOf = Callable[[int], tuple[str, Colour | None]]  # track -> how the window calls and colours it
MaskOf = Callable[[int, int], Mask | None]  # track, frame -> where it is
TRUE_COLOUR: Colour = (255, 255, 255)


@dataclass(frozen=True)
class ObjectView:
    """What the small picture of a line shows: a frame, around a mask where there is one."""

    frame: int
    mask: Mask | None
    colour: Colour


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
    view: ObjectView


def rows_of_events(events: Sequence[ReviewEvent], name_of: NameOf, mask_of: MaskOf) -> list[EventRow]:
    """The queue as it comes: worst first."""
    rows = []
    for e in events:
        name, colour = ("", None) if e.track is None else name_of(e.track)
        mask = None if e.track is None else mask_of(e.track, e.frame)
        view = ObjectView(e.frame, mask, colour or TRUE_COLOUR)
        rows.append(EventRow(e.frame, e.track, name, colour, e.kind, e.severity, e.cause, e, view))
    return rows


def rows_of_errors(
    errors: Sequence[TruthEvent],
    frame_count: int,
    name_of: NameOf,
    mask_of: MaskOf,
    true_mask_of: MaskOf,
    true_track: str,
) -> list[EventRow]:
    """Errors as they come: the longest first. true_track: text for a missed object, with ``{0}``.

    true_mask_of: the same of true tracks.
    """
    rows = []
    for e in errors:
        if e.track is not None:
            (name, colour), mask = name_of(e.track), mask_of(e.track, e.frame)
        else:
            assert e.truth is not None, "an error is of a track or of a true one"
            (name, colour), mask = (true_track.format(e.truth), None), true_mask_of(e.truth, e.frame)
        view = ObjectView(e.frame, mask, colour or TRUE_COLOUR)
        severity = min(1.0, e.frames / max(1, frame_count))
        rows.append(EventRow(e.frame, e.track, name, colour, e.kind, severity, e.cause, e, view))
    return rows


@dataclass(frozen=True)
class Filter:
    """Which lines are shown. kind, name: None for all. least: severity. words: all of them must occur."""

    kind: str | None = None
    name: str | None = None
    least: float = 0.0
    words: str = ""

    def passes(self, row: EventRow, shown_text: str) -> bool:
        """Whether a line is shown. shown_text: what stands in it."""
        text = shown_text.casefold()
        return (
            self.kind in (None, row.kind)
            and self.name in (None, row.name)
            and row.severity >= self.least - 1e-9  # what reads 0.30 passes 0.30
            and all(word in text for word in self.words.casefold().split())
        )


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
