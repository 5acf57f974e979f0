"""Records and recorded changes as JSON, and back with every value checked."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, get_args

from stmask_core.document.annotation_table import KNOWN_FLAGS, Row
from stmask_core.document.changes import TABLE_OF, Change, Focus, Key, TableName, key_of
from stmask_core.document.records import SOURCES, MaskAnnotation, Record, TrackId, VideoId
from stmask_core.errors import DocumentError, ProjectFileError
from stmask_core.formats.project.connection import RESCUE

RECORD_OF: dict[str, type] = {table: record for record, table in TABLE_OF.items()}
_PLAIN = {"extra", "settings"}  # free JSON, kept as it is
_IDS = ("id", "video", "category")
MAX_CHANGES_BYTES = 1 << 30
BELIEVED_BYTES = 1 << 26  # of one edit's changes, however small they are packed
MOST_SQUEEZED = 100  # changes shrink to about a sixth; beyond the above a hundredth is a bomb


def record_to_json(record: Record) -> str:
    """One record as JSON text."""
    return json.dumps(_record_values(record), ensure_ascii=False)


def record_from_json(table: TableName, key: Key, text: str) -> Record:
    """Read and check one record; ProjectFileError when it cannot be one of ours."""
    try:
        record = _record(table, json.loads(text))
        if key_of(record) != key:
            raise ValueError("its number is not the one it is stored under")
    except (TypeError, ValueError, KeyError, OverflowError, RecursionError, DocumentError) as error:
        raise damaged(f"record {key} of {table}: {error}") from error
    return record


def changes_to_bytes(changes: Sequence[Change]) -> bytes:
    """The changes of one edit, compressed."""
    values = [[c.table, c.key, _state_values(c.before), _state_values(c.after)] for c in changes]
    return zlib.compress(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode(), 1)


def changes_from_bytes(data: bytes) -> tuple[Change, ...]:
    """Read and check the changes of one edit."""
    try:
        unpack = zlib.decompressobj()
        text = unpack.decompress(data, min(max(BELIEVED_BYTES, MOST_SQUEEZED * len(data)), MAX_CHANGES_BYTES))
        if not unpack.eof:
            raise ValueError("it does not end")
        return tuple(_change(*item) for item in json.loads(text))
    except (zlib.error, TypeError, ValueError, KeyError, RecursionError, DocumentError) as error:
        raise damaged(f"a step of the undo history: {error}") from error


def focus_to_json(focus: Focus | None) -> str | None:
    """Where an edit happened, as JSON text."""
    return None if focus is None else json.dumps([focus.video, focus.frame, list(focus.tracks)])


def focus_from_json(text: str | None) -> Focus | None:
    """Read and check where an edit happened."""
    if text is None:
        return None
    try:
        video, frame, tracks = json.loads(text)
        numbers = [video, *tracks, 0 if frame is None else frame]
        if not all(type(number) is int for number in numbers):
            raise ValueError("not numbers")
    except (TypeError, ValueError, RecursionError) as error:
        raise damaged(f"the place of an edit: {error}") from error
    return Focus(VideoId(video), frame, tuple(TrackId(track) for track in tracks))


def checked_row(values: Sequence[Any]) -> Row:
    """A row from its six stored values."""
    row = Row(*values)
    numbers = (row.body, row.source, row.flags, row.run, row.area)
    if not all(type(number) is int for number in numbers):
        raise ValueError("an annotation's columns are not numbers")
    if row.score is not None and not (type(row.score) in (int, float) and math.isfinite(row.score)):
        raise ValueError("an annotation's score is not a number")
    fits = 0 <= row.source < len(SOURCES) and row.flags & ~KNOWN_FLAGS == 0 and row.flags >> 3 < 3
    if not (fits and 0 < row.body < 1 << 62 and 0 <= row.run < 1 << 31 and 0 <= row.area < 1 << 31):
        raise ValueError("an annotation's columns are out of range")
    return row if row.score is None else row._replace(score=float(row.score))


def damaged(where: str) -> ProjectFileError:
    """The error for something inside a project file that cannot be ours."""
    return ProjectFileError(f"The project file is damaged ({where}).", RESCUE)


def _record_values(record: Record) -> dict[str, Any]:
    values = {f.name: getattr(record, f.name) for f in fields(record)}
    return {name: dict(v) if isinstance(v, Mapping) else v for name, v in values.items()}


def _record(table: str, values: Any) -> Record:
    cls = RECORD_OF[table]
    assert cls is not MaskAnnotation
    if not isinstance(values, dict):
        raise ValueError("it is not an object")
    arguments = {name: v if name in _PLAIN else _as_tuple(v) for name, v in values.items()}
    for name in _IDS:
        if name in arguments and not (type(arguments[name]) is int and 0 < arguments[name] < 1 << 31):
            raise ValueError(f"its {name} is not a number")
    return cls(**arguments)


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


def _state_values(state: Record | Row | None) -> Any:
    if state is None or isinstance(state, Row):
        return state  # JSON writes a Row as a list
    return _record_values(state)


def _change(table: Any, key: Any, before: Any, after: Any) -> Change:
    if table not in get_args(TableName):
        raise ValueError("an unknown table")
    key = _as_tuple(key)
    numbers = key if isinstance(key, tuple) else (key,)
    pair = table in ("annotations", "frame_states")
    if len(numbers) != (2 if pair else 1) or not all(type(n) is int and 0 <= n < 1 << 31 for n in numbers):
        raise ValueError("an impossible key")
    return Change(table, key, _state(table, key, before), _state(table, key, after))


def _state(table: TableName, key: Key, values: Any) -> Record | Row | None:
    if values is None:
        return None
    if table == "annotations":
        return checked_row(values)
    record = _record(table, values)
    if key_of(record) != key:
        raise ValueError("a record under another's number")
    return record
