"""JSON from strangers: read without surprises, and every complaint names the place.

A file that is cut, nested without end, or holds numbers no machine keeps is a ``FormatError``, not a crash.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

from stmask_core.errors import FormatError

Decoder = Callable[[str, int], tuple[Any, int]]  # text, place of a value -> the value, place behind it
LARGEST_ID = (1 << 62) - 1  # what SQLite and every other tool can hold

_DECODER = json.JSONDecoder()
_BLANKS = re.compile(r"[ \t\n\r]*")


def read_text(path: str | os.PathLike[str]) -> str:
    """A UTF-8 file, with or without a byte-order mark; FormatError when it cannot be read as one."""
    path = Path(path)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path.name}: byte {error.start} is not UTF-8 text.") from error
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror}).") from error


def load_json(path: str | os.PathLike[str]) -> Any:
    """The value in a JSON file; FormatError when it is none."""
    return parse_json(read_text(path), Path(path).name)


def parse_json(text: str, name: str) -> Any:
    """The value in a JSON text; ``name`` stands at the head of error messages."""
    with _translated(text, name):
        return json.loads(text)


def stream_json(
    text: str, name: str, decoders: Mapping[str, Decoder] | None = None
) -> Iterator[tuple[str, int, Any]]:
    """(key, -1, value) of each field of a JSON object, but a list element by element: (key, i, element).

    So a file of a hundred thousand masks is never in memory as objects all at once. A JSON list streams as if
    it were the one field ``""``; an empty list gives nothing but its (key, -1, []). decoders: by key, for the
    elements of that list.
    """
    decoders = decoders or {}
    with _translated(text, name):
        at = _skip(text, 0)
        if text[at : at + 1] == "[":
            end = yield from _stream_list(text, at, "", decoders.get("", decode_json))
        elif text[at : at + 1] == "{":
            end = yield from _stream_object(text, at, decoders)
        else:
            _, end = decode_json(text, at)
            raise FormatError(f"{name}: JSON, but neither an object nor a list.")
        if _skip(text, end) != len(text):
            raise json.JSONDecodeError("Extra data", text, end)


def _stream_object(
    text: str, at: int, decoders: Mapping[str, Decoder]
) -> Generator[tuple[str, int, Any], None, int]:
    at, ended = _begin(text, at, "}")
    while not ended:
        key, at = _key(text, at)
        if text[at : at + 1] == "[":
            at = yield from _stream_list(text, at, key, decoders.get(key, decode_json))
        else:
            value, at = decode_json(text, at)
            yield key, -1, value
        at, ended = _go_on(text, at, "}")
    return at


def _stream_list(text: str, at: int, key: str, decode: Decoder) -> Generator[tuple[str, int, Any], None, int]:
    at, ended = _begin(text, at, "]")
    if ended:
        yield key, -1, []
    index = 0
    while not ended:
        value, at = decode(text, at)
        yield key, index, value
        index += 1
        at, ended = _go_on(text, at, "]")
    return at


def decode_json(text: str, at: int) -> tuple[Any, int]:
    """The value that begins at a place, and the place behind it."""
    return _DECODER.raw_decode(text, at)


def decode_object(text: str, at: int, decoders: Mapping[str, Decoder]) -> tuple[Any, int]:
    """Like ``decode_json``; of an object, the values of these keys by their own decoders."""
    if text[at : at + 1] != "{":
        return decode_json(text, at)
    found: dict[str, Any] = {}
    at, ended = _begin(text, at, "}")
    while not ended:
        key, at = _key(text, at)
        found[key], at = decoders.get(key, decode_json)(text, at)
        at, ended = _go_on(text, at, "}")
    return found, at


def decode_list(text: str, at: int, decode: Decoder) -> tuple[Any, int]:
    """Like ``decode_json``; of a list, the elements by their own decoder."""
    if text[at : at + 1] != "[":
        return decode_json(text, at)
    found: list[Any] = []
    at, ended = _begin(text, at, "]")
    while not ended:
        value, at = decode(text, at)
        found.append(value)
        at, ended = _go_on(text, at, "]")
    return found, at


def _key(text: str, at: int) -> tuple[str, int]:
    """A field's key, and the place of its value."""
    if text[at : at + 1] != '"':
        raise json.JSONDecodeError("Expecting property name", text, at)
    key, at = decode_json(text, at)
    at = _skip(text, at)
    if text[at : at + 1] != ":":
        raise json.JSONDecodeError("Expecting ':' delimiter", text, at)
    return key, _skip(text, at + 1)


