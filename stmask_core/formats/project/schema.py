"""The tables of a project file, and one function per step from an older version to the next.

A file's schema must equal ours to the letter: a file with triggers, views or other tables is refused, so no
SQL that a stranger wrote is ever run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from stmask_core.errors import ProjectFileError

APPLICATION_ID = 0x53544D61  # "STMa"
VERSION = 2

_TABLES_1 = (
    "CREATE TABLE numbers (name TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE videos (id INTEGER PRIMARY KEY, data TEXT NOT NULL) STRICT",
    "CREATE TABLE categories (id INTEGER PRIMARY KEY, data TEXT NOT NULL) STRICT",
    "CREATE TABLE tracks (id INTEGER PRIMARY KEY, data TEXT NOT NULL) STRICT",
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, data TEXT NOT NULL) STRICT",
    "CREATE TABLE runs (id INTEGER PRIMARY KEY, data TEXT NOT NULL) STRICT",
    "CREATE TABLE frame_states (video INTEGER NOT NULL, frame INTEGER NOT NULL, data TEXT NOT NULL,"
    " PRIMARY KEY (video, frame)) STRICT, WITHOUT ROWID",
    "CREATE TABLE annotations (track INTEGER NOT NULL, frame INTEGER NOT NULL, body INTEGER NOT NULL,"
    " source INTEGER NOT NULL, flags INTEGER NOT NULL, score REAL, run INTEGER NOT NULL,"
    " area INTEGER NOT NULL, PRIMARY KEY (track, frame)) STRICT, WITHOUT ROWID",
    "CREATE TABLE bodies (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT",
    "CREATE TABLE history (number INTEGER PRIMARY KEY, name TEXT NOT NULL, group_name TEXT, focus TEXT,"
    " cost INTEGER NOT NULL, changes BLOB NOT NULL) STRICT",
)
_EVIDENCE_1 = (
    "CREATE TABLE evidence (run INTEGER NOT NULL, frame INTEGER NOT NULL, data BLOB NOT NULL,"
    " PRIMARY KEY (run, frame)) STRICT"
)
_EVIDENCE_2 = (
    "CREATE TABLE evidence (run INTEGER NOT NULL, frame INTEGER NOT NULL, kind TEXT NOT NULL,"
    " data BLOB NOT NULL, PRIMARY KEY (run, frame, kind)) STRICT"
)
SCHEMAS: dict[int, tuple[str, ...]] = {1: (*_TABLES_1, _EVIDENCE_1), 2: (*_TABLES_1, _EVIDENCE_2)}


def create_schema(connection: sqlite3.Connection, version: int = VERSION) -> None:
    """Make the tables of ``version`` in an empty database."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")
    for statement in SCHEMAS[version]:
        connection.execute(statement)


def version_of(connection: sqlite3.Connection, name: str) -> int:
    """The version of the file ``name``; ProjectFileError if no project, too new, or not built as ours are."""
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application_id != APPLICATION_ID:
        raise ProjectFileError(f"{name} is not an STMask project.", "Choose a file that ends in .stm.")
    if version > VERSION:
        raise ProjectFileError(
            f"{name} was written by a newer STMask Annotator (format {version}, known: {VERSION}).",
            "Update STMask Annotator to open it.",
        )
    if version not in SCHEMAS or _objects_of(connection) != _expected_objects(version):
        raise ProjectFileError(
            f"The tables inside {name} are not the ones STMask Annotator makes.",
            "The file was altered by another program or is damaged; open a backup.",
        )
    return int(version)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring an older file to VERSION in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in range(version, VERSION):
            MIGRATIONS[step](connection)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _from_1_to_2(connection: sqlite3.Connection) -> None:
    """Evidence gets a kind, so that predictions a person's mask kept out can lie beside it."""
    connection.execute("ALTER TABLE evidence RENAME TO evidence_1")
    connection.execute(_EVIDENCE_2)
    connection.execute("INSERT INTO evidence SELECT run, frame, 'evidence', data FROM evidence_1")
    connection.execute("DROP TABLE evidence_1")


MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _from_1_to_2}


def _objects_of(connection: sqlite3.Connection) -> list[tuple]:
    query = (
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY name"
    )
    return connection.execute(query).fetchall()


def _expected_objects(version: int) -> list[tuple]:
    model = sqlite3.connect(":memory:", isolation_level=None)
    try:
        create_schema(model, version)
        return _objects_of(model)
    finally:
        model.close()
