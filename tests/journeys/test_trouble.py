"""What goes wrong: a crash, bad files, a full disk. Said in words, and nothing that was there is lost."""

import os
import pickle
import signal
import sqlite3
import subprocess
import sys

import av
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLineEdit, QMessageBox

from app.dialogs.import_dialog import ImportDialog
from app.dialogs.run_dialog import RunDialog
from stmask_core.document.queries import inferred_spans
from stmask_core.formats.ytvis_exchange import read_ytvis
from stmask_core.project import Project
from stmask_core.video.source import open_video
from tests.conftest import REPOSITORY
from tests.journeys.conftest import on_both_clips

# Draws, runs the model, and is killed by the system while results arrive.
CRASH = """
import os, signal, sys
import numpy as np
from PySide6.QtCore import QSettings
from app import run
from app.flows.run_request import RunRequest
from stmask_core.structures.masks import Mask

video, settings = sys.argv[1:]
window = run.start([video], QSettings(settings, QSettings.Format.IniFormat))

def work(frame):
    window.feed.shown.disconnect(work)
    height, width, _ = window.main.canvas.frame_image.shape
    drawn = Mask.from_crop(np.ones((70, 50), bool), y0=20, x0=10, height=height, width=width)
    window.edit_flow.apply_region(drawn, "add", "Brush")
    window.run_flow.progress.connect(lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    window.run_flow.start(RunRequest("demo", 0, 71, precision="fp32", batch=1))

window.feed.shown.connect(work)
window.application.exec()
"""


def records(document):
    """Everything that a user could miss: tracks, masks and how far undo reaches."""
    masks = {
        (track, frame): (document.body(row.body), row.source)
        for track in document.annotations
        for frame, row in document.annotations.rows(track)
    }
    return dict(document.tracks), masks, document.history.undo_names()


