"""Masks over a frame that is larger than its place on the screen lie where they lie in the whole one."""

import numpy as np
import pytest

from app.canvas.canvas_view import CanvasView
from app.canvas.composer import compose, reduced
from app.canvas.items import CanvasItem
from app.view_state import ViewState
from stmask_core.structures.masks import Mask


@pytest.mark.parametrize("step", [1, 2, 3, 5])
@pytest.mark.parametrize("source", ["detected", "propagated"])
def test_a_reduced_mask_covers_the_middle_of_its_blocks(qapp, step, source):
    draw = np.random.default_rng(step)
    frame = np.zeros((47, 61, 3), np.uint8)
    for _ in range(20):
        bits = np.zeros((47, 61), bool)
        (y0, y1), (x0, x1) = np.sort(draw.integers(0, 48, 2)), np.sort(draw.integers(0, 62, 2))
        bits[y0:y1, x0:x1] = draw.random((y1 - y0, x1 - x0)) < 0.7
        item = CanvasItem(1, Mask.from_bits(bits), (255, 255, 255), "", source)
        picture = compose(reduced(frame, step), [item], ViewState().layers, (), step)
        assert picture.shape == (47 // step, 61 // step, 3)
        middle = bits[step // 2 :: step, step // 2 :: step][: 47 // step, : 61 // step]
        assert np.array_equal(picture.any(axis=2), middle)


def test_the_canvas_composes_what_the_screen_can_show(qtbot):
    canvas = CanvasView(ViewState())
    qtbot.addWidget(canvas)
    canvas.resize(400, 300)
    canvas.show()
    frame = np.full((1200, 1600, 3), 90, np.uint8)
    bits = np.zeros((1200, 1600), bool)
    bits[300:900, 400:1200] = True
    item = CanvasItem(1, Mask.from_bits(bits), (255, 0, 0), "", "detected")
    canvas.show_frame(frame, [item])
    assert canvas._picture.shape == (300, 400, 3)
    fitted = canvas.grab().toImage()
    assert fitted.pixelColor(200, 150).red() > fitted.pixelColor(20, 20).red() + 30
    canvas.zoom(4.0)
    assert canvas._picture.shape == frame.shape
    canvas.fit_frame()
    assert canvas._picture.shape == (300, 400, 3)
