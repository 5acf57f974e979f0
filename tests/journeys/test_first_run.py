"""From the start page to a file for other tools and back, the way the tour leads."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton

from app.dialogs.export_dialog import ExportDialog
from app.dialogs.import_dialog import ImportDialog
from app.dialogs.run_dialog import RunDialog
from stmask_core.document.queries import inferred_spans
from stmask_core.formats.ytvis_exchange import read_ytvis


def click(button):
    assert button.isEnabled(), button.text()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def type_number(box, number):
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, str(number))


def masks_of(document):
    """(track, frame) -> mask, of everything in the document."""
    return {
        (int(track), frame): document.annotation(track, frame).mask
        for track in document.tracks
        for frame, _ in document.annotations.rows(track)
    }


def masks_in(path):
    """(track, frame) -> mask, of a YouTube-VIS file with one video."""
    (video,) = read_ytvis(path).videos
    return {(track.id, o.frame): o.mask for track in video.tracks for o in track.observations}


@pytest.fixture
def beginner(user, tmp_path, monkeypatch):
    """A user whose own data folder is empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return user


@pytest.fixture
def on_sample(beginner):
    """A user who clicked the first button of the start page."""
    click(beginner.main.start_page.findChild(QPushButton, "primary"))
    beginner.wait_for_frame(0)
    return beginner


def run_model(user, first, last):
    """Run the demo weights over some frames, asked for in the dialog."""
    user.key("Ctrl+R")
    dialog = user.dialog(RunDialog)
    type_number(dialog.first, first)
    type_number(dialog.last, last)
    user.until(dialog.run_button.isEnabled, timeout=60_000)
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert user.window.run_flow.is_running


def finish_run(user):
    user.until(lambda: not user.window.run_flow.is_running, timeout=120_000)


def test_from_the_start_page_to_an_exported_file_and_back(on_sample, tmp_path):
    user, document = on_sample, on_sample.document
    run_model(user, 0, 7)
    assert user.window.run_strip.isVisible()
    finish_run(user)
    assert not user.window.run_strip.isVisible()
    assert document.tracks, "the demo weights see the sample's objects"
    assert user.main.canvas.items
    video = next(iter(document.videos))
    assert inferred_spans(document, video) == [(0, 8)]

    problems = user.window.panels.problems
    user.key("Ctrl+Shift+V")
    user.until(lambda: problems.summary.text() != "Not checked yet.")
    assert user.main.tabs.currentWidget() is problems
    assert any("unreviewed" in f.kind for f in problems._findings)

    out = tmp_path / "first.json"
    user.key("Ctrl+Shift+E")
    dialog = user.dialog(ExportDialog)
    dialog.path.setFocus()
    dialog.path.selectAll()
    QTest.keyClicks(dialog.path, str(out))
    click(dialog.export_button)
    user.until(out.exists)
    before = masks_of(document)
    assert masks_in(out) == before

    tracks = len(document.tracks)
    user.key("Ctrl+I")
    asked = user.dialog(ImportDialog)
    QTest.keyClicks(asked.source, str(out))
    QTest.keyClick(asked.source, Qt.Key.Key_Tab)
    user.until(lambda: "track" in asked.found.text())
    click(asked.import_button)
    user.until(lambda: user.window.bridge.project is None)
    user.until(lambda: user.window.bridge.project is not None)
    again = user.document
    user.until(lambda: len(again.tracks) == 2 * tracks)
    new = sorted(track for track in again.tracks if track not in document.tracks)
    imported = [again.annotation(t, f) for t in new for f, _ in again.annotations.rows(t)]
    assert {a.source for a in imported} == {"imported"}
    assert sorted(a.mask.area for a in imported) == sorted(mask.area for mask in before.values())
    user.key("Ctrl+Z")
    assert masks_of(again) == before


def test_the_sample_opens_where_it_was_left(on_sample):
    user = on_sample
    user.key("N")
    kept = sorted(user.document.tracks)
    user.key("Ctrl+W")
    assert user.main.start_page.isVisible()
    click(user.main.start_page.findChild(QPushButton, "primary"))
    user.until(lambda: user.window.bridge.project is not None)
    assert sorted(user.document.tracks) == kept


def test_a_run_is_held_and_cancelled_from_its_strip(on_sample):
    user, flow, strip = on_sample, on_sample.window.run_flow, on_sample.window.run_strip
    run_model(user, 0, 71)
    user.until(lambda: "of 72" in strip.words.text(), timeout=60_000)
    click(strip.pause_button)
    assert flow.is_paused
    assert "on hold" in strip.words.text()
    click(strip.pause_button)
    assert not flow.is_paused
    click(strip.cancel_button)
    finish_run(user)
    assert not strip.isVisible()
    video = next(iter(user.document.videos))
    ((start, stop),) = inferred_spans(user.document, video)
    assert start == 0
    assert stop > 0


def answer(user, text, asked):
    """Press a button of the question that ``asked`` opens; it waits for the answer."""
    from PySide6.QtCore import QTimer

    def press():
        box = next(b for b in user.main.findChildren(QMessageBox) if b.isVisible())
        click(next(b for b in box.buttons() if b.text() == text))

    QTimer.singleShot(0, press)
    return asked()


def test_closing_during_a_run_asks_first(on_sample):
    user, flow = on_sample, on_sample.window.run_flow
    run_model(user, 0, 71)
    assert not answer(user, "Go on", user.main.close)
    assert user.main.isVisible()
    assert flow.is_running
    user.until(lambda: bool(user.document.runs), timeout=60_000)
    answer(user, "Cancel the run", user.window.actions.by_id["close_project"].trigger)
    QApplication.processEvents()
    assert not flow.is_running
    assert user.window.bridge.project is None
    assert user.main.start_page.isVisible()
