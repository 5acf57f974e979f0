"""JSON from strangers: read without surprises, and every complaint names the place.

A file that is cut, nested without end, or holds numbers no machine keeps is a ``FormatError``, not a crash.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stmask_core.errors import FormatError

LARGEST_ID = (1 << 63) - 1  # what SQLite and every other tool can hold


def load_json(path: str | os.PathLike[str]) -> Any:
    """The value in a JSON file (UTF-8, with or without a byte-order mark); FormatError when it is none."""
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path.name}: byte {error.start} is not UTF-8 text.") from error
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror}).") from error
    return parse_json(text, path.name)


def parse_json(text: str, name: str) -> Any:
    """The value in a JSON text; ``name`` stands at the head of error messages."""
    try:
        return json.loads(text)
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
    """``value`` as a whole number of at most 63 bits; ``7.0`` and ``"7"`` count as 7."""
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
        raise FormatError(f"{place}: the number does not fit 63 bits.")
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


def rest_of(value: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The fields of an object that we have no name for, kept for the way back."""
    return {key: field for key, field in value.items() if key not in known}


def _hint_for(text: str) -> str:
    return "The file seems to be cut off." if text.strip() and text.rstrip()[-1] not in "]}" else ""


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "true/false", dict: "an object", list: "a list", str: "text"}
    return names.get(type(value), "a number")
