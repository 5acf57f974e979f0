"""Looking at a video: the hand, the layers of light, small pictures, and where the room goes."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QSlider

from app.dialogs.display_dialog import DisplayDialog
from app.timeline.gutter import GUTTER_PX
from tests.journeys.conftest import _move

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def hover(widget, place):
    """The pointer comes to rest over a place, no button held."""
    at = widget.mapToGlobal(place)
    move = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(place),
        QPointF(at),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.NoButton,
        NONE,
    )
    QApplication.sendEvent(widget, move)


def pixel_of(timeline, frame, lane=5):
    """Widget position of a frame in the lanes."""
    box = timeline._plot.getViewBox()
    return timeline.graphics.mapFromScene(box.mapViewToScene(QPointF(frame + 0.5, float(lane))))


def test_space_held_is_the_hand_and_tapped_plays(at_work):
    canvas, state = at_work.main.canvas, at_work.state
    canvas.setFocus()
    before = canvas.coordinates
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    QTest.mousePress(canvas, LEFT, NONE, QPoint(200, 200))
    _move(canvas, QPoint(260, 220), LEFT, NONE)
    QTest.mouseRelease(canvas, LEFT, NONE, QPoint(260, 220))
    QTest.keyRelease(canvas, Qt.Key.Key_Space)
    assert (canvas.coordinates.left - before.left, canvas.coordinates.top - before.top) == (60, 20)
    assert not state.playing
    QTest.keyClick(canvas, Qt.Key.Key_Space)
    assert state.playing
    QTest.keyClick(canvas, Qt.Key.Key_Space)
    assert not state.playing


def test_brightness_and_contrast_change_the_picture_and_come_back(at_work):
    canvas = at_work.main.canvas
    at_work.key("Alt+B")
    dialog = at_work.dialog(DisplayDialog)
    sliders = {s.accessibleName(): s for s in dialog.findChildren(QSlider)}
    assert sliders.keys() == {"Masks", "Brightness", "Contrast"}
    normal = canvas._picture.copy()
    for slider in sliders.values():
        slider.setFocus()
        QTest.keyClick(slider, Qt.Key.Key_PageUp)
        assert not np.array_equal(canvas._picture, normal)
        QTest.keyClick(slider, Qt.Key.Key_PageDown)
        assert np.array_equal(canvas._picture, normal)
    QTest.keyClick(sliders["Brightness"], Qt.Key.Key_End)
    assert canvas._picture.mean() > normal.mean() + 50
    reset = next(b for b in dialog.buttons.buttons() if "normal" in b.text())
    QTest.mouseClick(reset, LEFT)
    assert np.array_equal(canvas._picture, normal)
    dialog.close()


@pytest.mark.parametrize("size", [(1280, 720), (1440, 900), (1920, 1080)])
def test_the_canvas_has_more_than_half_of_the_window_and_lanes_come_first(at_work, size):
    main = at_work.main
    main.resize(*size)
    QApplication.processEvents()
    main._share_room()
    QApplication.processEvents()
    assert main.canvas.width() * main.canvas.height() >= 0.55 * size[0] * size[1]
    timeline = main.timeline
    at_work.state.select((min(at_work.document.tracks),))
    at_work.until(lambda: timeline.lanes.selection == at_work.state.selection)
    seen = timeline._plot.getViewBox().height()
    assert seen >= min(timeline.lanes.offsets[-1], timeline.lanes.offsets[3]) - 1
    assert timeline.strips_offered == 1, "what was imported has no scores"
    assert size[1] < 900 or list(timeline.strips) == ["count"]


def test_a_name_beside_a_lane_selects_without_going_anywhere(at_work):
    timeline, state = at_work.main.timeline, at_work.state
    lanes = timeline.lanes
    at_work.until(lambda: len(lanes.lanes) == len(at_work.document.tracks))
    state.go_to(7)
    box = timeline._plot.getViewBox()
    middle = (lanes.offsets[1] + lanes.offsets[2]) / 2
    y = timeline.graphics.mapFromScene(box.mapViewToScene(QPointF(0, middle))).y()
    QTest.mouseClick(timeline.graphics.viewport(), LEFT, NONE, QPoint(GUTTER_PX // 2, y))
    assert state.selection == (lanes.lanes[1].track,)
    assert state.frame == 7


def test_the_small_picture_comes_also_of_a_frame_that_is_not_in_memory(at_work):
    timeline, loader = at_work.main.timeline, at_work.window.loader
    viewport, shown = timeline.graphics.viewport(), timeline._thumbnail
    at_work.until(lambda: len(loader.cached_frames()) > 10)
    far = next(f for f in range(at_work.state.frame_count - 1, 0, -1) if loader.cached(f) is None)
    for frame in (5, far):
        hover(viewport, pixel_of(timeline, frame))
        at_work.until(shown.isVisible)
        assert shown.pixmap().width() == 160
        hover(viewport, QPoint(3, 30))
        assert not shown.isVisible()


def test_the_end_of_a_lane_is_dragged(at_work):
    timeline, document = at_work.main.timeline, at_work.document
    track = min(document.tracks)
    at_work.state.select((track,))
    at_work.until(lambda: timeline.lanes.selection == (track,))
    first, last = document.annotations.extent(track)
    viewport = timeline.graphics.viewport()
    end = pixel_of(timeline, last)
    box = timeline._plot.getViewBox()
    y = timeline.graphics.mapFromScene(box.mapViewToScene(QPointF(0, 10.0))).y()
    edge = timeline.graphics.mapFromScene(box.mapViewToScene(QPointF(last + 1, 0))).x() - 2
    target = pixel_of(timeline, last - 10)
    QTest.mousePress(viewport, LEFT, NONE, QPoint(edge, y))
    _move(viewport, QPoint(end.x(), y), LEFT, NONE)
    QTest.mouseRelease(viewport, LEFT, NONE, QPoint(target.x(), y))
    assert document.annotations.extent(track) == (first, last - 10)
    at_work.key("Ctrl+Z")
    assert document.annotations.extent(track) == (first, last)


def test_the_wand_shows_what_a_click_would_take(at_work):
    canvas, document = at_work.main.canvas, at_work.document
    at_work.key("Ctrl+Shift+A")
    at_work.key("W")
    tracks, plain = set(document.tracks), canvas.grab().toImage()
    hover(canvas, at_work.at(320, 20))
    assert canvas.grab().toImage() != plain
    assert set(document.tracks) == tracks
    shown = canvas.tool._region
    at_work.click(320, 20)
    (new,) = set(document.tracks) - tracks
    assert document.annotation(new, 0).mask == shown


def test_a_track_that_has_just_gone_cannot_be_selected_by_its_lane(at_work):
    """Between a deletion and the next drawing of the lanes its lane can still be clicked."""
    timeline = at_work.main.timeline
    at_work.state.layers.set("trails", True)
    at_work.main.tabs.setCurrentWidget(at_work.window.panels.why)
    at_work.until(lambda: timeline.lanes.lane_at(0.5) is not None)
    gone = timeline.lanes.lane_at(0.5).track
    at_work.state.select((gone,))
    at_work.key("Shift+Del")
    assert gone not in at_work.document.tracks
    assert timeline.lanes.lane_at(0.5).track == gone
    QTest.mouseClick(timeline.graphics.viewport(), LEFT, NONE, pixel_of(timeline, 3, 0.5))
    assert gone not in at_work.state.selection
