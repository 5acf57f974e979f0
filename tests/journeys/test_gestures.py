"""Each gesture is one undo step: every tool on the canvas, a pen, two clicks that merge, a file dropped."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QInputDevice, QPointingDevice, QTabletEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.dialogs.identity_dialog import IdentityDialog
from tests.journeys.conftest import _move

LEFT, NONE, CTRL = (
    Qt.MouseButton.LeftButton,
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ControlModifier,
)


@pytest.fixture
def painter(at_work):
    """The annotated sample with its first object selected."""
    at_work.track = min(at_work.document.tracks)
    at_work.state.select((at_work.track,))
    return at_work


def mask_of(user):
    return user.document.annotation(user.track, user.state.frame).mask


def spot(mask, inside=True):
    """A point well inside the mask, or outside beside its box."""
    if not inside:
        x1, y1, _, _ = mask.box
        return max(1.0, x1 - 8.0), max(1.0, y1 - 8.0)
    rows, columns = mask.bits().nonzero()
    at = len(rows) // 2
    return columns[at] + 0.5, rows[at] + 0.5


def square(x, y, side):
    return [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y + 1)]


def one_step(user, act):
    """Do it: one name more to be undone; undone the mask is what it was, redone what it became."""
    before, steps = mask_of(user), len(user.document.history.undo_names())
    act()
    user.until(lambda: mask_of(user) != before)
    after = mask_of(user)
    assert len(user.document.history.undo_names()) == steps + 1
    user.key("Ctrl+Z")
    assert mask_of(user) == before
    user.key("Ctrl+Shift+Z")
    assert mask_of(user) == after
    return before.bits(), after.bits()


@pytest.mark.parametrize("key", ["B", "Shift+L", "R"])
def test_a_drag_adds_and_with_ctrl_takes_away(painter, key):
    painter.key(key)
    x, y = spot(mask_of(painter), inside=False)
    before, after = one_step(painter, lambda: painter.drag(square(x, y, 12)))
    assert (after >= before).all()
    before, after = one_step(painter, lambda: painter.drag(square(*spot(mask_of(painter)), 8), CTRL))
    assert (after <= before).all()


def test_the_eraser_takes_away(painter):
    painter.key("E")
    before, after = one_step(painter, lambda: painter.drag(square(*spot(mask_of(painter)), 8)))
    assert (after <= before).all()


@pytest.mark.parametrize("modifier", [NONE, CTRL])
def test_a_polygon_is_closed_with_enter(painter, modifier):
    painter.key("P")
    x, y = spot(mask_of(painter), inside=modifier == CTRL)

    def draw():
        for corner in square(x, y, 14)[:4]:
            painter.click(*corner)
        QTest.keyClick(painter.main.canvas, Qt.Key.Key_Return, modifier)

    before, after = one_step(painter, draw)
    assert (after <= before).all() if modifier == CTRL else (after >= before).all()


def test_fill_closes_a_hole(painter):
    x, y = spot(mask_of(painter))
    painter.key("R")
    painter.drag([(x - 3, y - 3), (x + 3, y + 3)], CTRL)
    assert not mask_of(painter).bits()[int(y), int(x)]
    painter.key("Shift+F")
    one_step(painter, lambda: painter.click(x, y))
    assert mask_of(painter).bits()[int(y), int(x)]


def test_wand_and_grabcut_look_at_the_picture(painter):
    painter.key("W")
    x, y = spot(mask_of(painter), inside=False)
    one_step(painter, lambda: painter.click(x, y))
    painter.key("Ctrl+Z")
    painter.key("G")
    x1, y1, x2, y2 = mask_of(painter).box
    one_step(painter, lambda: painter.drag([(x1 - 4, y1 - 4), (x2, y2), (x2 + 4, y2 + 4)]))


@pytest.mark.parametrize("modifier", [NONE, CTRL])
def test_grabcut_shows_what_it_finds_while_the_box_is_drawn(painter, modifier):
    before = mask_of(painter)
    x1, y1, x2, y2 = before.box
    painter.key("Del")  # its own mask would colour the same pixels
    painter.key("G")
    painter.state.layers.set("masks", False)
    canvas, at = painter.main.canvas, painter.at(*spot(before))
    plain = canvas.grab().toImage().pixelColor(at)
    QTest.mousePress(canvas, LEFT, modifier, painter.at(x1 - 4, y1 - 4))
    for x, y in ((x2, y2), (x2 + 4, y2 + 4)):
        _move(canvas, painter.at(x, y), LEFT, modifier)
    painter.until(lambda: canvas.grab().toImage().pixelColor(at) != plain)
    steps = len(painter.document.history.undo_names())
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert canvas.grab().toImage().pixelColor(at) == plain
    assert len(painter.document.history.undo_names()) == steps


@pytest.mark.parametrize("key", ["+", "-"])
def test_growing_and_shrinking(painter, key):
    before, after = one_step(painter, lambda: painter.key(key))
    assert (after.sum() > before.sum()) == (key == "+")


def test_slice_and_join_are_the_way_there_and_back(painter):
    before, tracks = mask_of(painter), set(painter.document.tracks)
    x1, y1, x2, y2 = before.box
    painter.key("Shift+X")
    painter.drag([((x1 + x2) / 2, y1 - 3), ((x1 + x2) / 2, y1), ((x1 + x2) / 2, y2 + 3)])
    (new,) = set(painter.document.tracks) - tracks
    cut = painter.document.annotation(new, 0).mask
    assert mask_of(painter).area + cut.area == before.area
    painter.state.select((painter.track,))
    painter.key("J")
    one_step(painter, lambda: painter.click(*spot(cut)))
    assert mask_of(painter) == before


def test_a_pen_that_presses_lightly_draws_thinly(painter):
    canvas = painter.main.canvas
    pen = QPointingDevice(
        "pen", 1, QInputDevice.DeviceType.Stylus, QPointingDevice.PointerType.Pen,
        QInputDevice.Capability.Pressure, 1, 1,
    )  # fmt: skip
    painter.key("Ctrl+Shift+A")
    painter.key("B")
    painter.state.set_brush_px(40)
    areas = []
    for pressure, x in ((0.2, 60.0), (1.0, 160.0)):
        at = canvas.coordinates.to_widget(x, 60.0)
        for kind, buttons in (
            (QEvent.Type.TabletPress, LEFT), (QEvent.Type.TabletMove, LEFT),
            (QEvent.Type.TabletRelease, Qt.MouseButton.NoButton),
        ):  # fmt: skip
            held = LEFT if kind != QEvent.Type.TabletMove else Qt.MouseButton.NoButton
            on_screen = QPointF(canvas.mapToGlobal(at.toPoint()))
            tilt = (0, 0, 0, 0, 0)
            event = QTabletEvent(kind, pen, at, on_screen, pressure, *tilt, NONE, held, buttons)
            QApplication.sendEvent(canvas, event)
        areas.append(painter.document.annotation(painter.state.track, 0).mask.area)
        painter.state.select(())
    assert areas[0] * 4 < areas[1]


def test_two_clicks_merge_two_tracks_after_a_preview(painter):
    document, first = painter.document, painter.track
    shown = {item.track: item.mask for item in painter.main.canvas.items}
    other = next(t for t in shown if t != first)
    ahead = document.annotations.count(other)
    painter.key("M")
    painter.click(*spot(shown[first]))
    painter.click(*spot(shown[other]))
    dialog = painter.dialog(IdentityDialog)
    assert f"{ahead} masks" in dialog.counts.text()
    assert dialog.buttons.buttons()[0].text() == "Merge"
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert {first, other} & set(document.tracks) != {first, other}
    painter.key("Ctrl+Z")
    assert {first, other} <= set(document.tracks)


@pytest.mark.parametrize("place", ["start page", "canvas"])
def test_a_dropped_project_opens(user, annotated, place):
    widget = user.main.start_page if place == "start page" else user.main.canvas
    files = QMimeData()
    files.setUrls([QUrl.fromLocalFile(str(annotated))])
    copy = Qt.DropAction.CopyAction
    entering = QDragEnterEvent(QPoint(9, 9), copy, files, LEFT, NONE)
    QApplication.sendEvent(widget, entering)
    assert entering.isAccepted()
    QApplication.sendEvent(widget, QDropEvent(QPointF(9, 9), copy, files, LEFT, NONE))
    user.wait_for_frame(0)
    assert user.document.tracks


def test_play_stops_at_the_end_of_the_range_and_goes_round_in_a_loop(painter):
    seen, loop = [], painter.window.actions.by_id["loop"]
    painter.state.set_range((10, 14))
    painter.state.frame_changed.connect(seen.append)
    assert not loop.isChecked()
    painter.state.set_playing(True)
    painter.until(lambda: not painter.state.playing)
    assert painter.state.frame == 14
    painter.key("Ctrl+Shift+L")
    assert loop.isChecked()
    painter.state.set_playing(True)
    painter.until(lambda: sum(np.diff(seen) < 0) >= 3)
    painter.state.set_playing(False)
    assert set(seen) <= set(range(10, 15))
