"""The project file ``.stm``: create, open, save a copy, rescue. There is no "unsaved": every edit is on disk.

The front door of the package ``project`` beside it. A damaged file is opened read-only and never written; a
newer one is refused; a second process may look but not write.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from types import TracebackType

from stmask_core.document.document import Document
from stmask_core.errors import ProjectFileError
from stmask_core.formats.atomic import atomic_path, refusals_in_words
from stmask_core.formats.project.connection import (
    Journal,
    connect,
    connect_and_read,
    connect_to_read,
    finds_no_room,
    leave_nothing_behind,
    may_write,
    set_journal,
    translated,
)
from stmask_core.formats.project.lock import WriterLock
from stmask_core.formats.project.places import in_another_folder
from stmask_core.formats.project.record_codec import record_to_json
from stmask_core.formats.project.rescue import RescueReport, open_for_rescue, rescue_into
from stmask_core.formats.project.schema import VERSION, create_schema, migrate, version_of
from stmask_core.formats.project.store import ProjectStore

SWEEP_FROM = 64 << 20  # bytes of garbage worth a sweep on closing


class ProjectFile:
    """An open project: its document and the file that keeps it. Close it, or use it as a context manager."""

    def __init__(self, store: ProjectStore, lock: WriterLock | None) -> None:
        self._store = store
        self._lock = lock
        self._closed = False
        try:
            self.document = Document(store)
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, journal: Journal = "auto") -> ProjectFile:
        """Make a new, empty project. ProjectFileError when the name is taken or the folder refuses."""
        target = _behind_links(Path(path))
        if target.exists():
            raise ProjectFileError(f"{target} exists already.", "Choose another name, or open it.")
        lock = _take_lock(target)
        try:
            connection = _new_database(target, journal)
        except BaseException:
            lock.release()
            raise
        return cls(ProjectStore(connection, target), lock)

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, read_only: bool = False, journal: Journal = "auto"
    ) -> ProjectFile:
        """Open a project; migrates an older one.

        A damaged file, or one in a folder that cannot be written, is opened read-only: ask
        ``read_only_reason``. Raises ProjectFileError for a file that is no project, is newer than this
        program, is too damaged to read (then ``rescue`` may help), or is open for editing elsewhere.
        """
        target = _behind_links(Path(path))
        if not target.is_file():
            raise ProjectFileError(f"There is no project {target}.", "Check the path.")
        if read_only:
            return _open_read_only(target, "it was opened read-only.")
        try:
            lock = WriterLock(target)
        except OSError:
            return _open_read_only(target, "its folder cannot be written.")
        try:
            if not may_write(target):
                lock.release()
                return _open_read_only(target, "the file cannot be written.")
            version, damage = _inspect(target)
            if damage:
                lock.release()
                return _open_read_only(target, f"the file is damaged ({damage}).")
            connection = _connect_to_write(target, version, journal)
        except BaseException as error:
            lock.release()
            if isinstance(error, ProjectFileError) and finds_no_room(error.__cause__):
                return _open_read_only(target, "its disk is full, or refuses to write.")
            raise
        try:
            return cls(ProjectStore(connection, target), lock)
        except ProjectFileError as error:  # a sound database, but not all in it is ours
            return _open_read_only(target, f"not all of it can be read. {error.message}")

    @classmethod
    def in_memory(cls) -> ProjectFile:
        """A project without a file, for scratch work and tests; ``save_copy`` puts it on disk."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        create_schema(connection)
        return cls(ProjectStore(connection, None), None)

    @property
    def path(self) -> Path | None:
        """Where the file is; None in memory."""
        return self._store.path

    @property
    def read_only_reason(self) -> str:
        """Why nothing can be changed; empty when everything can."""
        return self._store.read_only_reason

    def save_copy(self, path: str | os.PathLike[str]) -> Path:
        """Write the whole project, undo history included, under another name; atomic.

        The copy finds the videos where they are, also from another folder. Raises WriteError when the place
        refuses.
        """
        target = Path(path)
        if self.path is not None and target.exists() and os.path.samefile(target, self.path):
            raise ProjectFileError(f"{target} is this very project.", "Choose another name.")
        with refusals_in_words(target), atomic_path(target) as beside, translated(target):
            beside.touch()  # a folder that refuses says so in its own words, not in SQLite's
            copy = sqlite3.connect(beside, isolation_level=None)
            try:
                self._store.connection.backup(copy)
                if self.path is not None:
                    _move_home(copy, self.document, self.path.parent, target.parent)
                copy.execute("PRAGMA journal_mode = DELETE")
            finally:
                copy.close()
        return target

    def compact(self) -> None:
        """Remove what nothing refers to any more and give the space back to the disk."""
        self._store.sweep()
        with translated(self.path or Path("project")):
            self._store.connection.execute("VACUUM")

    def close(self) -> None:
        """Close the file and give the writer's place back; does nothing the second time."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._lock is not None and hasattr(self, "document"):
                with contextlib.suppress(ProjectFileError):  # a full disk: then the space comes back later
                    self._sweep_if_worth_it()
        finally:
            self._store.close()
            if self._lock is not None:
                self._lock.release()

    def _sweep_if_worth_it(self) -> None:
        still_there = self.path is not None and self.path.exists()
        if still_there and self._store.garbage_bytes() > SWEEP_FROM:
            self._store.sweep()

    def __enter__(self) -> ProjectFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def rescue(path: str | os.PathLike[str], out: str | os.PathLike[str]) -> RescueReport:
    """Bring what is readable of a damaged project into a new one, ``out``; the old file is not touched."""
    damaged_store = open_for_rescue(Path(path))
    try:
        with ProjectFile.create(out) as project:
            homes = (Path(path).parent, Path(out).parent)
            return rescue_into(damaged_store.connection, project.document, homes)
    finally:
        damaged_store.close()


def remove_project(path: str | os.PathLike[str]) -> None:
    """Remove a closed project with what SQLite leaves beside it when a full disk did not let it tidy up."""
    target = Path(path)
    for ending in ("", "-wal", "-shm", "-journal"):
        target.with_name(target.name + ending).unlink(missing_ok=True)


def _move_home(copy: sqlite3.Connection, document: Document, old: Path, new: Path) -> None:
    """Write the videos' places down as the copy's folder sees them."""
    videos = [in_another_folder(video, old, new) for video in document.videos.values()]
    rows = [(record_to_json(video), video.id) for video in videos]
    copy.executemany("UPDATE videos SET data = ? WHERE id = ?", rows)


def _behind_links(path: Path) -> Path:
    """The file that a link leads to: lock, journal and the videos' places belong to the file itself."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _new_database(path: Path, journal: Journal) -> sqlite3.Connection:
    """A connection to a new file with our tables; no file is left when the disk refuses it."""
    try:
        with translated(path):
            connection = connect(path, "rwc")
            try:
                set_journal(connection, path, journal)
                connection.execute("BEGIN")
                create_schema(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
    except BaseException:
        remove_project(path)
        raise
    return connection


def _take_lock(path: Path) -> WriterLock:
    try:
        return WriterLock(path)
    except OSError as error:
        raise ProjectFileError(
            f"No project can be written in {path.parent} ({error.strerror}).", "Choose another folder."
        ) from error


def _inspect(path: Path) -> tuple[int, str]:
    """(version, damage in words or empty) of a file, without writing a byte to it."""
    with translated(path):
        try:
            connection = connect_and_read(path, "ro")
        except sqlite3.OperationalError:
            connection = connect(path, "rw")  # a journal left by a crash has to be played back first
        try:
            version = version_of(connection, path.name)
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            connection.close()
            leave_nothing_behind(path)
    return version, "" if answer == "ok" else str(answer)


def _connect_to_write(path: Path, version: int, journal: Journal) -> sqlite3.Connection:
    """A connection to a sound file, brought to our version."""
    with translated(path):
        connection = connect(path, "rw")
        try:
            set_journal(connection, path, journal)
            if version < VERSION:
                migrate(connection, version)
        except BaseException:
            connection.close()
            raise
    return connection


def _open_read_only(path: Path, reason: str) -> ProjectFile:
    with translated(path):
        connection = connect_to_read(path)
        try:
            version = version_of(connection, path.name)
        except BaseException:
            connection.close()
            leave_nothing_behind(path)
            raise
    if version < VERSION:
        connection = _migrated_copy(connection, version)
    return ProjectFile(ProjectStore(connection, path, reason), None)


def _migrated_copy(old: sqlite3.Connection, version: int) -> sqlite3.Connection:
    """An older file in memory at our version, when the file itself may not be changed."""
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    old.backup(copy)
    old.close()
    migrate(copy, version)
    return copy
