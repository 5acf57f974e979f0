"""Regions that tools find: polygons, holes, wand and GrabCut, on pixels."""

import numpy as np

from app.tools.colour_tools import connected_region, grabcut_region, wand_region
from app.tools.tool import polygon_region
from stmask_core.structures.masks import Mask


def test_a_polygon_takes_the_pixels_whose_centres_it_holds():
    corners = [(2.0, 1.0), (7.0, 1.0), (7.0, 5.0), (2.0, 5.0)]
    bits = np.zeros((9, 12), bool)
    bits[1:5, 2:7] = True
    assert np.array_equal(polygon_region(corners, 9, 12).bits(), bits)


def test_a_polygon_may_leave_the_image():
    corners = [(-50.0, -50.0), (500.0, -50.0), (500.0, 3.0), (-50.0, 3.0)]
    assert polygon_region(corners, 9, 12).box == (0, 0, 12, 3)
    assert polygon_region([(20.0, 20.0), (30.0, 20.0), (30.0, 30.0)], 9, 12).is_empty


def ring():
    bits = np.zeros((20, 20), bool)
    bits[4:14, 4:14] = True
    bits[7:10, 7:10] = False
    return Mask.from_bits(bits)


def test_a_click_in_a_hole_finds_the_hole_and_outside_finds_nothing():
    assert connected_region(ring(), 8, 8).box == (7, 7, 10, 10)
    assert connected_region(ring(), 1, 1) is None
    assert connected_region(ring(), 5, 5) == ring()


def test_an_open_bay_is_not_a_hole():
    bits = ring().bits()
    bits[4:8, 8] = False
    assert connected_region(Mask.from_bits(bits), 8, 8) is None


def test_the_wand_takes_like_colours_that_touch():
    image = np.zeros((30, 40, 3), np.uint8)
    image[5:15, 5:15] = (200, 40, 40)
    image[5:15, 25:35] = (200, 40, 40)
    assert wand_region(image, 7, 7, 12).box == (5, 5, 15, 15)
    assert wand_region(image, 99, 7, 12) is None


def test_grabcut_finds_the_object_in_the_box():
    random = np.random.default_rng(3)
    image = random.normal(90, 6, (120, 160, 3)).clip(0, 255).astype(np.uint8)
    y, x = np.mgrid[:120, :160]
    disc = (x - 80) ** 2 + (y - 60) ** 2 < 25**2
    image[disc] = random.normal((220, 60, 40), 6, (disc.sum(), 3)).clip(0, 255).astype(np.uint8)
    found = grabcut_region(image, (48, 28, 114, 94)).bits()
    assert (found & disc).sum() / (found | disc).sum() > 0.9
    assert not found[:28].any()
    assert not found[:, 114:].any()
