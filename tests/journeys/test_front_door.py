"""Through ``main()`` and out again: the program is started, used with keys and clicks, and closed by them.

Nothing is asked of its insides but what is on the screen; what it did is read from the files it left.
"""

import shutil
import sys

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QSettings, Qt, QTimer
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QPushButton

from app import run as app_run
from app.canvas.canvas_view import CanvasView
from app.canvas.id_legend import IdLegend
from app.dialogs.export_dialog import ExportDialog
from app.dialogs.run_dialog import RunDialog
from app.dialogs.tour import Tour
from app.main_window import MainWindow
from app.panels.run_strip import RunStrip
from app.timeline.timeline_view import TimelineView
from stmask_core.document.queries import inferred_spans
from stmask_core.formats.ytvis_exchange import read_ytvis
from stmask_core.project import Project
from tests.journeys.conftest import DRAWN, REAL, _move

LAST = 5  # frame that the network goes to
LEFT = Qt.MouseButton.LeftButton


class Screen:
    """What a person in front of the screen sees and does."""

    def __init__(self, qtbot):
        self.qtbot = qtbot
        self.main = next(w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow))
        self.canvas, self.timeline = self.part(CanvasView), self.part(TimelineView)

    def part(self, kind, name=None):
        return self.main.findChild(kind, name)

    def until(self, true, timeout=60_000):
        self.qtbot.waitUntil(true, timeout=timeout)

    def press(self, keys, times=1):
        for _ in range(times):
            QTest.keySequence(QApplication.focusWidget(), QKeySequence(keys))
            QApplication.processEvents()

    def write(self, text):
        QTest.keyClicks(QApplication.focusWidget(), text)

    def dialog(self, kind):
        def shown():
            return [d for d in self.main.findChildren(kind) if d.isVisible() and d.isActiveWindow()]

        self.until(lambda: bool(shown()))
        return shown()[0]

    def back(self):
        """A desktop hands the keyboard back when a dialog closes; without one somebody has to."""
        self.until(lambda: not any(d.isVisible() for d in self.main.findChildren(QDialog)))
        self.main.activateWindow()
        self.until(self.main.isActiveWindow)
        self.canvas.setFocus()

    def frame(self):
        """The number that the top bar shows."""
        return int(self.main.top_bar.place.text().split("/")[0])

    def labels(self):
        """Track numbers of the masks on the canvas."""
        return {item.track for item in self.canvas.items}

    def mask(self, track):
        return next((item.mask for item in self.canvas.items if item.track == track), None)

    def place_in(self, track):
        """Widget position of a pixel well inside a track's mask, where no smaller mask lies over it."""
        bits = self.mask(track).bits()
        for y, x in np.argwhere(bits)[:: max(1, bits.sum() // 200)]:
            if self.canvas.track_at(x + 0.5, y + 0.5) == track:
                return self.canvas.coordinates.to_widget(x + 0.5, y + 0.5).toPoint()
        raise AssertionError(f"{track} is covered")

    def click(self, track):
        QTest.mouseClick(self.canvas, LEFT, Qt.KeyboardModifier.NoModifier, self.place_in(track))

    def stroke(self, start, *steps):
        """Drag over the canvas, from a widget position on by steps."""
        none, at = Qt.KeyboardModifier.NoModifier, start
        QTest.mousePress(self.canvas, LEFT, none, at)
        for step in steps:
            at = at + QPoint(*step)
            _move(self.canvas, at, LEFT, none)
        QTest.mouseRelease(self.canvas, LEFT, none, at)
        QApplication.processEvents()

    def digit_of(self, track):
        """What the legend calls a track while Ctrl is held."""
        legend = self.part(IdLegend)
        QTest.keyPress(self.canvas, Qt.Key.Key_Control)
        self.until(legend.isVisible)
        digit = next(n for n, entry in enumerate(legend.entries, 1) if entry.track == track)
        QTest.keyRelease(self.canvas, Qt.Key.Key_Control)
        return digit


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    """Preferences and data of a person who has never started the program."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    store = QSettings(str(tmp_path / "me.ini"), QSettings.Format.IniFormat)
    monkeypatch.setattr("app.settings.QSettings", lambda *_: store)
    return store


@pytest.fixture(params=[DRAWN, REAL, pytest.param("person_dog", marks=pytest.mark.extra)])
def clip(request, tmp_path):
    """A drawn clip and a real one that ship, and a larger one that may not."""
    if request.param != "person_dog":
        return shutil.copy(request.param, tmp_path / "clip.mp4")
    folder = request.getfixturevalue("extra_data")
    return shutil.copy(folder / "clips" / "nogt_person_dog.mp4", tmp_path / "clip.mp4")


def use(qtbot, story, arguments=()):
    """Start the program, live the story inside its own event loop, until it ends by itself."""
    failed = []

    def act():
        try:
            story(Screen(qtbot))
        except BaseException:
            failed.append(sys.exc_info())
            raise
        finally:
            QTimer.singleShot(0, QApplication.quit if failed else lambda: None)

    QTimer.singleShot(0, act)
    assert app_run.main([str(a) for a in arguments]) == 0
    for window in QApplication.topLevelWidgets():
        if isinstance(window, MainWindow):
            window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    if failed:
        raise failed[0][1]


def run_the_model(screen, last):
    screen.press("Ctrl+R")
    dialog = screen.dialog(RunDialog)
    dialog.last.setFocus()
    dialog.last.selectAll()
    screen.write(str(last))
    screen.until(dialog.run_button.isEnabled)
    screen.press("Return")
    strip = screen.part(RunStrip)
    screen.until(strip.isVisible)
    screen.until(lambda: not strip.isVisible(), timeout=300_000)
    screen.back()


def test_first_run_repair_export_and_everything_taken_back(qtbot, at_home, clip, tmp_path):
    out, seen = tmp_path / "out.json", {}

    def story(screen):
        screen.until(lambda: screen.part(Tour) is not None)  # the first start shows the way
        screen.press("Esc")
        screen.until(lambda: screen.part(Tour) is None or not screen.part(Tour).isVisible())
        QTest.mouseClick(screen.main.start_page.findChild(QPushButton, "open_video"), LEFT)
        screen.dialog(QFileDialog)
        screen.write(str(clip))
        screen.press("Return")
        if any(d.isVisible() for d in screen.main.findChildren(QFileDialog)):
            screen.press("Return")  # the first one closed the list of names that it offers
        screen.until(lambda: screen.canvas.frame_image is not None)
        screen.back()

        run_the_model(screen, LAST)
        assert screen.labels(), "the network in the box sees something"
        seen["labels"] = screen.labels()

        # a mask over ten frames: drawn in the first and the last of them, morphed between
        screen.press("Ctrl+Shift+A")
        screen.press("B")
        corner = screen.canvas.coordinates.to_widget(0, 0).toPoint() + QPoint(40, 40)
        screen.stroke(corner, (25, 0), (0, 25), (-20, 5))
        (seen["drawn"],) = screen.labels() - seen["labels"]
        screen.press("I")
        screen.press("Shift+Right")
        screen.until(lambda: screen.mask(seen["drawn"]) is None)
        screen.stroke(corner + QPoint(60, 30), (25, 0), (0, 25), (-20, 5))
        screen.until(lambda: screen.mask(seen["drawn"]) is not None)
        screen.press("U")
        screen.press("T")
        screen.press("Shift+I")
        screen.press("Left", 5)
        screen.until(lambda: screen.frame() == 5 and screen.mask(seen["drawn"]) is not None)

        # an identity that is another from here on
        screen.press("Left", 3)
        screen.until(lambda: screen.frame() == 2 and bool(screen.labels() - {seen["drawn"]}))
        screen.press("V")
        wrong, right = sorted(screen.labels())[:2]  # nine have digits; the drawn one may be the tenth
        before = {track: screen.mask(track) for track in (wrong, right)}
        screen.click(wrong)
        screen.press(f"Ctrl+{screen.digit_of(right)}")
        screen.until(lambda: screen.mask(right) == before[wrong])
        assert screen.mask(wrong) == before[right]
        screen.press("Ctrl+Z")
        screen.until(lambda: screen.mask(wrong) == before[wrong])

        screen.press("Ctrl+Shift+E")
        dialog = screen.dialog(ExportDialog)
        dialog.path.setFocus()
        dialog.path.selectAll()
        screen.write(str(out))
        screen.press("Return")
        screen.until(out.exists)
        screen.back()
        screen.main.statusBar().clearMessage()

        steps = 0
        while "Nothing" not in screen.main.statusBar().currentMessage():
            screen.press("Ctrl+Z")
            steps += 1
        assert not screen.labels()
        screen.press("Ctrl+Shift+Z", steps - 1)
        screen.press("Ctrl+Q")

    use(qtbot, story)
    (video,) = read_ytvis(out).videos
    frames = {track.id: sorted(o.frame for o in track.observations) for track in video.tracks}
    assert frames[seen["drawn"]] == list(range(11))
    assert seen["labels"] <= set(frames)
    with Project.open(tmp_path / "clip.stm") as project:
        document = project.document
        (video,) = document.videos
        assert inferred_spans(document, video) == [(0, LAST + 1)]
        sources = [document.annotation(seen["drawn"], frame).source for frame in range(11)]
        assert sources == ["manual", *["interpolated"] * 9, "manual"]
