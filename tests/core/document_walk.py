"""A random walk over a project, held against a plain dictionary that knows nothing of tables and files."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stmask_core.document.annotation_table import row_of
from stmask_core.document.changes import Change, Diff
from stmask_core.document.commands import frames, identity, masks, review, tracks, videos
from stmask_core.document.commands.predictions import (
    PredictedFrame,
    Prediction,
    add_predictions,
    finish_run,
    start_run,
)
from stmask_core.document.document import Document
from stmask_core.document.records import (
    Category,
    Comment,
    FrameState,
    MaskAnnotation,
    NoteId,
    ReviewNote,
    Track,
    Video,
)
from stmask_core.document.scope import Scope
from stmask_core.errors import DocumentError, ProjectFileError
from stmask_core.formats.project_file import ProjectFile
from stmask_core.structures.masks import Mask

HEIGHT, WIDTH, FRAMES = 24, 32, 8
TABLES = ("videos", "categories", "tracks", "notes", "runs", "frame_states")


class Deliberate(Exception):
    """Raised inside an edit on purpose."""


def snapshot(document: Document, seen: dict[Any, MaskAnnotation] | None = None) -> dict[tuple[str, Any], Any]:
    """Everything a document says, as a plain dictionary.

    seen: annotations by track, frame and row that were looked at before; a row's pixels never change.
    """
    known = {} if seen is None else seen
    state: dict[tuple[str, Any], Any] = {}
    for name in TABLES:
        for key, record in getattr(document, name).items():
            state[name, key] = record
    for track in document.annotations:
        for frame, row in document.annotations.rows(track):
            if (track, frame, row) not in known:
                known[track, frame, row] = document.materialise(track, frame, row)
            state["annotations", (track, frame)] = known[track, frame, row]
    return state


def everything(document: Document) -> dict[tuple[str, Any], Any]:
    """Every record and row, as diffs speak of them."""
    found: dict[tuple[str, Any], Any] = {}
    for name in TABLES:
        found.update(((name, key), record) for key, record in getattr(document, name).items())
    for track in document.annotations:
        rows = document.annotations.rows(track)
        found.update((("annotations", (track, frame)), row) for frame, row in rows)
    return found


def check_indexes(document: Document) -> None:
    """Indexes agree with tables; columns are sorted, unique and agree with their masks."""
    for name in ("tracks", "notes", "runs", "frame_states"):
        table = getattr(document, name)
        by_video = {key: record for video in document.videos for key, record in table.of_video(video).items()}
        assert by_video == dict(table)
    for track in document.annotations:
        assert track in document.tracks
        columns = document.annotations.columns(track)
        assert (np.diff(columns.frames) > 0).all()
        assert len({len(column) for column in vars(columns).values()}) == 1
        for frame, row in document.annotations.rows(track):
            assert document.annotations.has(track, frame)
            annotation = document.materialise(track, frame, row)
            assert row_of(annotation, row.body) == row
            assert row.is_human == annotation.is_human


def a_mask(draw: random.Random) -> Mask:
    """A small rectangle, sometimes with a hole, sometimes empty."""
    bits = np.zeros((HEIGHT, WIDTH), bool)
    y, x = draw.randrange(HEIGHT - 6), draw.randrange(WIDTH - 6)
    bits[y : y + draw.randrange(7), x : x + draw.randrange(7)] = True
    if draw.random() < 0.3:
        bits[y + 2, x + 2] = False
    return Mask.from_bits(bits)


class Walk:
    """A project file, and what it should hold: the state, and the states before every step."""

    def __init__(self, path: Path, *, budget: int | None = None) -> None:
        self.path = path
        self.budget = budget
        self.seen: dict[Any, MaskAnnotation] = {}
        self.file = ProjectFile.create(path)
        self._set_up()
        self.heard: list[Diff] = []
        self.misheard: list[Change] = []
        self.view: dict[tuple[str, Any], Any] = {}  # what a view knows that only ever hears of changes
        self.file.document.subscribe(self.hear)
        self.done: list[tuple[str | None, dict]] = []  # (group, state before)
        self.undone: list[tuple[str | None, dict]] = []  # (group, state after)
        self.state: dict[tuple[str, Any], Any] = {}
        self.num_refused = 0
        with self.document.edit("Begin", group="begin"):
            video = self.document.new_id("videos")
            self.document.put(Video(video, "a.mp4", WIDTH, HEIGHT, FRAMES))
            self.document.put(Category(self.document.new_id("categories"), "dog"))
        self._succeeded("begin", self.look())

    @property
    def document(self) -> Document:
        return self.file.document

    def look(self) -> dict[tuple[str, Any], Any]:
        """Everything the open document says."""
        return snapshot(self.document, self.seen)

    def hear(self, diff: Diff) -> None:
        """What every view does: note the change. It hears of each one once, and in order."""
        self.heard.append(diff)
        for change in diff.changes:
            if self.view.get((change.table, change.key)) != change.before:
                self.misheard.append(change)  # a listener that raises would only be reported
            if change.after is None:
                del self.view[change.table, change.key]
            else:
                self.view[change.table, change.key] = change.after

    # Steps

    def edit(self, draw: random.Random) -> None:
        """A valid edit of some records, through put and remove."""
        group = draw.choice([None, None, "g", "h"])
        wanted = dict(self.state)
        with self.document.edit("Edit", group=group):
            for _ in range(draw.randrange(4)):
                self._write(draw, wanted)
        self._succeeded(group, wanted)

    def failing_edit(self, draw: random.Random) -> None:
        """An exception inside the block."""
        wanted = dict(self.state)
        try:
            with self.document.edit("Fail"):
                for _ in range(1 + draw.randrange(3)):
                    self._write(draw, wanted)
                raise Deliberate
        except Deliberate:
            pass

    def wrong_edit(self, draw: random.Random) -> None:
        """A write that breaks a rule, after some that do not."""
        wanted = dict(self.state)
        wrong = [
            lambda: self.document.put(Track(self.document.new_id("tracks"), 99, 1)),
            lambda: self.document.put(MaskAnnotation(999, 0, Mask.empty(HEIGHT, WIDTH))),
            lambda: self.document.remove(next(iter(self.document.categories.values()))) or self._fail(),
            lambda: self.document.put(replace(next(iter(self.document.videos.values())), width=-1)),
            lambda: self.document.remove(ReviewNote(NoteId(10**6), 1, 0)),
        ]
        try:
            with self.document.edit("Wrong"):
                self._write(draw, wanted)
                draw.choice(wrong)()
                raise AssertionError("a rule was not kept")
        except (DocumentError, Deliberate):
            pass

    def refused(self, draw: random.Random) -> None:
        """The file gives up somewhere in the middle of its transaction (or, rarely, just after)."""
        step = draw.choice([self.edit, self.undo, self.redo, self.command])
        before = (list(self.done), list(self.undone), self.state)
        connection = self.file._store.connection
        connection.set_progress_handler(lambda: 1, draw.choice([1, 3, 10, 30, 100, 300]))
        try:
            step(draw)
        except ProjectFileError as error:
            if not isinstance(error.__cause__, sqlite3.Error):
                raise
            self.done, self.undone, self.state = before
            self.num_refused += 1
        finally:
            connection.set_progress_handler(None, 0)

    def undo(self, draw: random.Random) -> None:
        """Take one step back; the video itself stays."""
        if self.done and self.done[-1][0] == "begin":
            return
        diff = self.document.undo()
        assert (diff is not None) == bool(self.done)
        if self.done:
            group, before = self.done.pop()
            self.undone.append((group, self.state))
            self.state = before

    def redo(self, draw: random.Random) -> None:
        """Bring one step back."""
        diff = self.document.redo()
        assert (diff is not None) == bool(self.undone)
        if self.undone:
            group, after = self.undone.pop()
            self.done.append((group, self.state))
            self.state = after

    def command(self, draw: random.Random) -> None:
        """One of the commands; what it does is tested elsewhere, that it can be undone is tested here."""
        chosen = self._a_command(draw)
        if chosen is None:
            return
        try:
            chosen()
        except DocumentError:
            assert self.look() == self.state
            return
        self._succeeded(None, self.look())

    def model_run(self, draw: random.Random) -> None:
        """A short run in three chunks: one undo step."""
        document, video = self.document, next(iter(self.document.videos))
        human = {key: value for key, value in self.state.items() if _is_human(self.state, key, value)}
        run = start_run(document, video, first=0, last=FRAMES - 1, beside=draw.random() < 0.2)
        self._succeeded(f"run {run.id}", self.look())
        for first in range(0, FRAMES, 3):
            chunk = [
                PredictedFrame(frame, tuple(self._predictions(draw)), b"why")
                for frame in range(first, min(first + 3, FRAMES))
            ]
            add_predictions(document, run.id, chunk)
            self._succeeded(f"run {run.id}", self.look())
        finish_run(document, run.id)
        self._succeeded(f"run {run.id}", self.look())
        for key, value in human.items():
            assert self.state[key] == value, "a model run changed what a person made"
        assert document.evidence(run.id, FRAMES - 1) == b"why"

    def reopen(self, draw: random.Random) -> None:
        """Close and open: the state and the whole history are as before."""
        names = self.document.history.undo_names()
        self.file.close()
        self.file = ProjectFile.open(self.path)
        self._set_up()
        self.document.subscribe(self.hear)
        assert self.document.history.undo_names() == names

    def undo_all_and_back(self, draw: random.Random) -> None:
        """To the beginning of what is remembered and back."""
        count = sum(group != "begin" for group, _ in self.done)
        for _ in range(count):
            self.undo(draw)
            assert self.look() == self.state
        for _ in range(count):
            self.redo(draw)
            assert self.look() == self.state

    # Checks

    def check(self) -> None:
        """Memory holds what it should, and can undo and redo what it should."""
        assert self.look() == self.state
        assert not self.misheard
        history = self.document.history
        if self.budget is not None:  # the oldest steps may have been forgotten
            del self.done[: len(self.done) - len(history.undo_names())]
        assert (history.undo_name is not None) == bool(self.done)
        assert (history.redo_name is not None) == bool(self.undone)

    def check_file(self) -> None:
        """A second reader finds in the file what memory holds."""
        self.seen.clear()
        check_indexes(self.document)
        assert self.view == everything(self.document)
        assert len(self.document.history.undo_names()) == len(self.done)
        with ProjectFile.open(self.path, read_only=True) as other:
            assert snapshot(other.document) == self.state
            check_indexes(other.document)

    def close(self) -> None:
        self.file.close()

    # Inside

    def _set_up(self) -> None:
        """Forget what was seen, and commit without waiting for the disk: this is not about power cuts."""
        self.seen.clear()
        self.file._store.connection.execute("PRAGMA synchronous = OFF")
        if self.budget is not None:
            self.document.history.budget = self.budget

    def _fail(self) -> None:
        raise Deliberate

    def _succeeded(self, group: str | None, wanted: dict) -> None:
        if wanted == self.state:
            return
        if not (group is not None and self.done and self.done[-1][0] == group):
            self.done.append((group, self.state))
        self.undone.clear()
        self.state = wanted

    def _write(self, draw: random.Random, wanted: dict) -> None:
        """One valid put or remove, on the document and on the dictionary."""
        document = self.document
        ids = [key for table, key in wanted if table == "tracks"]
        what = draw.randrange(9)
        if what == 0 and len(ids) < 6:
            self._put(wanted, "tracks", Track(document.new_id("tracks"), 1, 1))
        elif what == 1 and ids:
            track = wanted["tracks", draw.choice(ids)]
            self._put(wanted, "tracks", replace(track, name=draw.choice("abc"), locked=draw.random() < 0.2))
        elif what in (2, 3, 4) and ids:
            mask = a_mask(draw)
            annotation = MaskAnnotation(
                draw.choice(ids),
                draw.randrange(FRAMES),
                mask,
                source=draw.choice(["manual", "detected", "imported"]),
                score=draw.choice([None, 0.25, 0.75]),
                box=draw.choice([None, (1.0, 2.0, 3.5, 4.0)]),
                locked=draw.random() < 0.1,
                occlusion=draw.choice(["none", "slight", "severe"]),
                extra=draw.choice([{}, {"a": [1, {"b": None}]}]),
            )
            self._put(wanted, "annotations", annotation)
        elif what == 5:
            keys = [key for table, key in wanted if table == "annotations"]
            if keys:
                key = draw.choice(keys)
                document.remove_row(*key)
                del wanted["annotations", key]
        elif what == 6:
            note = ReviewNote(
                document.new_id("notes"), 1, draw.randrange(FRAMES), comments=(Comment("", "x"),)
            )
            self._put(wanted, "notes", note)
        elif what == 7:
            state = FrameState(1, draw.randrange(FRAMES), draw.random() < 0.5)
            self._put(wanted, "frame_states", state)
        else:
            self._remove_something(draw, wanted)

    def _put(self, wanted: dict, table: str, record: Any) -> None:
        self.document.put(record)
        if table == "annotations":
            wanted[table, (record.track, record.frame)] = record
        else:
            wanted[table, (record.video, record.frame) if table == "frame_states" else record.id] = record

    def _remove_something(self, draw: random.Random, wanted: dict) -> None:
        used = {key[0] for table, key in wanted if table == "annotations"}
        free = [
            (table, key)
            for table, key in wanted
            if table in ("notes", "frame_states") or (table == "tracks" and key not in used)
        ]
        if free:
            chosen = draw.choice(free)
            self.document.remove(wanted.pop(chosen))

    def _a_command(self, draw: random.Random) -> Callable[[], Any] | None:
        document = self.document
        ids = list(document.tracks)
        if len(ids) < 2:
            return None
        a, b = draw.sample(ids, 2)
        frame = draw.randrange(FRAMES)
        scope = draw.choice(
            [Scope.this_frame(frame), Scope.from_here_on(frame), Scope.whole_track(), Scope.frames(0, frame)]
        )
        policy = draw.choice(["keep_first", "keep_second", "union", "by_score"])
        move = draw.choice(["swap", "replace", "keep"])
        return draw.choice(
            [
                lambda: identity.merge_tracks(document, a, b, policy),
                lambda: identity.split_track(document, a, frame),
                lambda: identity.swap_tracks(document, a, b, scope),
                lambda: identity.reassign(document, a, draw.choice([b, None]), scope, move),
                lambda: identity.trim_track(document, a, 0, frame),
                lambda: identity.delete_masks(document, [a, b], scope),
                lambda: tracks.delete_tracks(document, [a]),
                lambda: masks.paint(document, a, frame, a_mask(draw)),
                lambda: masks.erase(document, a, frame, a_mask(draw)),
                lambda: masks.fill_holes(document, a, scope),
                lambda: masks.drop_specks(document, a, scope, min_area=4),
                lambda: masks.lock_masks(document, a, scope, locked=draw.random() < 0.3),
                lambda: masks.set_mask(document, a, frame, a_mask(draw)),
                lambda: masks.grow(document, a, scope, draw.choice([-1, 1])),
                lambda: masks.join_masks(document, a, b, frame),
                lambda: masks.subtract_others(document, a, frame, from_others=draw.random() < 0.5),
                lambda: masks.accept(document, a, scope),
                lambda: masks.reject(document, a, scope),
                lambda: masks.set_outside(document, a, scope, outside=draw.random() < 0.5),
                lambda: masks.set_occlusion(document, a, scope, "severe"),
                lambda: masks.slice_mask(document, a, frame, [(0, 0), (WIDTH, HEIGHT)]),
                lambda: frames.copy_mask(document, a, frame, scope),
                lambda: frames.paste_mask(document, a, scope, a_mask(draw)),
                lambda: frames.extend_track(document, a, frame),
                lambda: tracks.create_track(document, 1, 1) if len(ids) < 6 else None,
                lambda: tracks.rename_track(document, a, draw.choice("xyz")),
                lambda: tracks.recolour_tracks(document, [a, b], draw.choice([None, (1, 2, 3)])),
                lambda: tracks.set_locked(document, [a, b], draw.random() < 0.3),
                lambda: tracks.set_hidden(document, [a, b], draw.random() < 0.5),
                lambda: tracks.set_track_reviewed(document, [a], draw.random() < 0.5),
                lambda: review.add_note(document, 1, frame, "look", track=draw.choice([a, None])),
                lambda: review.set_frames_reviewed(document, 1, [frame], reviewed=draw.random() < 0.5),
                lambda: videos.create_category(document, draw.choice("pqr")),
                lambda: frames.interpolate(document, a, scope),
            ]
        )

    def _predictions(self, draw: random.Random) -> list[Prediction]:
        numbers = draw.sample(range(4), draw.randrange(4))
        return [Prediction(n, 1, a_mask(draw), draw.random(), box=(0.0, 0.0, 1.0, 1.0)) for n in numbers]


def _is_human(state: dict, key: tuple[str, Any], value: Any) -> bool:
    if key[0] != "annotations":
        return False
    locked = state["tracks", key[1][0]].locked
    return value.is_human or value.source == "imported" or locked
