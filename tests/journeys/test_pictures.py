"""The pictures of the user guide, made in the real window.

As a test it draws into a temporary folder and looks whether something is seen. To draw the
guide's pictures anew, with the network in the box, run this file with ``STMASK_WRITE_GUIDE=1``.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QScrollArea

from app.canvas.id_legend import IdLegend
from app.dialogs.export_dialog import ExportDialog
from app.dialogs.run_dialog import RunDialog
from app.dialogs.strips_dialog import StripsDialog
from app.flows.run_request import RunRequest
from app.panels.events_panel import SCORES
from stmask_core.opencv import cv2
from tests.conftest import REPOSITORY
from tests.core.tiny_model import write_tiny_weights
from tests.journeys.conftest import SAMPLE

FOR_THE_GUIDE = bool(os.environ.get("STMASK_WRITE_GUIDE"))
WIDTH, HEIGHT = 1440, 900
SMALLER = 1200, 750  # where every pixel counts four times
COLOURS, EXACT = 256, 40  # of a picture in the guide; so many of them as they are
MOST_BYTES = 300_000
BUSY = 30  # a picture with fewer colours shows nothing


class Camera:
    """Takes pictures of widgets, looks at them, and keeps them as PNG in a folder."""

    def __init__(self, folder):
        self.folder = folder

    def take(self, widget, name):
        """Keep a picture of a widget as it is on the screen: of its size, in many colours."""
        QApplication.processEvents()
        for button in widget.findChildren(QAbstractButton):
            button.setAttribute(Qt.WidgetAttribute.WA_UnderMouse, False)  # the pointer lies anywhere
        picture = widget.grab().toImage()
        scale = widget.devicePixelRatioF()
        name = name if scale == 1 else f"{name}-{scale:.0%}".removesuffix("%")
        assert (picture.width(), picture.height()) == (
            round(widget.width() * scale),
            round(widget.height() * scale),
        )
        assert len(np.unique(colours_of(picture))) >= BUSY, f"{name} shows nothing"
        path = self.folder / f"{name}.png"
        if FOR_THE_GUIDE:
            picture = few_colours(picture)
        assert picture.save(str(path))
        if FOR_THE_GUIDE:
            assert path.stat().st_size < MOST_BYTES
        return path


def colours_of(picture):
    """(N,) uint32 0xffRRGGBB of every pixel."""
    plain = picture.convertToFormat(QImage.Format.Format_RGB32)
    return np.frombuffer(plain.constBits(), np.uint32).copy()  # the picture's memory goes with it


def channels_of(colours):
    """(N, 3) float32 of colours as ``colours_of`` gives them."""
    return np.stack([colours >> shift & 255 for shift in (16, 8, 0)], axis=1).astype(np.float32)


def few_colours(picture):
    """The picture with a palette of its own: a fraction of the bytes, and looks the same."""
    colours, counts = np.unique(colours_of(picture), return_counts=True)
    order = np.argsort(-counts)
    table, others = colours[order[:EXACT]], colours[order[EXACT:]]  # flat areas stay as they are
    if len(others) > COLOURS - EXACT:
        cv2.setRNGSeed(1)
        stop = (cv2.TERM_CRITERIA_MAX_ITER, 20, 0)
        many, start = COLOURS - EXACT, cv2.KMEANS_PP_CENTERS
        _, _, centres = cv2.kmeans(channels_of(others), many, None, stop, 1, start)
        red, green, blue = np.round(centres).astype(np.uint32).T
        others = 0xFF000000 | red << 16 | green << 8 | blue
    words = [int(colour) for colour in (*table, *others)]
    exact = Qt.ImageConversionFlag.ThresholdDither
    return picture.convertToFormat(QImage.Format.Format_Indexed8, words, exact)


@pytest.fixture
def camera(tmp_path):
    return Camera(REPOSITORY / "docs" / "guide" if FOR_THE_GUIDE else tmp_path)


@pytest.fixture
def weights(tmp_path):
    """The network in the box for the guide; for the test one that is small enough to run at once."""
    if FOR_THE_GUIDE:
        return "demo"
    path = tmp_path / "tiny.safetensors"
    write_tiny_weights(path)
    return str(path)


@pytest.fixture
def user(user):
    """A user with the window at the size that it has the first time, or a little smaller."""
    user.main.resize(*((WIDTH, HEIGHT) if user.main.devicePixelRatioF() == 1 else SMALLER))
    return user


def at_rest(user):
    """Nothing is said in the status bar, and the timeline has drawn itself in its place."""
    box = user.main.timeline.lanes.getViewBox()
    user.until(lambda: box.height() > 50 and abs(box.viewRect().height() - box.height()) < 1)
    user.until(lambda: user.main.timeline.lanes.selection == user.state.selection)
    inspector = user.main.panels["inspector"]
    user.until(lambda: (inspector.facts is not None) == (user.state.video is not None))
    user.until(lambda: all(roomy(area.widget()) for area in inspector.findChildren(QScrollArea)))
    user.main.statusBar().clearMessage()


def roomy(widget):
    """Nothing in it is squeezed: its layout has taken in what it shows."""
    return widget.height() >= widget.minimumSizeHint().height()


def in_sight(view):
    """Rows of a list that are seen."""
    places = [view.visualRect(view.model().index(row, 0)) for row in range(view.model().rowCount())]
    return [row for row, place in enumerate(places) if place.intersects(view.viewport().rect())]


@pytest.fixture
def in_the_middle(at_work):
    """The annotated sample in frame 30 with an object selected."""
    at_work.window.navigation.jump(30)
    at_work.wait_for_frame(30)
    at_work.state.select((sorted(at_work.document.tracks)[1],))
    at_rest(at_work)
    return at_work


def test_start_page(user, camera):
    camera.take(user.main, "start")


def test_window_dark_and_light(in_the_middle, camera):
    dark = camera.take(in_the_middle.main, "window")
    in_the_middle.window.settings.update(theme="light")
    light = camera.take(in_the_middle.main, "window-light")
    grey = [channels_of(colours_of(QImage(str(path)))).mean() for path in (dark, light)]
    assert grey[1] > grey[0] + 30


def test_inspector(in_the_middle, camera):
    main = in_the_middle.main
    main.show_panel("inspector")
    in_the_middle.until(lambda: main.panels["inspector"].facts is not None)
    camera.take(main.tabs, "inspector")


def test_legend(in_the_middle, camera):
    canvas = in_the_middle.main.canvas
    held = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Control, Qt.KeyboardModifier.ControlModifier)
    QApplication.sendEvent(in_the_middle.main, held)
    in_the_middle.until(canvas.findChild(IdLegend).isVisible)
    camera.take(canvas, "legend")


def test_problems(in_the_middle, camera):
    main = in_the_middle.main
    in_the_middle.key("Del")  # a gap
    in_the_middle.key("Ctrl+Shift+V")
    in_the_middle.until(lambda: bool(main.panels["problems"].frames()))
    main.show_panel("problems")
    camera.take(main.tabs, "problems")


def run_over(user, sample, weights, last=71):
    """Open the sample and run the network over it, to frame ``last``."""
    user.window.open_flow.open_path(sample)
    user.wait_for_frame(0)
    user.window.run_flow.start(RunRequest(weights, 0, last, precision="fp32"))
    user.until(lambda: not user.window.run_flow.is_running, timeout=1_200_000)


def test_failures(user, sample, weights, camera):
    run_over(user, sample, weights)
    at_rest(user)
    user.window.inspect_flow.look(SAMPLE / "sample.json")
    panel = user.window.panels.failures
    user.until(lambda: bool(panel.model.rows))
    panel.step(True)
    user.wait_for_frame(user.state.frame)
    user.until(lambda: all(panel.model.has_picture(panel.model.rows[n]) for n in in_sight(panel.list)))
    user.until(lambda: user.state.track is None or "IoU with the truth" in user.main.timeline.strips)
    camera.take(user.main, "failures")
    panel.queue.setCurrentIndex(panel.queue.findData(SCORES))
    camera.take(panel, "verdicts")
    user.window.actions.by_id["choose_strips"].trigger()
    camera.take(user.dialog(StripsDialog), "strips")


def test_replay(user, sample, weights, camera):
    run_over(user, sample, weights, last=44 if FOR_THE_GUIDE else 7)
    user.key("Ctrl+Alt+R")
    flow = user.window.replay_flow
    user.until(lambda: not flow.is_busy, timeout=60_000)
    flow.dialog.record_wanted.emit(True)
    user.until(lambda: flow.dialog.pages.currentIndex() == 1 and not flow.is_busy, timeout=1_200_000)
    flow.dialog.form.editors["new_score"].setValue(2.2)
    user.until(lambda: not flow.is_busy, timeout=60_000)
    user.window.navigation.jump(24 if FOR_THE_GUIDE else 4)
    camera.take(flow.dialog, "replay")


def test_result_of_a_run(user, sample, weights, camera):
    run_over(user, sample, weights)
    user.state.select((sorted(user.document.tracks)[1],))
    for frame in (0, 24, 48):
        user.window.navigation.jump(frame)
        user.wait_for_frame(frame)
        if user.window.actions.by_id["pin"].isEnabled():
            user.key("K")
    at_rest(user)
    camera.take(user.main, "run-result")


def test_run_dialog(in_the_middle, camera):
    in_the_middle.key("Ctrl+R")
    dialog = in_the_middle.dialog(RunDialog)
    in_the_middle.until(lambda: "categories" in dialog.description.text(), timeout=60_000)
    camera.take(dialog, "run-dialog")
    dialog.close()


def test_export_dialog(in_the_middle, camera):
    in_the_middle.key("Ctrl+Shift+E")
    dialog = in_the_middle.dialog(ExportDialog)
    in_the_middle.until(lambda: bool(dialog.problems.frames()))
    dialog.path.setText("sample.json")  # a guide says nothing about the folders of who made it
    camera.take(dialog, "export-dialog")
    dialog.close()


def test_twice_the_pixels(tmp_path, camera):
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    place, test = tmp_path / "twice", f"{__file__}::{test_window_dark_and_light.__name__}"
    run = subprocess.run(
        [*words, "--basetemp", str(place), test],
        env={**os.environ, "QT_SCALE_FACTOR": "2"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    (path,) = (camera.folder if FOR_THE_GUIDE else place).rglob("window-200.png")
    picture = QImage(str(path))
    assert (picture.width(), picture.height()) == tuple(2 * side for side in SMALLER)
