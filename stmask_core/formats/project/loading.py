"""Reading a whole project into memory, pixels excepted, with every value and every reference checked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stmask_core.document.annotation_table import KNOWN_FLAGS, Columns
from stmask_core.document.changes import Key, TableName
from stmask_core.document.records import SOURCES, Record, Track, TrackId, Video
from stmask_core.document.store import Contents, Entry
from stmask_core.errors import ProjectFileError
from stmask_core.formats.project.record_codec import (
    RECORD_OF,
    damaged,
    focus_from_json,
    record_from_json,
)

CHUNK = 50_000  # annotations decoded at once
_LIMITS = {  # column -> (smallest, largest) value
    "track": (1, 2**31 - 1),
    "frame": (0, 2**31 - 1),
    "body": (1, 2**62),
    "source": (0, len(SOURCES) - 1),
    "flags": (0, KNOWN_FLAGS),
    "run": (0, 2**31 - 1),
    "area": (0, 2**31 - 1),
}


def load_contents(connection: sqlite3.Connection, *, needs_history: bool) -> Contents:
    """Everything but pixels, evidence and past changes, from one moment of the file.

    needs_history: False for who only reads: a damaged history is then taken for an empty one.
    """
    connection.execute("BEGIN")
    try:
        contents = Contents()
        for table in RECORD_OF:
            contents.records[table] = dict(_records(connection, table))  # type: ignore[index]
        _check_references(contents.records)
        contents.annotations = list(_annotations(connection, contents.records))
        try:
            contents.entries = list(_entries(connection))
        except (sqlite3.Error, ProjectFileError):
            if needs_history:
                raise
        _load_numbers(connection, contents)
    finally:
        connection.execute("ROLLBACK")  # nothing was written; a COMMIT fails after reading a damaged page
    return contents


def _records(connection: sqlite3.Connection, table: str) -> Iterator[tuple[Key, Record]]:
    name: TableName = table  # type: ignore[assignment]
    for *key, text in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2"):
        if not isinstance(text, str):
            raise damaged(f"a record of {table} is not text")
        place = tuple(key) if len(key) > 1 else key[0]
        yield place, record_from_json(name, place, text)


def _check_references(records: dict[TableName, dict[Key, Record]]) -> None:
    videos, categories = records["videos"], records["categories"]
    for table in ("tracks", "notes", "runs", "frame_states"):
        for key, record in records[table].items():  # type: ignore[index]
            if getattr(record, "video", None) not in videos:
                raise damaged(f"record {key} of {table} belongs to no video")
    for key, record in records["tracks"].items():
        if isinstance(record, Track) and record.category not in categories:
            raise damaged(f"track {key} has no category")


def _annotations(
    connection: sqlite3.Connection, records: dict[TableName, dict[Key, Record]]
) -> Iterator[tuple[TrackId, Columns]]:
    query = (
        "SELECT track, frame, body, source, flags, score, run, area FROM annotations ORDER BY track, frame"
    )
    cursor = connection.execute(query)
    while rows := list(islice(cursor, CHUNK)):
        track, frame, body, source, flags, scores, run, area = zip(*rows, strict=True)
        tracks = _whole(track, "track")
        frames = _whole(frame, "frame")
        columns = Columns(
            frames.astype(np.int32),
            _whole(body, "body"),
            _whole(source, "source").astype(np.uint8),
            _whole(flags, "flags").astype(np.uint8),
            _scores(scores),
            _whole(run, "run").astype(np.int32),
            _whole(area, "area").astype(np.int32),
        )
        starts = np.flatnonzero(np.diff(tracks, prepend=0))
        for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(tracks)], strict=True):
            stretch = columns.part(start, stop)
            _check_stretch(int(tracks[start]), stretch, records)
            yield TrackId(int(tracks[start])), stretch


def _check_stretch(track_id: int, columns: Columns, records: dict[TableName, dict[Key, Record]]) -> None:
    track = records["tracks"].get(track_id)
    if not isinstance(track, Track):
        raise damaged(f"masks of track {track_id}, which does not exist")
    video = records["videos"][track.video]
    assert isinstance(video, Video)
    if int(columns.frames[-1]) >= video.frame_count:
        raise damaged(f"a mask of track {track_id} behind the end of its video")


def _whole(values: tuple[Any, ...], name: str) -> NDArray[np.int64]:
    """A column of whole numbers within the limits of ``name``."""
    try:
        column = np.array(values)
    except (ValueError, OverflowError) as error:
        raise damaged(f"column {name} of the annotations") from error
    smallest, largest = _LIMITS[name]
    if column.dtype != np.int64 or int(column.min()) < smallest or int(column.max()) > largest:
        raise damaged(f"column {name} of the annotations")
    return column


def _scores(values: tuple[Any, ...]) -> NDArray[np.float64]:
    try:
        return np.array(values, np.float64)  # None becomes NaN
    except (TypeError, ValueError) as error:
        raise damaged("column score of the annotations") from error


def _entries(connection: sqlite3.Connection) -> Iterator[Entry]:
    query = "SELECT number, name, group_name, focus, cost FROM history ORDER BY number"
    for number, name, group, focus, cost in connection.execute(query):
        texts = isinstance(name, str) and all(t is None or isinstance(t, str) for t in (group, focus))
        if not texts or type(number) is not int or type(cost) is not int or number < 1 or cost < 0:
            raise damaged(f"step {number} of the undo history")
        yield Entry(number, name, group, focus_from_json(focus), cost)


def _load_numbers(connection: sqlite3.Connection, contents: Contents) -> None:
    """Position in the history and the next free ids, never below what is in use."""
    for name, number in connection.execute("SELECT name, number FROM numbers"):
        if not isinstance(name, str) or type(number) is not int or not 0 <= number < 1 << 62:
            raise damaged("a counter")
        if name == "position":
            contents.position = number
        elif name.startswith("next "):
            contents.next_ids[name[5:]] = number
    for table, records in contents.records.items():
        if table != "frame_states":
            used = max((key for key in records if isinstance(key, int)), default=0)
            contents.next_ids[table] = max(contents.next_ids.get(table, 1), used + 1)
    largest = connection.execute("SELECT max(id) FROM bodies").fetchone()[0] or 0
    if type(largest) is not int or largest >= 1 << 62:
        raise damaged("the numbers of its masks")
    contents.next_ids["bodies"] = max(contents.next_ids.get("bodies", 1), largest + 1)
