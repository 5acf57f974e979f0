"""Lists of run lengths between text and arrays: just what JSON says, or refused as JSON refuses it."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest

from stmask_core.formats.run_lengths import counts_text, decode_segmentation, decode_segmentations
from stmask_core.structures.masks import Mask


def _by_json(text: str) -> tuple[Any, int] | str:
    try:
        return json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        return str(error)


def _by_us(text: str) -> tuple[Any, int] | str:
    try:
        value, end = decode_segmentation(text, 0)
    except json.JSONDecodeError as error:
        return str(error)
    if isinstance(value, dict) and isinstance(value.get("counts"), np.ndarray):
        value = {**value, "counts": value["counts"].tolist()}
    return value, end


SPELLINGS = (
    '{"counts": [5, 3, 92], "size": [10, 10]}',
    '{"size":[10,10],"counts":[5,3,92]}',
    '{ "counts" :[5,3,92] ,\n "size" : [ 10 , 10 ] } , null',
    '{"counts": [0, 3, 97], "size": [10, 10]}',
    '{"counts": [100], "size": [10, 10]}',
    '{"counts": [], "size": [10, 10]}',
    '{"counts": [5, 0, 95], "size": [10, 10]}',
    '{"counts": [5,\n3,\n92], "size": [10, 10]}',
    '{"counts": "abc", "size": [10, 10]}',
    '{"counts": [5, [3], 92], "size": [10, 10]}',
    '{"counts": [5, 3.0, 92], "size": [10, 10]}',
    '{"counts": [5, -3, 98], "size": [10, 10]}',
    '{"counts": [5, 3, 92], "size": [10, 10], "size": [4, 25]}',
    '{"size": [4, 25], "counts": [5, 3, 92], "size": [10, 10]}',
    '{"counts": [5, 3, 92], "size": [10, 10], "more": 1}',
    '{"counts": [5, 3, 92]}',
    "null",
    "[[1, 2, 3, 4, 5, 6]]",
)
BROKEN = (
    '{"counts": [5, 3, 92], "size": [10, 10]',
    '{"counts": [5, 3, 92',
    '{"counts": [5,, 92], "size": [10, 10]}',
    '{"counts": [5, , 92], "size": [10, 10]}',
    '{"counts": [, 5, 92], "size": [10, 10]}',
    '{"counts": [5, 92, ], "size": [10, 10]}',
    '{"counts": [5,92,], "size": [10, 10]}',
    '{"counts": [5 3, 92], "size": [10, 10]}',
    '{"counts": [05, 3, 92], "size": [10, 10]}',
    '{"counts": [5, 03, 92], "size": [10, 10]}',
    '{"counts": [5, 3, 92], "size": [010, 10]}',
    '{"counts": [5, 3, 92], "size": [10, 10],}',
    '{"counts": [\u0665, 3, 92], "size": [10, 10]}',
    '{"counts": [5, 3, 92], "size": [\u0661\u0660, 10]}',
    '{"counts":\u00a0[5, 3, 92], "size": [10, 10]}',
)


@pytest.mark.parametrize("text", SPELLINGS + BROKEN)
def test_every_spelling_is_read_as_json_reads_it(text: str) -> None:
    assert _by_us(text) == _by_json(text)
    assert isinstance(_by_json(text), str) == (text in BROKEN)


def test_spoilt_text_is_refused_where_json_refuses_it() -> None:
    rng = random.Random(3)
    for _ in range(4000):
        text = list(rng.choice(SPELLINGS))
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(text))
            text[at : at + rng.randint(0, 2)] = rng.choice(
                ("", "0", "7", ",", ", ", "]", "[", "}", "-", " ", "\t")
            )
        spoilt = "".join(text)
        assert _by_us(spoilt) == _by_json(spoilt), spoilt


def test_a_number_beyond_every_machine_word_is_not_taken_for_another() -> None:
    value, _ = decode_segmentation('{"counts": [5, 99999999999999999999999, 92], "size": [10, 10]}', 0)
    with pytest.raises(ValueError, match="does not fit"):
        Mask.from_coco(value)


def test_a_list_of_masks_ends_where_json_ends_it() -> None:
    text = '  [null, {"counts": [5, 3, 92], "size": [10, 10]}, [], {"counts": "x", "size": [1, 1]} ] , 7'
    value, end = decode_segmentations(text, 2)
    assert [type(item) for item in value] == [type(None), dict, list, dict]
    assert text[end:] == " , 7"
    assert decode_segmentations("[ ]", 0) == ([], 3)
    with pytest.raises(json.JSONDecodeError):
        decode_segmentations("[null", 0)
    with pytest.raises(json.JSONDecodeError):
        decode_segmentations("[null,]", 0)


@pytest.mark.parametrize("height", [7, 300, 9000])
def test_written_run_lengths_are_what_json_would_write(height: int) -> None:
    rng = np.random.default_rng(height)
    for _ in range(20):
        bits = np.zeros((height, 9), np.bool_)
        y0, y1 = sorted(rng.integers(0, height + 1, 2))
        bits[y0:y1, rng.integers(0, 9) :] = rng.random() < 0.8
        bits ^= rng.random(bits.shape) < rng.choice([0, 0.001, 0.3])
        mask = Mask.from_bits(bits)
        assert counts_text(mask) == json.dumps(mask.to_coco_list())
        value, _ = decode_segmentation(f'{{"counts": {counts_text(mask)}, "size": [{height}, 9]}}', 0)
        assert Mask.from_coco(value) == mask
