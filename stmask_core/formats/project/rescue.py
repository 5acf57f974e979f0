"""Bringing what is readable of a damaged project into a new one, and saying what was lost."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stmask_core.document.annotation_table import Row, annotation_of
from stmask_core.document.changes import TableName
from stmask_core.document.document import Document
from stmask_core.document.records import MaskAnnotation, RunId, TrackId, Video
from stmask_core.document.store import Evidence
from stmask_core.errors import DocumentError, ProjectFileError
from stmask_core.formats.project.body_codec import body_from_bytes
from stmask_core.formats.project.connection import connect_to_read, leave_nothing_behind, translated
from stmask_core.formats.project.places import in_another_folder
from stmask_core.formats.project.record_codec import checked_row, record_from_json
from stmask_core.formats.project.schema import version_of
from stmask_core.formats.project.store import ProjectStore

TABLES: tuple[TableName, ...] = ("videos", "categories", "tracks", "notes", "runs", "frame_states")
CHUNK = 5_000  # masks per edit


@dataclass(frozen=True, slots=True)
class RescueReport:
    """What arrived and what did not. lost: one line per kind of loss. The undo history is never rescued."""

    records: int
    masks: int
    lost: tuple[str, ...]


def rescue_into(connection: sqlite3.Connection, document: Document, homes: tuple[Path, Path]) -> RescueReport:
    """Copy everything readable and sound into an empty document.

    homes: the folders of the damaged and of the new project, so that the videos are found from there.
    """
    group = document.new_group("rescue")
    lost: Counter[str] = Counter()
    records = sum(_copy_table(connection, document, table, group, homes, lost) for table in TABLES)
    masks = sum(_copy_track(connection, document, track, group, lost) for track in sorted(document.tracks))
    orphans = set(_first_columns(connection, "annotations")) - set(document.tracks)
    if orphans:
        lost["tracks whose record is gone, with their masks"] += len(orphans)
    _copy_evidence(connection, document, lost)
    return RescueReport(records, masks, tuple(f"{count} {what}" for what, count in lost.items()))


def open_for_rescue(path: Path) -> ProjectStore:
    """A read-only store on a damaged file of this or an older version, unchecked but for its schema."""
    with translated(path):
        connection = connect_to_read(path)
        try:
            version_of(connection, path.name)  # refuses what is none of ours
        except BaseException:
            connection.close()
            leave_nothing_behind(path)
            raise
    return ProjectStore(connection, path, "it is being rescued.")


def _copy_table(
    connection: sqlite3.Connection,
    document: Document,
    table: TableName,
    group: str,
    homes: tuple[Path, Path],
    lost: Counter[str],
) -> int:
    copied = 0
    with document.edit("Rescue", group=group):
        num_keys = 2 if table == "frame_states" else 1
        for *key, text in _readable(connection, table, "*", num_keys, lost, table):
            try:
                record = record_from_json(table, tuple(key) if num_keys > 1 else key[0], text)
                document.put(in_another_folder(record, *homes) if isinstance(record, Video) else record)
                copied += 1
            except (ProjectFileError, DocumentError):
                lost[f"records of {table}"] += 1
    return copied


def _copy_track(
    connection: sqlite3.Connection, document: Document, track: TrackId, group: str, lost: Counter[str]
) -> int:
    columns = "frame, body, source, flags, score, run, area"
    source = f"annotations WHERE track = {int(track)}"
    rows = list(_readable(connection, source, columns, 1, lost, f"track {track}"))
    copied = 0
    for start in range(0, len(rows), CHUNK):
        with document.edit("Rescue", group=group):
            for frame, *values in rows[start : start + CHUNK]:
                annotation = _annotation(connection, track, frame, values)
                if annotation is None:
                    lost[f"masks of track {track}"] += 1
                    continue
                try:
                    document.put(annotation)
                    copied += 1
                except DocumentError:
                    lost[f"masks of track {track}"] += 1
    return copied


def _annotation(
    connection: sqlite3.Connection, track: TrackId, frame: Any, values: list[Any]
) -> MaskAnnotation | None:
    """The annotation of a stored row; None when the row or its mask is damaged."""
    try:
        row: Row = checked_row(values)
        found = connection.execute("SELECT data FROM bodies WHERE id = ?", (row.body,)).fetchone()
        if found is None or not isinstance(found[0], bytes):
            return None
        return annotation_of(track, frame, row, body_from_bytes(found[0]))
    except (sqlite3.Error, ProjectFileError, DocumentError, ValueError, TypeError):
        return None


def _copy_evidence(connection: sqlite3.Connection, document: Document, lost: Counter[str]) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    columns = f"run, frame, {'kind' if version > 1 else repr('evidence')}, data"  # what 2 added
    with document.edit("Rescue"):
        for run, frame, kind, data in _readable(connection, "evidence", columns, 2, lost, "evidence"):
            item = Evidence(RunId(run), frame, kind, data)
            if run in document.runs and isinstance(data, bytes) and kind in ("evidence", "withheld", "tally"):
                document.put_evidence(item.run, item.frame, item.data, item.kind)


def _readable(
    connection: sqlite3.Connection, source: str, columns: str, num_keys: int, lost: Counter[str], name: str
) -> Iterator[tuple]:
    """Rows in the order of their first ``num_keys`` columns, from both ends up to the damage."""
    keys = [str(number + 1) for number in range(num_keys)]
    last: tuple = ()
    try:
        for row in connection.execute(f"SELECT {columns} FROM {source} ORDER BY {', '.join(keys)}"):
            if _has_numbers(row[:num_keys]):
                last = row[:num_keys]
                yield row
            else:
                lost[f"rows of {name} without a number"] += 1
        return
    except sqlite3.Error:
        lost[f"stretch of {name} that the disk cannot give back"] += 1
    backwards = ", ".join(f"{key} DESC" for key in keys)
    try:
        for row in connection.execute(f"SELECT {columns} FROM {source} ORDER BY {backwards}"):
            if not _has_numbers(row[:num_keys]):
                continue
            if row[:num_keys] <= last:
                return
            yield row
    except sqlite3.Error:
        return


def _has_numbers(keys: tuple) -> bool:
    """False for what only damage can put into a column of numbers."""
    return all(type(key) is int for key in keys)


def _first_columns(connection: sqlite3.Connection, table: str) -> Iterator[int]:
    try:
        for (value,) in connection.execute(f"SELECT DISTINCT track FROM {table}"):
            yield value
    except sqlite3.Error:
        return
