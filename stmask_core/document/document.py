"""The truth about a project: every record, the only way to write them, and undo.

    with document.edit("Rename track"):
        document.put(replace(track, name="fish"))

An edit reaches the project file in one transaction before the history and before any view hears of it. If the
block or the file fails, everything is as before and the error rises. Undo is the recorded changes read
backwards; nobody writes an inverse. A document is used by one thread at a time.
"""

from __future__ import annotations

import gc
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from stmask_core.document.annotation_table import AnnotationTable, Row, annotation_of, row_of
from stmask_core.document.changes import TABLE_OF, Change, Diff, Focus, Key, Origin, TableName, key_of
from stmask_core.document.history import History
from stmask_core.document.records import (
    Category,
    CategoryId,
    FrameState,
    MaskAnnotation,
    MaskBody,
    ModelRun,
    NoteId,
    Record,
    ReviewNote,
    RunId,
    Track,
    TrackId,
    Video,
    VideoId,
)
from stmask_core.document.rules import check_references, check_unused
from stmask_core.document.store import Entry, Evidence, EvidenceKind, PackedChanges, Store
from stmask_core.document.table import Table
from stmask_core.errors import DocumentError, NotInEdit, ProjectFileError

Listener = Callable[[Diff], None]


@dataclass
class _OpenEdit:
    """What the edit in progress did so far. before, after: first and last state of everything touched."""

    before: dict[tuple[TableName, Key], Record | Row | None] = field(default_factory=dict)
    after: dict[tuple[TableName, Key], Record | Row | None] = field(default_factory=dict)
    bodies: dict[int, MaskBody] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)


