"""The tour over a window, with keys and clicks."""

import pytest
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMainWindow, QPushButton, QTextEdit, QToolBar

from app.actions import ACTIONS
from app.dialogs.tour import Step, Tour, beside, first_steps

Key = Qt.Key


class Stage:
    """A window with a tool bar, a canvas and shortcuts on the very keys of the tour."""

    def __init__(self, qtbot):
        self.window = QMainWindow()
        self.bar = QToolBar()
        self.tool = QPushButton("Brush")
        self.bar.addWidget(self.tool)
        self.canvas = QTextEdit()
        self.window.addToolBar(Qt.ToolBarArea.LeftToolBarArea, self.bar)
        self.window.setCentralWidget(self.canvas)
        self.window.resize(1000, 700)
        self.stolen = []
        step = QAction("Next frame", self.window)
        step.setShortcuts(["Right", "Left", "Space", "Esc", "Return"])
        step.triggered.connect(lambda: self.stolen.append(True))
        self.window.addAction(step)
        qtbot.addWidget(self.window)
        with qtbot.waitActive(self.window):
            self.window.show()
        self.canvas.setFocus()
        self.steps = (
            Step("One", "In the middle.", lambda: None),
            Step("Two", "The tool bar. " * 8, lambda: self.bar),
            Step("Three", "All over the canvas.", lambda: self.canvas),
        )
        self.tour = Tour(self.window, self.steps)
        self.ends = []
        self.tour.finished.connect(self.ends.append)

    def press(self, key):
        QTest.keyClick(self.window.focusWidget(), key)


@pytest.fixture
def stage(qtbot):
    return Stage(qtbot)


def test_it_is_walked_with_keys_that_are_shortcuts_elsewhere(stage):
    stage.tour.start()
    walked = [stage.tour.title.text()]
    for key in (Key.Key_Right, Key.Key_Left, Key.Key_Left, Key.Key_Return, Key.Key_Space):
        stage.press(key)
        walked.append(stage.tour.title.text())
    assert walked == ["One", "Two", "One", "One", "Two", "Three"]
    stage.press(Key.Key_Right)
    assert stage.ends == [True]
    assert stage.stolen == []
    assert stage.canvas.hasFocus()


def test_escape_and_skip_leave(stage, qtbot):
    stage.tour.start()
    stage.press(Key.Key_Escape)
    assert stage.ends == [False]
    assert not stage.tour.isVisible()
    again = Tour(stage.window, stage.steps)
    again.start()
    with qtbot.waitSignal(again.finished) as ended:
        QTest.mouseClick(again.skip_button, Qt.MouseButton.LeftButton)
    assert ended.args == [False]
    stage.press(Key.Key_Space)
    assert stage.stolen == []  # the text took it
    assert stage.canvas.toPlainText() == " "


def test_it_stands_beside_its_target_and_follows_the_window(stage):
    stage.tour.start()
    assert stage.tour.geometry().contains(stage.window.rect().center())
    stage.press(Key.Key_Right)
    assert not stage.tour.geometry().intersects(stage.bar.geometry())
    assert stage.tour.geometry().left() <= stage.bar.geometry().right() + 2
    stage.window.resize(760, 420)
    assert stage.window.rect().contains(stage.tour.geometry())
    stage.bar.hide()
    stage.window.resize(800, 500)
    assert stage.tour.geometry().contains(stage.window.rect().center())


def test_a_part_of_a_widget_is_pointed_at(stage):
    part = QRect(400, 20, 40, 30)  # room below it on both sides, in every theme
    tour = Tour(stage.window, (Step("Here", "This part.", lambda: (stage.canvas, part)),))
    tour.start()
    shown = QRect(stage.canvas.mapTo(stage.window, part.topLeft()), part.size())
    assert tour.geometry().top() == shown.bottom() + 1
    assert tour.geometry().left() < shown.center().x() < tour.geometry().right()


def test_the_whole_text_is_seen(stage):
    stage.tour.start()
    stage.press(Key.Key_Right)
    text = stage.tour.text
    assert text.height() >= text.heightForWidth(text.width())
    assert stage.tour.rect().contains(stage.tour.next_button.geometry())


def test_enter_on_back_goes_back(stage):
    stage.tour.start()
    stage.press(Key.Key_Right)
    stage.tour.back_button.setFocus()
    stage.press(Key.Key_Return)
    assert stage.tour.title.text() == "One"


@pytest.mark.parametrize(
    ("target", "side"),
    [
        (QRect(0, 0, 60, 700), "right"),
        (QRect(900, 0, 100, 700), "left"),
        (QRect(0, 0, 1000, 40), "below"),
        (QRect(0, 600, 1000, 100), "above"),
    ],
)
def test_the_side_with_room_is_taken(target, side):
    window, size = QRect(0, 0, 1000, 700), QSize(340, 200)
    where, tip = beside(target, size, window)
    callout = QRect(where, size)
    assert window.contains(callout)
    assert not callout.intersects(target)
    assert target.contains(tip)
    gap = {
        "right": callout.left() - target.right(),
        "left": target.left() - callout.right(),
        "below": callout.top() - target.bottom(),
        "above": target.top() - callout.bottom(),
    }
    assert gap[side] == 1


def test_a_target_without_room_around_it_is_lain_over():
    where, tip = beside(QRect(0, 0, 1000, 700), QSize(340, 200), QRect(0, 0, 1000, 700))
    assert (where, tip) == (QPoint(329, 249), None)


def test_the_texts_name_real_actions_with_the_users_keys():
    known, asked = {spec.id for spec in ACTIONS}, []

    def key_of(action):
        asked.append(action)
        return "F7" if action == "run" else ""

    here = QMainWindow
    steps = first_steps({"run": lambda: here}, key_of)
    assert len(steps) == 7
    assert set(asked) <= known
    text = next(step.text for step in steps if step.title == "Run the model")
    assert "(F7)" in text
    assert not any("{" in step.text or "()" in step.text for step in steps)
    assert [step.target() for step in steps].count(here) == 1