def words_of(user):
    """The box on the screen, read and closed."""
    box = user.dialog(QMessageBox)
    text = f"{box.text()} {box.informativeText()}"
    assert box.text()
    assert "Traceback" not in text
    assert "Error:" not in text, "that is a report of a bug"
    QTest.keyClick(box, Qt.Key.Key_Return)
    return text


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@on_both_clips
def test_a_crash_during_a_run_loses_nothing_and_undo_still_works(user, sample, tmp_path):
    crashed = subprocess.run(
        [sys.executable, "-c", CRASH, str(sample), str(tmp_path / "other.ini")],
        cwd=REPOSITORY,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert crashed.returncode == -signal.SIGKILL, crashed.stderr
    user.window.open_flow.open_path(tmp_path / "sample.stm")
    user.wait_for_frame(0)
    document = user.document
    (video,) = document.videos
    mine = min(document.tracks)
    assert document.annotation(mine, 0).source == "manual"
    ((start, stop),) = inferred_spans(document, video)
    assert start == 0
    assert stop >= 1
    everything = records(document)
    user.key("Ctrl+Z")
    assert list(document.tracks) == [mine]
    assert inferred_spans(document, video) == []
    while document.history.undo_name:
        user.key("Ctrl+Z")
    assert not document.tracks
    for _ in everything[2]:
        user.key("Ctrl+Shift+Z")
    assert records(document) == everything


@pytest.mark.parametrize("content", [b"", b"no project", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_project(at_work, tmp_path, content):
    project, before = at_work.window.bridge.project, records(at_work.document)
    bad = tmp_path / "bad.stm"
    bad.write_bytes(content)
    at_work.window.open_flow.open_path(bad)
    assert "bad.stm" in words_of(at_work)
    assert at_work.window.bridge.project is project
    assert records(at_work.document) == before
    assert bad.read_bytes() == content
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(("bad.stm-", ".bad.stm"))]


@pytest.mark.parametrize("content", [b"", b"not a film" * 1000, None])
def test_a_video_that_cannot_be_read(at_work, tmp_path, sample, content):
    project, before = at_work.window.bridge.project, records(at_work.document)
    bad = tmp_path / "broken.mp4"
    with open(sample, "rb") as file:
        bad.write_bytes(file.read(3000) if content is None else content)  # cut off in its header
    at_work.window.open_flow.open_path(bad)
    assert "broken.mp4" in words_of(at_work)
    assert at_work.window.bridge.project is project
    assert records(at_work.document) == before
    assert not (tmp_path / "broken.stm").exists()


class RunsCode:
    """What an attacker puts into a weights file."""

    def __reduce__(self):
        return print, ("This must never be printed.",)


def test_wrong_weights_are_told_in_the_dialog_and_cannot_run(at_work, tmp_path, capfd):
    before = records(at_work.document)
    (tmp_path / "noise.pth").write_bytes(b"\x00\x01noise" * 500)
    (tmp_path / "words.safetensors").write_text("these are words")
    (tmp_path / "attack.pth").write_bytes(pickle.dumps({"state_dict": RunsCode()}))
    at_work.key("Ctrl+R")
    dialog = at_work.dialog(RunDialog)
    at_work.until(dialog.run_button.isEnabled, timeout=60_000)
    for name in ("noise.pth", "words.safetensors", "attack.pth", "absent.pth"):
        dialog.choose_weights(str(tmp_path / name))
        at_work.until(lambda: dialog.mark.isVisible(), timeout=60_000)
        assert name in dialog.description.text()
        assert "Traceback" not in dialog.description.text()
        assert not dialog.run_button.isEnabled()
        QTest.keyClick(dialog, Qt.Key.Key_Return)
        assert dialog.isVisible()
        QTest.keyClick(dialog.weights, Qt.Key.Key_Home)
        assert dialog.run_button.isEnabled()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert "never" not in capfd.readouterr().out
    assert not at_work.window.run_flow.is_running
    assert records(at_work.document) == before


@pytest.mark.parametrize(
    "content", ['{"videos": [', '{"videos": 3, "annotations": [], "categories": []}', "[]x"]
)
def test_annotations_that_are_damaged(at_work, tmp_path, content):
    before = records(at_work.document)
    bad = tmp_path / "bad.json"
    bad.write_text(content)
    at_work.window.open_flow.open_path(bad)  # dropped on the canvas
    dialog = at_work.dialog(ImportDialog)
    at_work.until(dialog.mark.isVisible)
    assert "bad.json" in dialog.found.text()
    assert "Traceback" not in dialog.found.text()
    assert not dialog.import_button.isEnabled()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert records(at_work.document) == before


@pytest.mark.qt_no_exception_capture  # what is refused is said in the window
def test_a_project_for_reading_only_can_be_seen_and_exported(user, annotated, tmp_path):
    with sqlite3.connect(annotated) as connection:
        connection.execute("UPDATE history SET focus = '{'")
    connection.close()
    content = annotated.read_bytes()
    user.window.open_flow.open_project(annotated)
    user.until(lambda: user.window.bridge.project is not None)
    assert "not changed" in words_of(user)
    user.wait_for_frame(0)
    before = records(user.document)
    user.state.select((min(user.document.tracks),))
    user.key("Del")
    user.until(lambda: "read" in user.main.statusBar().currentMessage() or shown(user))
    if shown(user):
        words_of(user)
    assert records(user.document) == before
    out = tmp_path / "kept.json"
    user.window.exchange_flow.export("ytvis", out)
    user.until(out.exists)
    (video,) = read_ytvis(out).videos
    assert len(video.tracks) == len(before[0])
    user.key("Ctrl+W")
    assert annotated.read_bytes() == content


def shown(user):
    return any(box.isVisible() for box in user.main.findChildren(QMessageBox))


def test_a_project_that_is_open_elsewhere(user, annotated):
    with Project.open(annotated) as other:
        user.window.open_flow.open_project(annotated)
        assert "elsewhere" in words_of(user)
        assert user.window.bridge.project is None
        assert other.document.tracks
    user.window.open_flow.open_project(annotated)
    user.wait_for_frame(0)


@pytest.mark.qt_no_exception_capture  # what is refused is said in the window
def test_a_full_disk_is_said_and_the_work_goes_on_when_there_is_room(at_work, tmp_path):
    resource = pytest.importorskip("resource")
    before, track = records(at_work.document), min(at_work.document.tracks)
    at_work.state.select((track,))
    size = max(p.stat().st_size for p in tmp_path.iterdir() if p.name.startswith("sample.stm"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        for _ in range(200):
            at_work.key("H")
            if shown(at_work):
                break
        text = words_of(at_work)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "sample.stm" in text
    now = records(at_work.document)
    assert now[1] == before[1]
    at_work.key("Del")
    assert not at_work.document.annotations.has(track, 0)
    with Project.open(at_work.window.bridge.project.path, read_only=True) as reader:
        assert records(reader.document) == records(at_work.document)


def press(user, text, kind=QMessageBox):
    """Press a button of the box on the screen."""
    box = user.dialog(kind)
    button = next(b for b in box.buttons() if b.text() == text)
    assert button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def choose(user, path):
    """Type a path into the question for a file, and Enter."""
    dialog = user.dialog(QFileDialog)
    user.until(dialog.isActiveWindow)
    field = dialog.findChild(QLineEdit)
    field.selectAll()
    QTest.keyClicks(field, str(path))
    QTest.keyClick(field, Qt.Key.Key_Return)


@pytest.mark.parametrize(
    ("damage", "opens", "tracks_lost"),
    [("UPDATE tracks SET data = '{' WHERE id = 2", False, 1), ("UPDATE history SET focus = '{'", True, 0)],
)
def test_what_is_readable_of_a_damaged_project_is_saved_as_another(
    user, annotated, tmp_path, damage, opens, tracks_lost
):
    with Project.open(annotated) as sound:
        tracks, masks = len(sound.document.tracks), len(sound.document.annotations)
        gone = len(sound.document.annotations.rows(2)) if tracks_lost else 0
    with sqlite3.connect(annotated) as connection:
        connection.execute(damage)
    connection.close()
    content, out = annotated.read_bytes(), tmp_path / "whole.stm"
    user.window.open_flow.open_project(annotated)
    box = user.dialog(QMessageBox)
    assert "stmask validate" not in f"{box.text()} {box.informativeText()}"
    assert (user.window.bridge.project is not None) is opens
    press(user, "Save what is readable as…")
    choose(user, out)
    user.until(out.exists)
    text = words_of(user)
    assert f"{masks - gone} masks" in text
    assert ("Lost" in text) is bool(tracks_lost)
    user.until(lambda: user.window.bridge.project is not None and user.window.bridge.project.path == out)
    user.wait_for_frame(0)
    assert len(user.document.tracks) == tracks - tracks_lost
    assert not user.document.read_only_reason
    user.key("N")
    assert annotated.read_bytes() == content


def test_a_rescue_replaces_nothing(user, annotated, tmp_path):
    with sqlite3.connect(annotated) as connection:
        connection.execute("UPDATE tracks SET data = '{'")
    connection.close()
    content = annotated.read_bytes()
    user.window.open_flow.open_project(annotated)
    press(user, "Save what is readable as…")
    choose(user, annotated)
    assert "exists already" in words_of(user)
    assert annotated.read_bytes() == content


@pytest.fixture
def moved(annotated, sample, tmp_path):
    """A folder that the annotated video went to."""
    away = tmp_path / "elsewhere"
    away.mkdir()
    os.rename(sample, away / "renamed.mp4")
    return away


def write_video(path, source, frames, size=None):
    """The first frames of a video, encoded anew, maybe in another size."""
    with open_video(source) as video, av.open(str(path), "w") as container:
        width, height = size or (video.info.width, video.info.height)
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for image in video.frames(0, frames):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
            container.mux(stream.encode(picture.reformat(width, height)))
        container.mux(stream.encode(None))


def test_a_video_that_moved_is_found_by_its_content(user, annotated, moved):
    user.window.open_flow.open_project(annotated)
    press(user, "Find it…")
    choose(user, moved / "renamed.mp4")
    user.wait_for_frame(0)
    (video,) = user.document.videos.values()
    assert video.path == "elsewhere/renamed.mp4"
    assert not shown(user)


def test_another_video_is_taken_only_when_somebody_insists(user, annotated, moved):
    cut = moved / "cut.mp4"
    write_video(cut, moved / "renamed.mp4", 40)
    user.window.open_flow.open_project(annotated)
    press(user, "Find it…")
    choose(user, cut)
    text = user.dialog(QMessageBox).informativeText()
    assert "72 frames" in text
    assert "40 frames" in text
    press(user, "Cancel")
    (video,) = user.document.videos.values()
    assert video.path == "sample.mp4"
    user.window.open_flow.show_video(video.id)
    press(user, "Find it…")
    choose(user, cut)
    press(user, "Use it all the same")
    user.wait_for_frame(0)
    assert next(iter(user.document.videos.values())).path == "elsewhere/cut.mp4"
    user.key("Ctrl+W")
    user.window.open_flow.open_project(annotated)
    user.wait_for_frame(0)
    assert not shown(user)


def test_a_video_of_another_size_is_never_taken(user, annotated, moved):
    small = moved / "small.mp4"
    write_video(small, moved / "renamed.mp4", 10, (160, 90))
    user.window.open_flow.open_project(annotated)
    press(user, "Find it…")
    choose(user, small)
    box = user.dialog(QMessageBox)
    assert "another size" in box.informativeText()
    assert "Use it all the same" not in [button.text() for button in box.buttons()]
    press(user, "Find another…")
    choose(user, moved / "renamed.mp4")
    user.wait_for_frame(0)
