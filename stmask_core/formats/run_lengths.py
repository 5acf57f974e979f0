"""Lists of run lengths between JSON text and arrays, without a Python number for each of them.

They are all but the whole of an annotation file with uncompressed masks: read and written number by number,
they would take most of the time of an import and an export.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from stmask_core.formats.json_reading import decode_json, decode_list
from stmask_core.structures.masks import Ints, Mask

_BLANKS = r"[ \t\n\r]*"
_SIDE = _BLANKS + r"([1-9][0-9]{0,8})" + _BLANKS
_SIZE = _BLANKS.join(('"size"', ":", rf"\[{_SIDE},{_SIDE}\]"))
_BEFORE = re.compile(_BLANKS.join((r"\{", f"(?:{_SIZE}{_BLANKS},{_BLANKS})?" + '"counts"', ":", r"\[")))
_BEHIND = re.compile(_BLANKS.join((r"\]", f"(?:,{_BLANKS}{_SIZE}{_BLANKS})?" + r"\}")))
_LISTED = np.array([f"{number}, " for number in range(4096)], "S6")  # as they are written


def decode_segmentations(text: str, at: int) -> tuple[Any, int]:
    """The list of masks that begins at a place of a JSON text, and the place behind it."""
    return decode_list(text, at, decode_segmentation)


def decode_segmentation(text: str, at: int) -> tuple[Any, int]:
    """The mask, or any other value, that begins at a place, and the place behind it.

    ``{"size": [h, w], "counts": [...]}`` in either order, as files have it, gets its counts as an int64
    array. Anything that is not just so is decoded as the JSON that it is, or is not.
    """
    before = _BEFORE.match(text, at)
    if before is None:
        return decode_json(text, at)
    start = before.end()
    stop = text.find("]", start)  # the list's own end or one inside it: never beyond this value
    behind = _BEHIND.match(text, stop) if stop >= 0 else None
    size = [*(before.groups() if before[1] else ()), *(behind.groups() if behind and behind[1] else ())]
    counts = _numbers(text[start:stop]) if behind is not None and len(size) == 2 else None
    if behind is None or counts is None:
        return decode_json(text, at)
    return {"size": [int(side) for side in size], "counts": counts}, behind.end()


def _numbers(text: str) -> Ints | None:
    """Whole numbers with one kind of separator, ``", "`` or ``","``; None for anything else."""
    try:
        raw = text.encode("ascii")
    except UnicodeEncodeError:
        return None
    between = raw.translate(None, b"0123456789")
    separator = b", " if between[:2] == b", " else b","
    count = len(between) // len(separator) + 1
    # None of JSON's errors (",,", "007", ",]"), nor a zero behind the first place, which no tidy mask has.
    if between != separator * (count - 1) or not raw[:1].isdigit() or not raw[-1:].isdigit():
        return None
    if separator + b"," in raw or separator + b"0" in raw or (raw[:1] == b"0" and raw[1:2].isdigit()):
        return None
    return np.fromstring(raw, np.int64, sep=",")  # a number beyond 64 bits becomes the largest


def counts_text(mask: Mask) -> str:
    """The run lengths of the whole image in COCO order as a JSON list."""
    counts = mask.coco_counts()
    between = counts[1:-1]
    if not len(between) or int(between.max()) >= len(_LISTED):
        return json.dumps(counts.tolist())
    text = _LISTED[between].tobytes().translate(None, b"\0").decode("ascii")
    return f"[{counts[0]}, {text}{counts[-1]}]"
