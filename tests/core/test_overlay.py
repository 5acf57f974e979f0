"""Overlay and palette: what is drawn, where, and what is left alone."""

import itertools

import numpy as np
import pytest

from stmask_core.opencv import cv2
from stmask_core.structures.masks import Mask
from stmask_core.structures.overlay import draw_overlay
from stmask_core.structures.palette import TRACK_COLOURS, colour_text, readable_on, track_colour

RED, BLUE = (255, 0, 0), (0, 0, 255)


def grey_frame(height=120, width=160):
    return np.full((height, width, 3), 100, np.uint8)


def square(y0, x0, side, height=120, width=160):
    return Mask.from_crop(np.ones((side, side), bool), y0=y0, x0=x0, height=height, width=width)


def test_only_the_mask_changes_and_the_frame_is_left_alone():
    frame, mask = grey_frame(), square(30, 40, 20)
    out = draw_overlay(frame, [mask], [RED], opacity=0.5)
    changed = (out != frame).any(axis=2)
    assert np.array_equal(changed, mask.bits())
    assert (frame == 100).all()
    assert tuple(out[40, 50]) == (178, 50, 50)  # halfway from grey to red, rounded
    assert tuple(out[30, 40]) == RED  # the rim is the plain colour


def test_propagated_masks_are_hatched_and_detected_ones_are_not():
    frame, mask = grey_frame(), square(20, 20, 60)
    seen = draw_overlay(frame, [mask], [RED], sources=["detected"])
    carried = draw_overlay(frame, [mask], [RED], sources=["propagated"])
    inside = np.s_[25:75, 25:75]
    assert len(np.unique(seen[inside][..., 0])) == 1
    assert len(np.unique(carried[inside][..., 0])) == 2


def test_a_small_object_stays_visible_on_a_large_one():
    out = draw_overlay(grey_frame(), [square(50, 50, 4), square(20, 20, 80)], [BLUE, RED])
    assert tuple(out[50, 50]) == BLUE


@pytest.mark.parametrize("corner", [(0, 0), (0, 150), (110, 0), (110, 150)])
def test_name_plates_stay_inside_the_image(corner):
    mask = square(*corner, 10)
    out = draw_overlay(grey_frame(), [mask], [RED], ["12 dog"])
    plate = (out == RED).all(axis=2) & ~mask.bits()
    assert plate.sum() > 100


def test_name_plates_do_not_cover_each_other():
    masks = [square(60, 60, 30), square(60, 61, 29)]
    one = [draw_overlay(grey_frame(), [m], [c], ["7 dog"]) for m, c in zip(masks, (RED, BLUE), strict=True)]
    both = draw_overlay(grey_frame(), masks, [RED, BLUE], ["7 dog", "7 dog"])
    plate = int(((one[0] == RED).all(axis=2) & ~masks[0].bits()).sum())
    above = ~(masks[0].bits() | masks[1].bits())
    assert int(((both == RED).all(axis=2) & above).sum()) == plate


def test_empty_masks_are_passed_over_and_misfits_refused():
    frame = grey_frame()
    out = draw_overlay(frame, [Mask.empty(120, 160)], [RED], ["1 dog"])
    assert np.array_equal(out, frame)
    with pytest.raises(ValueError, match="a mask of 50 x 40"):
        draw_overlay(frame, [Mask.empty(40, 50)], [RED])
    with pytest.raises(ValueError, match="colours"):
        draw_overlay(frame, [square(0, 0, 5)], [])
    with pytest.raises(ValueError, match="labels"):
        draw_overlay(frame, [square(0, 0, 5)], [RED], ["a", "b"])


def test_track_colours_are_far_apart():
    rgb = np.array(TRACK_COLOURS, np.float32)[None] / 255
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[0]
    distance = {(i, j): np.linalg.norm(lab[i] - lab[j]) for i, j in itertools.combinations(range(24), 2)}
    assert min(distance.values()) > 30
    assert min(d for (i, j), d in distance.items() if j < 6) > 60


def test_track_colour_repeats_and_names():
    assert track_colour(1) == TRACK_COLOURS[0] == track_colour(25)
    assert colour_text((255, 75, 60)) == "#ff4b3c"
    assert readable_on((255, 225, 0)) == (0, 0, 0)
    assert readable_on((15, 90, 255)) == (255, 255, 255)
