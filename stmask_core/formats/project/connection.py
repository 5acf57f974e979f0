"""Opening SQLite for a project: pragmas for untrusted files, journal by kind of disk, errors in words."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from stmask_core.errors import ProjectFileError

Journal = Literal["auto", "wal", "rollback"]
NETWORK_FILE_SYSTEMS = {
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "smb2", "9p", "afs", "ncpfs", "ceph", "glusterfs", "lustre",
    "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.gvfsd-fuse", "davfs", "virtiofs", "vboxsf", "drvfs",
}  # fmt: skip
RESCUE = "Bring what is readable into a new project: stmask validate PROJECT --rescue NEW."
MAX_VALUE_BYTES = 1 << 30  # one stored value; longer ones are refused before they are read


def connect(path: Path, mode: Literal["ro", "rw", "rwc"], *, immutable: bool = False) -> sqlite3.Connection:
    """A connection that runs no SQL found in the file. Autocommit; the caller begins transactions."""
    uri = f"{path.absolute().as_uri()}?mode={mode}" + ("&immutable=1" if immutable else "")
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0 if mode == "ro" else 1)
        for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA cache_size = -32768")  # 32 MiB of pages
        if sys.version_info >= (3, 12):
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing; call ``leave_nothing_behind`` after closing it.

    Reading a WAL file makes its journal and shared memory beside it. Where these could not be removed again
    (the file or its folder is not ours to write) and no journal is there, nobody who follows the rules is
    writing, and the file is read as it lies. Raises ProjectFileError when edits wait in a journal that cannot
    be read there.
    """
    journal = _beside(path, "-wal")
    if may_write(path) or journal.exists():
        with contextlib.suppress(sqlite3.OperationalError):
            return connect_and_read(path, "ro")
    if _size(journal) or _size(_beside(path, "-journal")):
        raise ProjectFileError(
            f"{path.name} was not closed properly, and its folder cannot be written.",
            "Copy it, and the files beside it whose names begin alike, to a folder of yours.",
        )
    return connect(path, "ro", immutable=True)


def leave_nothing_behind(path: Path) -> None:
    """Remove the empty journal that reading made, by SQLite's own rule: the last connection to close may.

    A connection that only reads never does. A journal with edits in it is not touched.
    """
    try:
        if _beside(path, "-wal").stat().st_size == 0 and may_write(path):
            connect_and_read(path, "rw").close()
    except (OSError, sqlite3.Error, UnicodeDecodeError):
        return


def may_write(path: Path) -> bool:
    """True when this process may write the file."""
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def connect_and_read(path: Path, mode: Literal["ro", "rw"]) -> sqlite3.Connection:
    """A connection that has read its first page: only then does SQLite open the journal."""
    connection = connect(path, mode)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _size(path: Path) -> int:
    """Bytes of a file; 0 when there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def set_journal(connection: sqlite3.Connection, path: Path, journal: Journal) -> None:
    """WAL on local disks, a rollback journal on network shares, where WAL's shared memory does not work.

    Either way each edit is flushed to the disk before it counts as made: without that a WAL file would be
    whole after a power cut, but lack the last edits.
    """
    connection.execute("PRAGMA synchronous = FULL")
    if journal == "wal" or (journal == "auto" and not is_on_network(path)):
        connection.execute("PRAGMA journal_mode = WAL")
        return
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # lets a WAL file be read without shared memory
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA locking_mode = NORMAL")
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # gives the exclusive lock back


def is_on_network(path: Path) -> bool:
    """True when the disk under ``path`` is, or may be, a network share."""
    path = path.absolute()
    if sys.platform == "win32":
        import ctypes

        return str(path).startswith("\\\\") or ctypes.windll.kernel32.GetDriveTypeW(path.anchor) == 4
    if sys.platform == "darwin":
        return path.parts[:2] == ("/", "Volumes")
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return file_system_of(os.path.realpath(path), mounts) in NETWORK_FILE_SYSTEMS


def file_system_of(path: str, mounts: str) -> str:
    """Type of the file system that holds ``path``, from the text of /proc/mounts; empty when unknown."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        place = fields[1].replace("\\040", " ").replace("\\011", "\t").rstrip("/")
        if len(place) >= best and (path == place or path.startswith(place + "/")):
            best, kind = len(place), fields[2]
    return kind


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ProjectFileError, in words, with their cause."""
    try:
        yield
    except sqlite3.Error as error:
        raise in_words(error, path) from error
    except UnicodeDecodeError as error:  # SQLite quotes a damaged schema, and Python cannot read the quote
        raise ProjectFileError(f"{path.name} is damaged (its list of tables is not text).", RESCUE) from error
    except UnicodeEncodeError as error:
        raise ProjectFileError(
            "A text holds half a character (a lone surrogate) and cannot be stored.", "Write it anew."
        ) from error


def finds_no_room(error: BaseException | None) -> bool:
    """True for what SQLite says when the disk will not take another byte, not even of its shared memory."""
    name = getattr(error, "sqlite_errorname", "") or ""
    return name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN"))


def in_words(error: sqlite3.Error, path: Path) -> ProjectFileError:
    """What an SQLite error means for the user."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name == "SQLITE_FULL":
        return ProjectFileError(f"The disk is full; {path.name} keeps its last state.", "Free some space.")
    if name.startswith("SQLITE_IOERR"):
        return ProjectFileError(
            f"The disk refused to read or write {path.name} ({error}).", "Is it full, or was it unplugged?"
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return ProjectFileError(f"{path.name} may not be written here.", "Save a copy elsewhere.")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return ProjectFileError(f"Another program holds {path.name}.", "Close it there and try again.")
    if name.startswith("SQLITE_NOTADB"):
        return ProjectFileError(f"{path.name} is not an STMask project.", "Choose a file that ends in .stm.")
    if name.startswith("SQLITE_CANTOPEN"):
        return ProjectFileError(f"{path.name} cannot be opened.", "Does it exist, and may you read it?")
    if name.startswith("SQLITE_CORRUPT") or isinstance(error, sqlite3.DatabaseError):
        return ProjectFileError(f"{path.name} is damaged ({error}).", RESCUE)
    return ProjectFileError(f"{path.name} cannot be used ({error}).", RESCUE)
