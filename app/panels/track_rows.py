"""What the track table shows, and the search line's small language. No Qt.

``cat:dog score<0.5 frames>10 is:locked 3`` — words are joined by "and"; a bare word is looked for in
the name, the category and the number; ``-`` before a word turns it around.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class TrackRow:
    """One track of the video. score: mean over its frames, NaN without any."""

    track: int
    number: int
    name: str
    category: str
    colour: tuple[int, int, int]
    frames: int
    first: int
    last: int
    gaps: int
    score: float
    human: int
    locked: bool
    hidden: bool
    reviewed: bool


NUMBERS: dict[str, Callable[[TrackRow], float]] = {
    "score": lambda row: row.score,
    "frames": lambda row: row.frames,
    "first": lambda row: row.first,
    "last": lambda row: row.last,
    "gaps": lambda row: row.gaps,
    "human": lambda row: row.human,
    "id": lambda row: row.number,
}
FLAGS: dict[str, Callable[[TrackRow], bool]] = {
    "locked": lambda row: row.locked,
    "hidden": lambda row: row.hidden,
    "reviewed": lambda row: row.reviewed,
    "human": lambda row: row.human > 0,
}
COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    ":": operator.eq,
}
TERM = re.compile(r"(?P<field>[a-z]+)(?P<sign><=|>=|<|>|=|:)(?P<value>.+)")


def matches(row: TrackRow, query: str) -> bool:
    """True when every word of the query holds for the row; a word that makes no sense never holds."""
    for word in query.lower().split():
        wanted = not word.startswith("-")
        if _word_holds(row, word.lstrip("-")) != wanted:
            return False
    return True


def _word_holds(row: TrackRow, word: str) -> bool:
    term = TERM.fullmatch(word)
    if term is None:
        return word in row.name.lower() or word in row.category.lower() or word == str(row.number)
    field, sign, value = term.group("field", "sign", "value")
    if field in ("cat", "category") and sign in (":", "="):
        return value in row.category.lower()
    if field == "name" and sign in (":", "="):
        return value in row.name.lower()
    if field == "is" and sign == ":":
        return value in FLAGS and FLAGS[value](row)
    if field in NUMBERS:
        try:
            return bool(COMPARE[sign](NUMBERS[field](row), float(value)))
        except ValueError:
            return False
    return False
