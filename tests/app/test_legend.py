"""The legend over the canvas: real keys in a real window, tracks of a real document."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from app.canvas.id_legend import IdLegend, LegendEntry, entries_near
from stmask_core.document.commands.identity import reassign
from stmask_core.document.commands.masks import set_mask
from stmask_core.document.commands.tracks import create_track, set_hidden
from stmask_core.document.commands.videos import add_video, create_category
from stmask_core.document.scope import Scope
from stmask_core.formats.project_file import ProjectFile
from stmask_core.structures.masks import Mask

CTRL = Qt.KeyboardModifier.ControlModifier


def entry(track, selected=False):
    return LegendEntry(track, f"name {track}", "dog", (200, 40 * (track % 5), 90), True, selected)


class Stage:
    """A window with a canvas that takes keys, a text field beside it, and the legend."""

    def __init__(self, qtbot):
        self.entries = [entry(3, selected=True), entry(5), entry(8)]
        self.window = QWidget()
        self.canvas, self.field = QWidget(), QLineEdit()
        self.canvas.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        line = QHBoxLayout(self.window)
        line.addWidget(self.canvas, 1)
        line.addWidget(self.field)
        self.legend = IdLegend(self.canvas, self.window, lambda: self.entries)
        self.window.resize(700, 500)
        qtbot.addWidget(self.window)
        with qtbot.waitActive(self.window):
            self.window.show()
        self.canvas.setFocus()
        self.chosen, self.picked = [], []
        self.legend.chosen.connect(self.chosen.append)
        self.legend.picked.connect(self.picked.append)

    def hold_ctrl(self, qtbot):
        QTest.keyPress(self.canvas, Qt.Key.Key_Control, CTRL)
        qtbot.waitUntil(self.legend.isVisible)


@pytest.fixture
def stage(qtbot):
    return Stage(qtbot)


def test_it_is_there_while_ctrl_is_held(stage, qtbot):
    stage.hold_ctrl(qtbot)
    assert stage.canvas.hasFocus()
    assert stage.legend.geometry().right() < stage.canvas.width()
    assert "2: #5 name 5 dog" in stage.legend.accessibleDescription()
    assert "#3 is" in stage.legend.accessibleDescription()
    QTest.keyRelease(stage.canvas, Qt.Key.Key_Control)
    assert not stage.legend.isVisible()


def test_ctrl_and_a_digit_reassign_before_and_while_it_is_seen(stage, qtbot):
    QTest.keyClick(stage.canvas, Qt.Key.Key_2, CTRL)
    assert stage.chosen == [5]
    stage.hold_ctrl(qtbot)
    QTest.keyPress(stage.canvas, Qt.Key.Key_3, CTRL)
    assert stage.chosen == [5, 8]
    assert stage.legend.isVisible()  # Ctrl is still down
    QTest.keyClick(stage.canvas, Qt.Key.Key_7, CTRL)  # there is no seventh
    QTest.keyClick(stage.canvas, Qt.Key.Key_2, CTRL | Qt.KeyboardModifier.ShiftModifier)
    assert (stage.chosen, stage.picked) == ([5, 8], [])


def test_the_tenth_is_zero_and_there_are_no_more(stage):
    stage.entries = [entry(track) for track in range(21, 33)]
    QTest.keyClick(stage.canvas, Qt.Key.Key_0, CTRL)
    QTest.keyClick(stage.canvas, Qt.Key.Key_1, CTRL | Qt.KeyboardModifier.KeypadModifier)
    assert stage.chosen == [30, 21]
    stage.legend.show_entries(stage.entries)
    assert len(stage.legend.entries) == 10


def test_a_digit_alone_selects(stage):
    QTest.keyClick(stage.canvas, Qt.Key.Key_2)
    assert (stage.picked, stage.chosen) == ([5], [])
    assert not stage.legend.isVisible()


def test_digits_typed_into_a_field_stay_there(stage):
    stage.field.setFocus()
    QTest.keyClicks(stage.field, "12")
    assert stage.field.text() == "12"
    assert stage.picked == []


def test_other_keys_and_strokes_send_it_away(stage, qtbot):
    stage.hold_ctrl(qtbot)
    QTest.keyClick(stage.canvas, Qt.Key.Key_Z, CTRL)
    assert not stage.legend.isVisible()
    stage.hold_ctrl(qtbot)
    QTest.mousePress(stage.canvas, Qt.MouseButton.LeftButton, CTRL, QPoint(400, 400))
    assert not stage.legend.isVisible()


def test_without_tracks_it_stays_away(stage, qtbot):
    stage.hold_ctrl(qtbot)
    stage.entries = []
    QTest.keyClick(stage.canvas, Qt.Key.Key_1, CTRL)  # still the one that was seen
    assert stage.chosen == [3]
    assert not stage.legend.isVisible()


def test_a_click_on_a_row_is_its_digit(stage, qtbot):
    stage.hold_ctrl(qtbot)
    row = stage.legend._row_rect(2).center()
    QTest.mouseClick(stage.legend, Qt.MouseButton.LeftButton, CTRL, row)
    QTest.mouseClick(stage.legend, Qt.MouseButton.LeftButton, CTRL, QPoint(20, 2))
    assert stage.chosen == [8]
    assert stage.canvas.hasFocus()


def test_its_tracks_are_those_near_in_time_and_it_repairs_a_switch(stage):
    document = ProjectFile.in_memory().document
    video = add_video(document, "a.mp4", width=32, height=24, frame_count=200).id
    dogs = create_category(document, "dog").id
    bits = np.zeros((24, 32), bool)
    bits[3:9, 4:12] = True
    tracks = []
    for number in range(14):
        tracks.append(create_track(document, video, dogs, name=f"n{number}").id)
        set_mask(document, tracks[-1], 10 * number, Mask.from_bits(bits))
    set_hidden(document, [tracks[2]], True)

    def near(frame, selected):
        return entries_near(document, video, frame, selected, colour_of=lambda track: (track.id, 0, 0))

    found = near(20, tracks[13])
    assert [e.track for e in found] == [*tracks[:2], *tracks[3:10], tracks[13]]
    assert [e.track for e in found if e.selected] == [tracks[13]]
    assert [e.track for e in near(30, None) if e.here] == [tracks[3]]

    stage.entries = near(30, tracks[3])
    stage.legend.chosen.connect(lambda to: reassign(document, tracks[3], to, Scope.from_here_on(30), "swap"))
    QTest.keyClick(stage.canvas, Qt.Key.Key_1, CTRL)
    assert document.annotations.has(tracks[0], 30)
    assert not document.annotations.has(tracks[3], 30)