def _begin(text: str, at: int, closing: str) -> tuple[int, bool]:
    """Behind an opening bracket: the first element's place, or the place behind and True when it is empty."""
    at = _skip(text, at + 1)
    return (at + 1, True) if text[at : at + 1] == closing else (at, False)


def _go_on(text: str, at: int, closing: str) -> tuple[int, bool]:
    """Behind an element: the next one's place, or the place behind the closing bracket and True."""
    at = _skip(text, at)
    if text[at : at + 1] == closing:
        return at + 1, True
    if text[at : at + 1] != ",":
        raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
    return _skip(text, at + 1), False


def _skip(text: str, at: int) -> int:
    """The next place that is not white space."""
    match = _BLANKS.match(text, at)
    assert match is not None
    return match.end()


@contextlib.contextmanager
def _translated(text: str, name: str) -> Iterator[None]:
    """What the JSON decoder raises, as a FormatError that names the line."""
    try:
        yield
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        message = f"{name}: not valid JSON at {where} ({error.msg})."
        raise FormatError(message, _hint_for(text)) from error
    except RecursionError as error:
        raise FormatError(f"{name}: JSON nested too deeply to be an annotation file.") from error
    except ValueError as error:  # a number of thousands of digits
        raise FormatError(f"{name}: JSON holds a number that is too long ({error}).") from error


def as_object(value: Any, place: str) -> Mapping[str, Any]:
    """``value`` as a JSON object."""
    if not isinstance(value, dict):
        raise FormatError(f"{place}: expected an object, found {_kind(value)}.")
    return value


def as_list(value: Any, place: str) -> list[Any]:
    """``value`` as a JSON list."""
    if not isinstance(value, list):
        raise FormatError(f"{place}: expected a list, found {_kind(value)}.")
    return value


def as_int(value: Any, place: str) -> int:
    """``value`` as a whole number of at most 62 bits; ``7.0`` and ``"7"`` count as 7."""
    if isinstance(value, str) and value.strip().lstrip("-").isascii() and len(value) < 20:
        try:
            value = int(value)
        except ValueError:
            raise FormatError(f"{place}: expected a whole number, found the text {value!r}.") from None
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise FormatError(f"{place}: expected a whole number, found {_kind(value)}.")
    if abs(value) > LARGEST_ID:
        raise FormatError(f"{place}: the number does not fit 62 bits.")
    return value


def as_number(value: Any, place: str) -> float:
    """``value`` as a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FormatError(f"{place}: expected a number, found {_kind(value)}.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise FormatError(f"{place}: the number is not finite.")
    return number


def as_text(value: Any, place: str) -> str:
    """``value`` as text that can be written to a file again (no lone surrogate, no NUL)."""
    if not isinstance(value, str):
        raise FormatError(f"{place}: expected text, found {_kind(value)}.")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise FormatError(f"{place}: the text holds half a character (a lone surrogate).") from error
    if "\0" in value:
        raise FormatError(f"{place}: the text holds a NUL character.")
    return value


def text_or(value: Any, otherwise: str, place: str) -> str:
    """``value`` like ``as_text`` when it is text, else ``otherwise``."""
    return as_text(value, place) if isinstance(value, str) else otherwise


def rest_of(value: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The fields of an object that we have no name for, as far as JSON can write them again."""
    return {key: field for key, field in value.items() if key not in known and _is_writable(key, field)}


def _is_writable(key: str, field: Any) -> bool:
    """False for NaN, infinities, half characters and bottomless nesting."""
    try:
        json.dumps({key: field}, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def _hint_for(text: str) -> str:
    return "The file seems to be cut off." if text.strip() and text.rstrip()[-1] not in "]}" else ""


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "true/false", dict: "an object", list: "a list", str: "text"}
    return names.get(type(value), "a number")