class Document:
    """Records in tables, readable by all; ``put`` and ``remove`` inside ``edit`` are the only writers."""

    def __init__(self, store: Store) -> None:
        self.videos: Table[VideoId, Video] = Table()
        self.categories: Table[CategoryId, Category] = Table()
        self.tracks: Table[TrackId, Track] = Table()
        self.notes: Table[NoteId, ReviewNote] = Table()
        self.runs: Table[RunId, ModelRun] = Table()
        self.frame_states: Table[tuple[int, int], FrameState] = Table()
        self.annotations = AnnotationTable()
        self._tables: dict[TableName, Table[Any, Any]] = {
            "videos": self.videos,
            "categories": self.categories,
            "tracks": self.tracks,
            "notes": self.notes,
            "runs": self.runs,
            "frame_states": self.frame_states,
        }
        self._store = store
        self._open: _OpenEdit | None = None
        self._notifying = False
        self._step_group: str | None = None
        self._listeners: list[Listener] = []
        contents = store.load()
        for name, records in contents.records.items():
            for key, record in records.items():
                self._tables[name].write(key, record)
        for track, columns in contents.annotations:
            self.annotations.load(track, columns)
        self.history = History(contents.entries, contents.position)
        self._next_ids = dict(contents.next_ids)

    # Reading

    @property
    def read_only_reason(self) -> str:
        """Why nothing can be changed; empty when everything can."""
        return self._store.read_only_reason

    def check_writable(self) -> None:
        """ProjectFileError with the reason when nothing can be changed."""
        if self.read_only_reason:
            raise ProjectFileError(
                f"The project cannot be changed: {self.read_only_reason}", "Save a copy and work there."
            )

    def annotation(self, track: TrackId, frame: int) -> MaskAnnotation | None:
        """A track's mask annotation in a frame, with its pixels; None when there is none."""
        row = self.annotations.row(track, frame)
        return None if row is None else self.materialise(track, frame, row)

    def materialise(self, track: TrackId, frame: int, row: Row) -> MaskAnnotation:
        """The annotation that a row stands for, with its pixels."""
        body = self.body(row.body)
        video = self.videos[self.tracks[track].video]
        if (body.mask.height, body.mask.width) != (video.height, video.width):
            raise ProjectFileError(
                f"The mask of track {track} in frame {frame} is not of its video's size.",
                "The project file is damaged: rescue what is readable into a new project.",
            )
        return annotation_of(track, frame, row, body)

    def body(self, number: int) -> MaskBody:
        """Pixels, box and extra fields stored under the number that rows carry."""
        if self._open is not None and number in self._open.bodies:
            return self._open.bodies[number]
        return self._store.read_body(number)

    def evidence(self, run: RunId, frame: int, kind: EvidenceKind = "evidence") -> bytes | None:
        """What was kept beside a run's frame; None when nothing was."""
        for item in reversed(self._open.evidence if self._open is not None else []):
            if item[:3] == (run, frame, kind):
                return item.data
        return self._store.read_evidence(run, frame, kind)

    # Writing

    @contextmanager
    def edit(self, name: str, *, focus: Focus | None = None, group: str | None = None) -> Iterator[Document]:
        """The only place where the document may be written; one undo step when anything really changed.

        focus: where undo should take the user. group: neighbouring edits of one group (see ``new_group``) are
        undone together. Raises ProjectFileError, with everything as before, when the file refuses.
        """
        self._check_may_begin()
        self._open = _OpenEdit()
        try:
            with _no_garbage_collection():
                yield self
                diff = Diff(name, self._changes(), focus, group or self._step_group)
                if diff.changes or self._open.evidence:
                    entry, forgotten = self._save(diff)
        except BaseException:
            self._roll_back()
            raise
        self._open = None
        if diff.changes:
            self.history.push(entry)
            if forgotten is not None:
                self.history.forget_up_to(forgotten[1])
            self._notify(diff)

    @contextmanager
    def one_step(self) -> Iterator[None]:
        """Make the edits inside this block one undo step, for example one command on several tracks."""
        outer, self._step_group = self._step_group, self._step_group or self.new_group("step")
        try:
            yield
        finally:
            self._step_group = outer

    def put(self, record: Record | MaskAnnotation) -> None:
        """Add a record, or replace the one with its id. An equal record changes nothing."""
        if isinstance(record, MaskAnnotation):
            self._put_annotation(record)
            return
        self._check_open()
        table = TABLE_OF[type(record)]
        check_references(self, record)
        self._write(table, key_of(record), record)

    def put_row(self, track: TrackId, frame: int, row: Row) -> None:
        """Put an annotation whose pixels are stored already: how masks move between tracks and frames."""
        self._check_place(track, frame)
        self._write("annotations", (track, frame), row)

    def remove(self, record: Record | MaskAnnotation) -> None:
        """Remove the record with this one's id. DocumentError while others refer to it."""
        if isinstance(record, MaskAnnotation):
            self.remove_row(record.track, record.frame)
            return
        self._check_open()
        table, key = TABLE_OF[type(record)], key_of(record)
        if key not in self._tables[table]:
            raise DocumentError(f"There is no such {type(record).__name__.lower()} to remove.")
        check_unused(self, record)
        self._write(table, key, None)

    def remove_row(self, track: TrackId, frame: int) -> None:
        """Remove a track's annotation in a frame; nothing happens when there is none."""
        self._write("annotations", (track, frame), None)

    def put_evidence(self, run: RunId, frame: int, data: bytes, kind: EvidenceKind = "evidence") -> None:
        """Keep opaque bytes beside a run's frame. They live as long as the run and are no part of undo."""
        self._check_open().evidence.append(Evidence(run, frame, kind, data))

    def new_id(self, table: TableName | Literal["bodies"]) -> int:
        """A number never used in this table of this project."""
        self._check_open()
        return self._take_id(table)

    def reserve_id(self, table: TableName) -> int:
        """Like ``new_id``, before the edit begins: for records whose id names the edit's group."""
        return self._take_id(table)

    def new_group(self, what: str) -> str:
        """A fresh name for a group of edits."""
        return f"{what}-{secrets.token_hex(6)}"

    # Undo

    def undo(self) -> Diff | None:
        """Take the newest step back; returns its last diff, or None when there is nothing to undo."""
        return self._travel("undo")

    def redo(self) -> Diff | None:
        """Bring back the step undone last; None when there is none."""
        return self._travel("redo")

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` after every edit, undo and redo; returns the function that stops it.

        A listener may not edit. One that raises is reported through ``sys.excepthook``: the edit is safe.
        """
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    # Inside

    def _travel(self, origin: Origin) -> Diff | None:
        """Apply one step backwards or forwards, entry by entry, in one transaction of the file."""
        self._check_may_begin()
        back = origin == "undo"
        step = self.history.undo_step() if back else self.history.redo_step()
        if not step:
            return None
        packed = [self._store.read_changes(entry.number) for entry in step]
        applied: list[PackedChanges] = []
        try:
            with _no_garbage_collection(), self._store.transaction():
                for item in packed:
                    changes = _unpacked(item, inverse=back)
                    applied.append(item)
                    self._apply(changes)
                    self._store.write_changes(changes)
                self._store.write_position(step[-1].number - 1 if back else step[-1].number)
        except BaseException:
            for item in reversed(applied):
                self._apply(_unpacked(item, inverse=not back))
            raise
        if back:
            self.history.move_back(step)
        else:
            self.history.move_forward(step)
        for entry, item in zip(step, packed, strict=True):
            if len(step) > 1:  # of a whole model run only one entry is unpacked at a time
                changes = _unpacked(item, inverse=back)
            diff = Diff(entry.name, changes, entry.focus, entry.group, origin)
            self._notify(diff)
        return diff

    def _save(self, diff: Diff) -> tuple[Entry, tuple[int, int] | None]:
        """Hand the edit to the store in one transaction; returns its header and what was forgotten."""
        assert self._open is not None
        entry = Entry(self.history.next_number, diff.name, diff.group, diff.focus, 0)
        used = {change.after.body for change in diff.changes if isinstance(change.after, Row)}
        forgotten = None
        with self._store.transaction():
            self._store.write_bodies({n: body for n, body in self._open.bodies.items() if n in used})
            self._store.write_evidence(self._open.evidence)
            if diff.changes:
                self._store.write_changes(diff.changes)
                self._store.write_next_ids(self._next_ids)
                undone = self.history.undone()
                if undone is not None:
                    self._store.forget_entries(*undone)
                entry = self._store.push_entry(entry, diff.changes)
                forgotten = self.history.over_budget()
                if forgotten is not None:
                    self._store.forget_entries(*forgotten)
        return entry, forgotten

    def _changes(self) -> tuple[Change, ...]:
        """Net changes of the open edit, in the order of first touch."""
        assert self._open is not None
        after = self._open.after
        return tuple(
            Change(*place, before, after[place])
            for place, before in self._open.before.items()
            if after[place] != before
        )

    def _roll_back(self) -> None:
        assert self._open is not None
        for (table, key), before in reversed(self._open.before.items()):
            self._set(table, key, before)
        self._open = None

    def _notify(self, diff: Diff) -> None:
        self._notifying = True
        try:
            for listener in tuple(self._listeners):
                try:
                    listener(diff)
                except Exception:  # noqa: BLE001 - a view's bug must not make a saved edit look failed
                    sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        finally:
            self._notifying = False

    def _put_annotation(self, annotation: MaskAnnotation) -> None:
        track, frame = annotation.track, annotation.frame
        edit = self._check_open()
        self._check_place(track, frame)
        video = self.videos[self.tracks[track].video]
        mask = annotation.mask
        if (mask.height, mask.width) != (video.height, video.width):
            raise DocumentError(
                f"The mask is {mask.width} x {mask.height}, the video {video.width} x {video.height}."
            )
        body = MaskBody(mask, annotation.box, annotation.extra)
        old = self.annotations.row(track, frame)
        if old is not None and self.body(old.body) == body:
            number = old.body
        else:
            number = self.new_id("bodies")
            edit.bodies[number] = body
        self._write("annotations", (track, frame), row_of(annotation, number))

    def _take_id(self, table: str) -> int:
        number = self._next_ids.get(table, 1)
        self._next_ids[table] = number + 1
        return number

    def _write(self, table: TableName, key: Key, after: Record | Row | None) -> None:
        edit = self._check_open()
        before = self._read(table, key)
        if after == before:
            return
        place = (table, key)
        edit.before.setdefault(place, before)
        edit.after[place] = after
        self._set(table, key, after)

    def _read(self, table: TableName, key: Key) -> Record | Row | None:
        if table == "annotations":
            return self.annotations.row(*key)  # type: ignore[misc]
        return self._tables[table].get(key)

    def _set(self, table: TableName, key: Key, record: Record | Row | None) -> None:
        if table == "annotations":
            self.annotations.write(*key, record)  # type: ignore[misc, arg-type, call-arg]
        else:
            self._tables[table].write(key, record)

    def _apply(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._set(change.table, change.key, change.after)

    # Rules

    def _check_open(self) -> _OpenEdit:
        if self._open is None:
            raise NotInEdit("The document was written outside an edit.")
        return self._open

    def _check_may_begin(self) -> None:
        if self._notifying:
            raise DocumentError("A listener tried to edit the document it was told about.")
        if self._open is not None:
            raise DocumentError("An edit is in progress already.")
        self.check_writable()

    def _check_place(self, track: TrackId, frame: int) -> None:
        self._check_open()
        if track not in self.tracks:
            raise DocumentError(f"There is no track {track}.")
        count = self.videos[self.tracks[track].video].frame_count
        if not 0 <= frame < count:
            raise DocumentError(f"Frame {frame} is outside the video, which has {count} frames.")


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Put the collector off while an edit makes its thousands of rows and changes.

    They hold no cycles and are gone right after; looking through all of the program's objects in between
    would make a long edit take twice its time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _unpacked(packed: PackedChanges, *, inverse: bool) -> tuple[Change, ...]:
    changes = packed.unpack()
    return tuple(change.inverse() for change in reversed(changes)) if inverse else changes
