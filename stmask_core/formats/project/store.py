"""The document's store in SQLite: one transaction per edit, pixels read when they are looked at."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stmask_core.document.annotation_table import Row
from stmask_core.document.changes import Change, TableName
from stmask_core.document.records import MaskBody, RunId
from stmask_core.document.store import Contents, Entry, Evidence, EvidenceKind
from stmask_core.errors import ProjectFileError
from stmask_core.formats.project.body_codec import body_from_bytes, body_to_bytes
from stmask_core.formats.project.connection import in_words, leave_nothing_behind, translated
from stmask_core.formats.project.loading import load_contents
from stmask_core.formats.project.record_codec import (
    changes_from_bytes,
    changes_to_bytes,
    damaged,
    focus_to_json,
    record_to_json,
)

CACHE_BYTES = 64 << 20
_KEYS = {"annotations": "track, frame", "frame_states": "video, frame"}


class ProjectStore:
    """Implements ``stmask_core.document.store.Store`` on an open connection."""

    def __init__(self, connection: sqlite3.Connection, path: Path | None, read_only_reason: str = "") -> None:
        """path: None for a database in memory. read_only_reason: why nothing may be written."""
        self.connection = connection
        self.path = path
        self._read_only_reason = read_only_reason
        self._name = path if path is not None else Path("project in memory")
        self._identity = _identity(path) if path is not None else None
        self._cache = BodyCache(CACHE_BYTES)
        self._roll_back_first = False
        self._stamp = 0  # counts transactions; the last one to arrive is in the file

    @property
    def read_only_reason(self) -> str:
        """Why nothing may be written; empty when it may."""
        return self._read_only_reason

    # Reading

    def load(self) -> Contents:
        """Everything that is held in memory, checked."""
        with translated(self._name):
            contents = load_contents(self.connection, needs_history=not self._read_only_reason)
        self._stamp = self._read_stamp()
        return contents

    def read_body(self, body: int) -> MaskBody:
        """The pixels stored under a number, from the cache when looked at recently."""
        found = self._cache.get(body)
        if found is None:
            row = self._one("SELECT data FROM bodies WHERE id = ?", body)
            if row is None:
                raise damaged(f"mask {body} is missing")
            found = body_from_bytes(_bytes(row[0]))
            self._cache.put(body, found)
        return found

    def read_evidence(self, run: RunId, frame: int, kind: EvidenceKind) -> bytes | None:
        """Bytes kept beside a run's frame."""
        row = self._one(
            "SELECT data FROM evidence WHERE run = ? AND frame = ? AND kind = ?", run, frame, kind
        )
        return None if row is None else _bytes(row[0])

    def read_changes(self, number: int) -> ChangesBlob:
        """What an entry of the history did, still packed."""
        row = self._one("SELECT changes FROM history WHERE number = ?", number)
        if row is None:
            raise damaged(f"step {number} of the undo history is missing")
        return ChangesBlob(_bytes(row[0]))

    # Writing

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Begin; commit at the end of the block; roll back on an exception."""
        self._check_still_there()
        self._finish_roll_back()
        try:
            with translated(self._name):
                self.connection.execute("BEGIN IMMEDIATE")
                yield
                self._stamp += 1
                self._write_number("stamp", self._stamp)
        except BaseException:
            self._roll_back()
            raise
        self._commit()

    def write_bodies(self, bodies: Mapping[int, MaskBody]) -> None:
        """Store pixels under fresh numbers."""
        rows = [(number, body_to_bytes(body)) for number, body in bodies.items()]
        self.connection.executemany("INSERT OR REPLACE INTO bodies VALUES (?, ?)", rows)
        for number, body in bodies.items():
            self._cache.put(number, body)

    def write_evidence(self, evidence: Iterable[Evidence]) -> None:
        """Keep bytes beside runs, replacing what was there."""
        self.connection.executemany(
            "INSERT OR REPLACE INTO evidence VALUES (?, ?, ?, ?)",
            [(item.run, item.frame, item.kind, item.data) for item in evidence],
        )

    def write_changes(self, changes: Sequence[Change]) -> None:
        """Make every record what its change says it is after. Neighbours of one table go together."""
        tables: dict[TableName, list[Change]] = {}
        for change in changes:
            tables.setdefault(change.table, []).append(change)
        for table, of_table in tables.items():
            self._write_table(table, of_table)

    def write_next_ids(self, next_ids: Mapping[str, int]) -> None:
        """Remember the next free ids."""
        rows = [(f"next {table}", number) for table, number in next_ids.items()]
        self.connection.executemany("INSERT OR REPLACE INTO numbers VALUES (?, ?)", rows)

    def push_entry(self, entry: Entry, changes: Sequence[Change]) -> Entry:
        """Append to the history and move the position there; returns the entry with its cost.

        cost: the entry's own bytes and those of the masks that only this entry keeps alive.
        """
        data = changes_to_bytes(changes)
        entry = replace(entry, cost=len(data) + self._displaced_bytes(changes))
        self.connection.execute(
            "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?)",
            (entry.number, entry.name, entry.group, focus_to_json(entry.focus), entry.cost, data),
        )
        self.write_position(entry.number)
        return entry

    def forget_entries(self, first: int, last: int) -> None:
        """Drop entries first..last; what only they kept becomes garbage, swept when the project closes."""
        span = (first, last)
        query = "SELECT coalesce(sum(cost), 0) FROM history WHERE number BETWEEN ? AND ?"
        freed = self.connection.execute(query, span).fetchone()[0]
        self.connection.execute("DELETE FROM history WHERE number BETWEEN ? AND ?", span)
        self._write_number("garbage", self.garbage_bytes() + freed)

    def write_position(self, position: int) -> None:
        """Remember which entries are done."""
        self._write_number("position", position)

    # Tidying

    def garbage_bytes(self) -> int:
        """Bytes, about, that no record and no step of the history needs any more."""
        row = self._one("SELECT number FROM numbers WHERE name = 'garbage'")
        return 0 if row is None else row[0]

    def sweep(self) -> int:
        """Remove masks and evidence that no record and no step refers to; returns how many masks."""
        with translated(self._name):
            bodies, runs = self._referenced()
        with self.transaction():
            self.connection.execute("CREATE TEMP TABLE kept (id INTEGER PRIMARY KEY)")
            try:
                insert = "INSERT INTO kept VALUES (?)"
                self.connection.executemany(insert, ((body,) for body in bodies))
                removed = self.connection.execute(
                    "DELETE FROM bodies WHERE id NOT IN (SELECT id FROM kept)"
                ).rowcount
                self.connection.execute("DELETE FROM kept")
                self.connection.executemany(insert, ((run,) for run in runs))
                self.connection.execute("DELETE FROM evidence WHERE run NOT IN (SELECT id FROM kept)")
                self._write_number("garbage", 0)
            finally:
                self.connection.execute("DROP TABLE kept")
        return removed

    def close(self) -> None:
        """Close the connection; the file is complete without it, and nothing lies beside it."""
        if self.path is not None and not self._read_only_reason:
            self._empty_the_journal()
        self.connection.close()
        if self.path is not None and self._read_only_reason:
            leave_nothing_behind(self.path)

    # Inside

    def _empty_the_journal(self) -> None:
        """Bring every edit into the file itself: while others read, closing alone would not."""
        with contextlib.suppress(sqlite3.Error):  # then the edits stay in the journal, as safe as there
            self.connection.execute("PRAGMA busy_timeout = 0")
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _one(self, query: str, *values: int | str) -> tuple | None:
        self._finish_roll_back()
        with translated(self._name):
            return self.connection.execute(query, values).fetchone()

    def _write_number(self, name: str, number: int) -> None:
        self.connection.execute("INSERT OR REPLACE INTO numbers VALUES (?, ?)", (name, number))

    def _write_table(self, table: TableName, changes: list[Change]) -> None:
        keys = (
            "track, frame" if table == "annotations" else "video, frame" if table == "frame_states" else "id"
        )
        removed = [_key(change) for change in changes if change.after is None]
        if removed:
            where = " AND ".join(f"{key} = ?" for key in keys.split(", "))
            self.connection.executemany(f"DELETE FROM {table} WHERE {where}", removed)
        written = [_key(change) + _values(change) for change in changes if change.after is not None]
        if written:
            places = ", ".join("?" * len(written[0]))
            self.connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({places})", written)

    def _displaced_bytes(self, changes: Sequence[Change]) -> int:
        before = {change.before.body for change in changes if isinstance(change.before, Row)}
        before -= {change.after.body for change in changes if isinstance(change.after, Row)}
        if not before:
            return 0
        query = "SELECT length(data) FROM bodies WHERE id = ?"
        found = (self.connection.execute(query, (body,)).fetchone() for body in before)
        return sum(row[0] for row in found if row is not None)

    def _referenced(self) -> tuple[set[int], set[int]]:
        """Bodies and runs that records or the history refer to."""
        bodies = {row[0] for row in self.connection.execute("SELECT body FROM annotations")}
        runs = {row[0] for row in self.connection.execute("SELECT id FROM runs")}
        for (data,) in self.connection.execute("SELECT changes FROM history"):
            for change in changes_from_bytes(_bytes(data)):
                states = (change.before, change.after)
                bodies.update(state.body for state in states if isinstance(state, Row))
                if change.table == "runs" and isinstance(change.key, int):
                    runs.add(change.key)
        return bodies, runs

    def _check_still_there(self) -> None:
        """SQLite would go on writing to a file that was deleted or replaced under its feet."""
        if self.path is not None and _identity(self.path) != self._identity:
            raise ProjectFileError(
                f"{self.path.name} was moved, removed or replaced while it was open; nothing was written.",
                "Put it back, or save a copy under a new name: everything is still here.",
            )

    def _commit(self) -> None:
        """Commit. SQLite may report an error after the commit took place: the stamp in the file decides."""
        try:
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            if self._read_stamp() != self._stamp:
                raise in_words(error, self._name) from error

    def _read_stamp(self) -> int:
        row = self._one("SELECT number FROM numbers WHERE name = 'stamp'")
        return 0 if row is None else int(row[0])

    def _roll_back(self) -> None:
        """Roll back now; if even that fails, before anything else is read or written."""
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            self._roll_back_first = False
        except sqlite3.Error:
            self._roll_back_first = True  # the error that brought us here is the one to report

    def _finish_roll_back(self) -> None:
        if self._roll_back_first:
            if self.connection.in_transaction:
                with translated(self._name):
                    self.connection.execute("ROLLBACK")
            self._roll_back_first = False


@dataclass(frozen=True, slots=True)
class ChangesBlob:
    """The changes of one edit as they lie in the file."""

    data: bytes

    def unpack(self) -> tuple[Change, ...]:
        """The changes, every value checked."""
        return changes_from_bytes(self.data)


class BodyCache:
    """The masks looked at last, by bytes."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._bodies: OrderedDict[int, MaskBody] = OrderedDict()
        self._num_bytes = 0

    def get(self, number: int) -> MaskBody | None:
        """A body looked at lately."""
        body = self._bodies.get(number)
        if body is not None:
            self._bodies.move_to_end(number)
        return body

    def put(self, number: int, body: MaskBody) -> None:
        """Remember a body; the ones not looked at for longest go."""
        old = self._bodies.pop(number, None)
        self._num_bytes += _cost(body) - (_cost(old) if old is not None else 0)
        self._bodies[number] = body
        while self._num_bytes > self._budget and len(self._bodies) > 1:
            self._num_bytes -= _cost(self._bodies.popitem(last=False)[1])


def _cost(body: MaskBody) -> int:
    return len(body.mask.runs) + 400  # the objects around the runs


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _key(change: Change) -> tuple:
    return change.key if isinstance(change.key, tuple) else (change.key,)


def _values(change: Change) -> tuple:
    if isinstance(change.after, Row):
        return (
            change.after.body,
            change.after.source,
            change.after.flags,
            change.after.score,
            change.after.run,
            change.after.area,
        )
    assert change.after is not None
    return (record_to_json(change.after),)


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise damaged("bytes were expected")
    return value
