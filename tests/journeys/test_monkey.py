"""Random gestures: no exception, and the file always says what the window shows."""

import ctypes
import gc
import os
import random
import time
from contextlib import contextmanager, suppress

import click
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QMenu, QMessageBox

from app.flows.run_request import RunRequest
from stmask_core.errors import DocumentError, StmaskError
from stmask_core.project import Project

LEFT_OUT = {
    "quit", "close_project", "open_video", "open_folder", "open_project", "open_dataset", "open_sample",
    "add_video", "snapshot", "guide", "pause_run", "cancel_run",
}  # fmt: skip


def state_of(document):
    """Everything a project says: records, and every annotation's row and pixels."""
    rows = {
        (track, frame): (row, document.body(row.body))
        for track in document.annotations
        for frame, row in document.annotations.rows(track)
    }
    return dict(document.tracks), dict(document.categories), dict(document.notes), rows


class Monkey:
    """Does what a user could do, without a plan."""

    def __init__(self, user, seed):
        self.user, self.draw = user, random.Random(seed)
        self.actions = [a for name, a in user.window.actions.by_id.items() if name not in LEFT_OUT]

    def step(self):
        with suppress(DocumentError):  # refused: the window says so
            self.draw.choices((self.act, self.stroke, self.click_lane, self.wander), (6, 3, 1, 2))[0]()
        QApplication.processEvents()
        self.leave_dialogs()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)  # as an event loop would

    def act(self):
        action = self.draw.choice(self.actions)
        if action.isEnabled():
            action.trigger()

    def stroke(self):
        modifier = self.draw.choice((Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier))
        points = [
            (self.draw.uniform(-20, 660), self.draw.uniform(-20, 380)) for _ in range(self.draw.randint(1, 5))
        ]
        self.user.drag(points, modifier)
        if self.draw.random() < 0.3:
            key = self.draw.choice((Qt.Key.Key_Return, Qt.Key.Key_Escape, Qt.Key.Key_Backspace))
            QTest.keyClick(self.user.main.canvas, key)

    def click_lane(self):
        viewport = self.user.main.timeline.graphics.viewport()
        place = QPoint(self.draw.randrange(viewport.width()), self.draw.randrange(viewport.height()))
        QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)

    def wander(self):
        state = self.user.state
        tracks = sorted(self.user.document.tracks)
        state.go_to(self.draw.randrange(state.frame_count))
        state.select(tuple(self.draw.sample(tracks, min(len(tracks), self.draw.randint(0, 2)))))

    def leave_dialogs(self):
        for menu in self.user.main.findChildren(QMenu):
            if menu.isVisible():
                menu.close()
        for dialog in self.user.main.findChildren(QDialog):
            if dialog.isVisible():
                agree = not isinstance(dialog, QMessageBox) and self.draw.random() < 0.6
                (dialog.accept if agree else dialog.reject)()
        QApplication.processEvents()


@contextmanager
def watched(user, annotated):
    """A monkey at the window; afterwards there was no bug, the file says what is shown, all can be undone."""
    bugs = []
    user.window.uncaught.happened.connect(
        lambda error: bugs.append(error) if not isinstance(error, StmaskError) else None
    )
    yield lambda seed: Monkey(user, seed)
    user.state.set_playing(False)
    assert not bugs, bugs
    shown = state_of(user.document)
    with Project.open(annotated, read_only=True) as project:
        assert state_of(project.document) == shown
    while user.document.undo() is not None:
        pass
    assert not user.document.tracks


@pytest.mark.qt_no_exception_capture  # what the document refuses is said in the window
@pytest.mark.parametrize("seed", [1, 2])
def test_a_few_hundred_random_gestures(at_work, annotated, seed):
    with watched(at_work, annotated) as monkey_of:
        monkey = monkey_of(seed)
        for _ in range(250):
            monkey.step()


@pytest.mark.long
@pytest.mark.qt_no_exception_capture
@pytest.mark.timeout(0)
def test_an_hour_of_random_gestures(at_work, annotated, capsys):
    """STMASK_MONKEY_MINUTES: another length. In the first third comes what is loaded and cached once."""
    minutes = float(os.environ.get("STMASK_MONKEY_MINUTES", "60"))
    at_work.window.run_flow.start(RunRequest("demo", 0, 3))
    at_work.until(lambda: not at_work.window.run_flow.is_running, timeout=300_000)
    sizes, count = [], 0
    with watched(at_work, annotated) as monkey_of:
        monkey = monkey_of(7)
        begin = time.monotonic()
        while (share := (time.monotonic() - begin) / 60 / minutes) < 1:
            monkey.step()
            count += 1
            if share * 6 > len(sizes) + 1:
                sizes.append(resident_mb())
                with capsys.disabled():
                    click.echo(f"{count} gestures, {sizes[-1]:.0f} MB")
        sizes.append(resident_mb())
    assert sizes[-1] - sizes[1] < 100, sizes


def resident_mb():
    """What the process holds, once what is free has been given back: the allocator of Linux keeps it."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with open(f"/proc/{os.getpid()}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
