"""Why did it fail: from a run's project to its worst place, and against the truth, in the real window."""

import csv
import shutil

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QMessageBox

from stmask_core.cli import run_verb
from stmask_core.document.commands.tracks import rename_track
from stmask_core.inspect_project import ProjectObserver
from stmask_core.project import Project
from stmask_core.review.inspection import inspect
from tests.core.tiny_model import write_tiny_weights
from tests.journeys.conftest import SAMPLE

TRUTH = SAMPLE / "sample.json"


@pytest.fixture(scope="module")
def predicted_once(tmp_path_factory):
    """The sample and a project with a run over it, made once."""
    folder = tmp_path_factory.mktemp("predicted")
    weights = folder / "tiny.safetensors"
    write_tiny_weights(weights)
    clip = shutil.copy(SAMPLE / "sample.mp4", folder / "sample.mp4")
    words = [str(clip), "--weights", str(weights), "--out", str(folder), "--precision", "fp32"]
    run_verb("run", words)
    return folder / "sample.stm"


@pytest.fixture
def predicted(user, sample, predicted_once, tmp_path):
    """A user with the run's results on the canvas."""
    project = tmp_path / "sample.stm"
    project.write_bytes(predicted_once.read_bytes())
    user.window.open_flow.open_project(project)
    user.wait_for_frame(0)
    return user


def panel_of(user):
    return user.window.panels.failures


def look(user):
    user.window.actions.by_id["inspect"].trigger()
    user.until(lambda: bool(panel_of(user).model.rows))
    return panel_of(user).model.rows


def click(panel, row):
    where = panel.list.visualRect(panel.model.index(row)).center()
    QTest.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=where)


def inspected(path):
    """What the core says of a project."""
    with Project.open(path, read_only=True) as project:
        observer = ProjectObserver(project.document, next(iter(project.document.videos)))
        list(observer.watch())
        return inspect(observer.clip())


def test_from_the_run_to_its_worst_place(predicted):
    rows, panel = look(predicted), panel_of(predicted)
    assert predicted.main.tabs.currentWidget() is panel
    expected = inspected(predicted.window.bridge.project.path).events
    assert [row.event for row in rows] == list(expected)
    worst = next(n for n, row in enumerate(rows) if row.frame > 0 and row.track is not None)
    click(panel, worst)
    predicted.wait_for_frame(rows[worst].frame)
    assert predicted.state.selection == (rows[worst].track,)
    assert panel.cause.text() == expected[worst].cause


def test_keys_walk_the_queue_and_stop_at_its_ends(predicted):
    rows = look(predicted)
    for row in (rows[0], rows[1], rows[2]):
        predicted.key("Alt+PgDown")
        assert predicted.state.frame == row.frame
    predicted.key("Alt+PgUp")
    assert predicted.state.frame == rows[1].frame
    predicted.key("Alt+PgUp")
    predicted.key("Alt+PgUp")
    assert predicted.state.frame == rows[0].frame
    assert "No failure" in predicted.main.statusBar().currentMessage()


def test_strips_say_why_the_selected_track_is_suspicious(predicted):
    strips = predicted.main.timeline.strips
    before = set(strips)
    click(panel_of(predicted), rows_with_a_track(look(predicted)))
    predicted.until(lambda: len(strips) > len(before))
    track = predicted.state.track
    table = inspected(predicted.window.bridge.project.path).table
    here = table.tracks == track
    shown = strips["Occlusion"].listDataItems()[0].getOriginalDataset()[1]
    assert len(shown) == predicted.state.frame_count
    assert shown[table.frames[here]] == pytest.approx(table.columns["occlusion"][here], nan_ok=True)
    assert np.isnan(np.delete(shown, table.frames[here])).all()
    predicted.state.select(())
    predicted.until(lambda: set(strips) == before)


def rows_with_a_track(rows):
    return next(n for n, row in enumerate(rows) if row.track is not None)


def test_held_against_the_truth_the_errors_come_first(predicted, tmp_path):
    predicted.window.actions.by_id["compare_truth"].trigger()
    dialog = predicted.dialog(QFileDialog)
    dialog.fileSelected.emit(str(TRUTH))
    dialog.close()
    panel = panel_of(predicted)
    predicted.until(lambda: bool(panel.model.rows))
    assert panel.queue.isVisible()
    kinds = {row.kind for row in panel.model.rows}
    assert kinds <= {"identity switch", "fragmentation", "missed", "false"}
    assert {"missed", "false"} & kinds  # a network of random weights cannot have it right
    click(panel, 0)
    assert predicted.state.frame == panel.model.rows[0].frame
    out = tmp_path / "failures.csv"
    QTest.mouseClick(panel.save_button, Qt.MouseButton.LeftButton)
    dialog = predicted.dialog(QFileDialog)
    dialog.fileSelected.emit(str(out))
    dialog.close()
    with out.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(panel.model.rows)


def test_the_truth_itself_has_no_wrong_mask(at_work):
    at_work.window.inspect_flow.look(TRUTH)
    panel = panel_of(at_work)
    at_work.until(panel.queue.isVisible)
    (row,) = panel.model.rows  # the dog that leaves and comes back: the scorer counts its track as in pieces
    assert row.kind == "fragmentation"


def test_a_file_that_is_no_truth_is_an_error_in_words(predicted, tmp_path):
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[]")
    predicted.window.inspect_flow.look(wrong)
    box = predicted.dialog(QMessageBox)
    assert "wrong.json" in box.text()
    assert panel_of(predicted).summary.text() == "Not looked for failures yet."
    box.close()


def test_the_pictures_tell_of_more(predicted):
    flow, found = predicted.window.inspect_flow, []
    flow.looked.connect(lambda look: found.append(look.inspection.table.columns["blur"]))
    look(predicted)
    predicted.window.actions.by_id["inspect_pictures"].trigger()
    assert "Looking" in panel_of(predicted).summary.text()
    predicted.until(lambda: len(found) == 2, timeout=60_000)
    without, with_pictures = found
    assert np.isnan(without).all()
    assert np.isfinite(with_pictures).any()


def test_a_look_is_dropped_when_its_video_goes(predicted):
    flow, found = predicted.window.inspect_flow, []
    flow.looked.connect(found.append)
    job = flow.look(pictures=True)
    predicted.window.actions.by_id["close_project"].trigger()
    predicted.until(lambda: job.is_over)
    assert not found
    assert panel_of(predicted).summary.text() == "Not looked for failures yet."


def test_the_list_is_never_saved_over_a_project(predicted):
    look(predicted)
    path = predicted.window.bridge.project.path
    before = path.read_bytes()
    QTest.mouseClick(panel_of(predicted).save_button, Qt.MouseButton.LeftButton)
    dialog = predicted.dialog(QFileDialog)
    dialog.fileSelected.emit(str(path))
    dialog.close()
    predicted.until(lambda: ".csv" in predicted.main.statusBar().currentMessage())
    assert path.read_bytes() == before


def test_an_edit_makes_the_list_old_and_another_video_clears_it(predicted):
    rows = look(predicted)
    track = rows[rows_with_a_track(rows)].track
    rename_track(predicted.document, track, "Rex")
    assert panel_of(predicted).summary.text().endswith("look again.")
    predicted.window.actions.by_id["close_project"].trigger()
    assert not panel_of(predicted).model.rows
