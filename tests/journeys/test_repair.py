"""Repairing masks and identities in the real window, and taking everything back."""

import json

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.dialogs.identity_dialog import IdentityDialog
from stmask_core.project import Project
from tests.journeys.conftest import on_both_clips
from tests.real_window import real_window


def centre(mask):
    x1, y1, x2, y2 = mask.box
    return (x1 + x2) / 2, (y1 + y2) / 2


@on_both_clips
def test_first_run_from_video_to_exported_json(user, sample, tmp_path):
    user.window.open_flow.open_path(sample)
    user.wait_for_frame(0)
    user.key("B")
    user.drag([(100, 100), (140, 100), (140, 130)])
    assert len(user.document.tracks) == 1
    (track,) = user.document.tracks
    drawn = user.document.annotation(track, 0)
    assert drawn.source == "manual"
    assert drawn.mask.area > 300
    out = tmp_path / "annotations.json"
    user.window.exchange_flow.export("ytvis", out)
    user.until(out.exists)
    exported = json.loads(out.read_text())
    assert len(exported["annotations"]) == 1
    assert exported["videos"][0]["length"] == 72
    assert exported["annotations"][0]["areas"][0] == drawn.mask.area


@on_both_clips
def test_an_identity_switch_is_repaired_from_here_on(at_work):
    user, document = at_work, at_work.document
    first, second, *_ = sorted(document.tracks)
    before = [document.annotation(first, 40).mask, document.annotation(second, 40).mask]
    user.window.navigation.jump(30)
    user.wait_for_frame(30)
    user.state.select((first, second))
    user.key("Ctrl+T")
    dialog = user.dialog(IdentityDialog)
    assert "42" in dialog.counts.text()
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert [document.annotation(t, 40).mask for t in (second, first)] == before
    assert document.annotation(first, 29).mask != before[1]
    user.key("Ctrl+Z")
    assert [document.annotation(t, 40).mask for t in (first, second)] == before


def test_escape_in_a_preview_changes_nothing(at_work):
    first, second, *_ = sorted(at_work.document.tracks)
    position = at_work.document.history.position
    at_work.state.select((first, second))
    at_work.key("Shift+M")
    QTest.keyClick(at_work.dialog(IdentityDialog), Qt.Key.Key_Escape)
    assert at_work.document.history.position == position
    assert second in at_work.document.tracks


@on_both_clips
def test_a_mask_is_repaired_over_ten_frames(at_work):
    user, document = at_work, at_work.document
    track = sorted(document.tracks)[0]
    user.state.select((track,))
    for frame in (20, 30):
        user.window.navigation.jump(frame)
        user.wait_for_frame(frame)
        x, y = centre(document.annotation(track, frame).mask)
        user.key("B")
        user.drag([(x, y), (x + 20, y - 40)])
        assert document.annotation(track, frame).source == "manual"
    user.state.set_range((20, 30))
    for frame in range(21, 30):
        document_mask = document.annotation(track, frame)
        assert document_mask.source == "imported"
    user.key("T")
    user.window.identity_flow.delete_masks_here()
    assert not document.annotations.has(track, 30)
    user.key("Ctrl+Z")
    assert document.annotation(track, 30).source == "manual"


@on_both_clips
def test_undo_of_everything_returns_to_the_import_and_redo_brings_it_back(at_work):
    user, document = at_work, at_work.document
    names = len(document.history.undo_names())
    track = sorted(document.tracks)[0]
    user.state.select((track,))
    user.key("H")
    user.key("L")
    user.key("L")
    user.key("K")
    user.key("Del")
    user.key("Shift+Del")
    assert track not in document.tracks
    steps = len(document.history.undo_names()) - names
    for _ in range(steps):
        user.key("Ctrl+Z")
    assert len(document.history.undo_names()) == names
    restored = document.tracks[track]
    assert not restored.locked
    assert not restored.hidden
    assert document.annotation(track, 0).source == "imported"
    for _ in range(steps):
        user.key("Ctrl+Shift+Z")
    assert track not in document.tracks


@on_both_clips
def test_what_was_edited_before_a_crash_is_there_after_it(settings, user, annotated):
    user.window.open_flow.open_project(annotated)
    user.wait_for_frame(0)
    track = sorted(user.document.tracks)[0]
    user.state.select((track,))
    user.key("Del")
    user.window.bridge.project.file._store.connection.close()  # the process is gone without a goodbye
    user.window.bridge.project.file._lock.release()
    user.window.bridge.project = None
    with Project.open(annotated) as project:
        assert not project.document.annotations.has(track, 0)
        project.document.undo()
        assert project.document.annotations.has(track, 0)


@on_both_clips
def test_a_corrupt_project_is_refused_in_words_and_nothing_else_changes(at_work, tmp_path):
    from PySide6.QtWidgets import QMessageBox

    bad = tmp_path / "bad.stm"
    bad.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    before = at_work.window.bridge.project
    at_work.window.open_flow.open_path(bad)
    box = at_work.dialog(QMessageBox)
    assert box.text()
    assert "Traceback" not in box.text()
    box.close()
    assert at_work.window.bridge.project is before
    assert bad.read_bytes().endswith(b"\xff" * 100)


def test_clicks_select_and_shift_adds(at_work):
    user, document = at_work, at_work.document
    user.window.navigation.jump(5)
    user.wait_for_frame(5)
    tracks = [t for t in sorted(document.tracks) if document.annotations.has(t, 5)]
    items = {item.track: item.mask for item in user.main.canvas.items}
    points = {}
    for track in tracks[:2]:
        rows, columns = items[track].bits().nonzero()
        points[track] = (columns[len(columns) // 2] + 0.5, rows[len(rows) // 2] + 0.5)
    first, second = list(points)
    user.click(*points[first])
    assert user.state.selection == (first,)
    user.click(*points[second], modifier=Qt.KeyboardModifier.ShiftModifier)
    assert set(user.state.selection) == {first, second}


def test_recent_projects_are_remembered(settings, user, annotated):
    user.window.open_flow.open_project(annotated)
    user.wait_for_frame(0)
    user.key("Ctrl+W")
    assert user.window.bridge.project is None
    with real_window(settings) as again:
        assert again.settings.preferences.recent == [str(annotated)]
