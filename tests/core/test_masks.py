"""Masks: crop run lengths agree with pixels and with COCO's own code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from stmask_core.structures import masks
from stmask_core.structures.masks import Mask

any_bits = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14).flatmap(
    lambda shape: hnp.arrays(np.bool_, shape)
)
pairs = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14).flatmap(
    lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape))
)


@given(any_bits)
def test_pixels_survive_every_way_in_and_out(bits):
    mask = Mask.from_bits(bits)
    theirs = coco.encode(np.asfortranarray(bits.astype(np.uint8)))
    assert np.array_equal(mask.bits(), bits)
    assert mask.to_coco()["counts"] == theirs["counts"].decode()
    assert Mask.from_coco(mask.to_coco()) == mask
    assert Mask.from_coco({"size": list(bits.shape), "counts": mask.to_coco_list()}) == mask
    assert Mask.from_coco(theirs) == mask
    assert mask.area == bits.sum()
    assert hash(Mask.from_bits(bits)) == hash(mask)


@given(any_bits)
def test_box_is_the_tight_box_of_coco(bits):
    mask = Mask.from_bits(bits)
    x, y, w, h = coco.toBbox(coco.encode(np.asfortranarray(bits.astype(np.uint8))))
    assert mask.box == (None if not bits.any() else (x, y, x + w, y + h))
    assert mask.is_empty == (not bits.any())


@given(pairs)
def test_set_operations_equal_pixel_operations(pair):
    one, two = pair
    a, b = Mask.from_bits(one), Mask.from_bits(two)
    assert masks.intersection_area(a, b) == (one & two).sum()
    assert np.array_equal(masks.union(a, b).bits(), one | two)
    assert np.array_equal(masks.intersection(a, b).bits(), one & two)
    assert np.array_equal(masks.subtract(a, b).bits(), one & ~two)
    either = (one | two).sum()
    assert masks.iou(a, b) == ((one & two).sum() / either if either else 0.0)


@given(any_bits, st.integers(-6, 20), st.integers(-6, 20))
def test_a_crop_may_hang_over_the_image(bits, y0, x0):
    canvas = np.zeros((60, 60), bool)
    canvas[20 + y0 : 20 + y0 + bits.shape[0], 20 + x0 : 20 + x0 + bits.shape[1]] = bits
    mask = Mask.from_crop(bits, y0=y0, x0=x0, height=18, width=19)
    assert np.array_equal(mask.bits(), canvas[20:38, 20:39])
    assert mask == Mask.from_bits(canvas[20:38, 20:39])
    assert np.array_equal(mask.window(-9, -8, 24, 22), np.pad(mask.bits(), ((8, 4), (9, 5))))


def test_runs_that_are_not_canonical_give_the_same_mask():
    plain = Mask.from_counts([2, 3, 4, 3], 4, 3)
    assert Mask.from_counts([2, 1, 0, 2, 4, 3, 0, 0], 4, 3) == plain
    assert Mask.from_counts([2, 3, 1, 0, 3, 3], 4, 3) == plain


def test_a_large_crop_uses_wide_runs():
    bits = np.ones((300, 400), bool)
    bits[0, 0] = False
    mask = Mask.from_bits(bits)
    assert mask.area == 300 * 400 - 1
    assert np.array_equal(mask.bits(), bits)
    assert Mask.from_coco(mask.to_coco()) == mask


@pytest.mark.parametrize(
    "rle",
    [
        {"size": [4, 3], "counts": [2, 3, 4]},
        {"size": [4, 3], "counts": [2, -3, 13]},
        {"size": [4, 3], "counts": [2.5, 9.5]},
        {"size": [4, 3], "counts": [[2, 10]]},
        {"size": [4, 3], "counts": [2, [10]]},
        {"size": [4, 3], "counts": [2**70, 1]},
        {"size": [4, 3], "counts": None},
        {"size": [4, 3], "counts": ""},
        {"size": [4, 3], "counts": []},
        {"size": [4, 3], "counts": "é"},
        {"size": [4, 3], "counts": "\x00\x01"},
        {"size": [4, 3], "counts": "PPPPPPPPPPPPPPPPPPPP0"},
        {"size": [4, 3], "counts": "2oo"},
        {"size": [0, 3], "counts": []},
        {"size": [10**6, 10**6], "counts": [10**12]},
        {"size": [4.0, 3.0], "counts": [12]},
        {"size": [True, 3], "counts": [3]},
        {"size": "43", "counts": [12]},
        {"counts": [12]},
    ],
)
def test_inconsistent_run_lengths_are_refused(rle):
    with pytest.raises(ValueError, match=r"\w"):
        Mask.from_coco(rle)


@given(st.binary(max_size=40))
def test_any_bytes_as_compressed_counts_give_a_mask_or_a_value_error(data):
    try:
        mask = Mask.from_coco({"size": [6, 5], "counts": data})
    except ValueError:
        return
    assert mask.bits().shape == (6, 5)


def test_polygons_are_filled_as_coco_fills_them():
    polygons = [[1, 1, 8, 1, 8, 6, 1, 6], [5.5, 4, 12, 9, 3, 11]]
    theirs = coco.decode(coco.merge(coco.frPyObjects(polygons, 14, 16)))
    assert np.array_equal(Mask.from_polygons(polygons, 14, 16).bits(), theirs.astype(bool))
    assert Mask.from_polygons([], 14, 16).is_empty
    for bad in ([[1, 1, 2, 2]], [[1, 1, 2, 2, 3]], [[0, 0, 1e9, 0, 1, 1]], [["a"] * 6]):
        with pytest.raises(ValueError, match="polygon"):
            Mask.from_polygons(bad, 14, 16)


def test_masks_of_different_images_do_not_mix():
    with pytest.raises(ValueError, match="different images"):
        masks.iou(Mask.empty(4, 4), Mask.empty(4, 5))
