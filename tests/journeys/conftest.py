"""The real window on real videos, driven by Qt events."""

from __future__ import annotations

import json
import shutil

import pytest
from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog

from stmask_core.cli import run_verb
from tests.conftest import REPOSITORY
from tests.real_window import real_window

SAMPLE = REPOSITORY / "resources" / "sample"
DRAWN, REAL = SAMPLE / "sample.mp4", REPOSITORY / "tests" / "data" / "clips" / "flies.mp4"
on_both_clips = pytest.mark.parametrize("footage", [DRAWN, REAL], ids=["drawn", "real"])
"""A journey that is made on the drawn sample, and on animals that were filmed."""


class Driver:
    """A user of the window: presses keys, clicks the canvas, waits for what should happen."""

    def __init__(self, window, qtbot):
        self.window, self.qtbot = window, qtbot
        self.main, self.state = window.main, window.view_state

    @property
    def document(self):
        return self.window.bridge.document

    def until(self, true, timeout=60_000):
        self.qtbot.waitUntil(true, timeout=timeout)

    def wait_for_frame(self, frame):
        self.until(lambda: self.window.feed.shown_frame == frame)

    def key(self, keys):
        """Press a shortcut such as ``Ctrl+Z`` in the window, as its action would be found by a user."""
        action = next(
            (a for a in self.window.actions.by_id.values() if keys in [s.toString() for s in a.shortcuts()]),
            None,
        )
        assert action is not None, f"no action has the shortcut {keys}"
        assert action.isEnabled(), f"{action.objectName()} is not enabled"
        action.trigger()
        QApplication.processEvents()

    def at(self, x, y):
        """Widget position of an image point."""
        return self.main.canvas.coordinates.to_widget(x, y).toPoint()

    def click(self, x, y, button=Qt.MouseButton.LeftButton, modifier=Qt.KeyboardModifier.NoModifier):
        QTest.mouseClick(self.main.canvas, button, modifier, self.at(x, y))

    def drag(self, points, modifier=Qt.KeyboardModifier.NoModifier):
        """Press at the first image point, move over the others, release at the last."""
        canvas, left = self.main.canvas, Qt.MouseButton.LeftButton
        places = [self.at(x, y) for x, y in points]
        QTest.mousePress(canvas, left, modifier, places[0])
        for place in places[1:]:
            _move(canvas, place, left, modifier)
        QTest.mouseRelease(canvas, left, modifier, places[-1])

    def dialog(self, kind=QDialog):
        """The dialog that is open."""
        self.until(lambda: any(d.isVisible() for d in self.main.findChildren(kind)))
        return next(d for d in self.main.findChildren(kind) if d.isVisible())


def _move(widget, place, button, modifier):
    """A move with the button held, which QTest.mouseMove does not send offscreen."""
    from PySide6.QtCore import QEvent, QPointF
    from PySide6.QtGui import QMouseEvent

    where = QPointF(place)
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        where,
        widget.mapToGlobal(QPoint(place)),
        Qt.MouseButton.NoButton,
        button,
        modifier,
    )
    QApplication.sendEvent(widget, event)


@pytest.fixture
def settings(tmp_path):
    return QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def user(qtbot, settings):
    """A user before the start page."""
    with real_window(settings) as window:
        window.main.resize(1280, 800)
        yield Driver(window, qtbot)


@pytest.fixture
def footage():
    """The clip that a journey is made on; its annotations lie beside it."""
    return DRAWN


@pytest.fixture
def sample(tmp_path, footage):
    """A copy of the clip."""
    return shutil.copy(footage, tmp_path / "sample.mp4")


@pytest.fixture
def annotated(tmp_path, sample, footage):
    """A project with the clip's annotations."""
    project = tmp_path / "sample.stm"
    words = [
        str(footage.with_suffix(".json")),
        "--format",
        "ytvis",
        "--video",
        str(sample),
        "--project",
        str(project),
    ]
    run_verb("import", words)
    return project


@pytest.fixture
def at_work(user, annotated):
    """A user with the annotated sample on the canvas."""
    user.window.open_flow.open_project(annotated)
    user.wait_for_frame(0)
    return user


@pytest.fixture(scope="session")
def sample_truth():
    """The sample's annotation file."""
    return json.loads((SAMPLE / "sample.json").read_text())
