"""Other association constants in the real window: record, compare, apply, take back."""

import shutil

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog

from app.flows.run_request import RunRequest
from app.panels.replay_lanes import LANE
from stmask_core.cli import run_verb
from stmask_core.document.commands import tracks
from stmask_core.project import Project
from tests.core.tiny_model import write_tiny_weights
from tests.journeys.conftest import SAMPLE

FRAMES = 12
OTHER = "2.9"  # a dummy score with which the run would have named more tracks


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    """Weights, and a project with a run over the start of the sample, made once."""
    folder = tmp_path_factory.mktemp("made")
    weights = folder / "tiny.safetensors"
    write_tiny_weights(weights)
    clip = shutil.copy(SAMPLE / "sample.mp4", folder / "sample.mp4")
    words = [str(clip), "--weights", str(weights), "--out", str(folder), "--precision", "fp32"]
    run_verb("run", [*words, "--frames", f"0:{FRAMES}"])
    return folder


@pytest.fixture(scope="module")
def recorded_once(made_once):
    """The recording of that run."""
    project = made_once / "sample.stm"
    run_verb("replay", [str(project), "--record"])
    return project.with_name("sample.1.recording")


@pytest.fixture
def predicted(user, sample, made_once, tmp_path):
    """A user with the run's results on the canvas."""
    project = tmp_path / "sample.stm"
    project.write_bytes((made_once / "sample.stm").read_bytes())
    user.window.open_flow.open_project(project)
    user.wait_for_frame(0)
    return user


@pytest.fixture
def recorded(predicted, recorded_once, tmp_path):
    """A user whose run has a recording."""
    shutil.copy(recorded_once, tmp_path / recorded_once.name)
    return predicted


def ask(user):
    """The replay dialog, when it has said what there is."""
    user.key("Ctrl+Alt+R")
    dialog = user.window.replay_flow.dialog
    assert dialog.isVisible()
    settle(user)
    return dialog


def settle(user):
    user.until(lambda: not user.window.replay_flow.is_busy, timeout=60_000)


def press(button):
    assert button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def turn(user, dialog, name, text):
    """Type a constant as a user would, and wait for what comes of it."""
    editor = dialog.form.editors[name]
    editor.setFocus()
    editor.selectAll()
    QTest.keyClicks(editor, text)
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert dialog.isVisible()
    settle(user)


def counts(dialog, which):
    """Numbers as they are read. which: 0 before, 1 after."""
    return {name: labels[which].text() for name, labels in dialog.counts.items()}


def masks_of(document):
    """Everything a user sees of the tracks."""
    return {
        (track, frame): document.annotation(track, frame)
        for track in document.tracks
        for frame in document.annotations.frames(track)
    }


def test_without_a_recording_it_offers_one_and_the_replay_is_the_run(predicted):
    dialog = ask(predicted)
    assert "not been recorded" in dialog.start_text.text()
    assert not dialog.form.isEnabled()
    before = masks_of(predicted.document)
    press(dialog.record_button)
    predicted.until(lambda: dialog.pages.currentIndex() == 1, timeout=60_000)
    settle(predicted)
    assert predicted.window.bridge.project.path.with_name("sample.1.recording").exists()
    assert "the replay is the run" in dialog.verdict.text()
    assert "Recorded." in predicted.main.statusBar().currentMessage()
    assert counts(dialog, 0) == counts(dialog, 1)
    assert counts(dialog, 0)["computed"] == counts(dialog, 0)["estimated"] == "0"
    of_run = [row for row in dialog.lanes.rows.rows if row.kind == "before"]
    assert not any(row.differs for row in dialog.lanes.rows.rows)
    shown = {(row.track, frame) for row in of_run for span in row.lane.shown for frame in range(*span)}
    assert set(before) <= shown  # what is shown without a pixel of the picture is not written
    assert masks_of(predicted.document) == before


def test_other_constants_change_counts_and_lanes_and_nothing_else(recorded):
    dialog = ask(recorded)
    before = masks_of(recorded.document)
    turn(recorded, dialog, "new_score", OTHER)
    assert counts(dialog, 0)["births"] != counts(dialog, 1)["births"]
    was, now, change = (int(label.text().replace(",", "")) for label in dialog.counts["births"])
    assert now - was == change
    assert dialog.verdict.text().startswith("Exact but for rounding")
    assert dialog.form.start_from.currentData() == "own"
    differing = [row for row in dialog.lanes.rows.rows if row.differs]
    assert differing
    press_box(dialog.only_differing)
    assert dialog.lanes.rows.rows == differing
    assert masks_of(recorded.document) == before
    press(dialog.discard_button)
    settle(recorded)
    assert counts(dialog, 0) == counts(dialog, 1)
    assert not dialog.apply_button.isEnabled()


def press_box(box):
    QTest.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(6, box.height() // 2))


def test_every_constant_is_turned_by_its_own_editor(recorded):
    dialog = ask(recorded)
    form = dialog.form
    run = form.settings
    for name, text in {
        "new_similarity": "0.7", "new_iou": "0.4", "mask_weight": "1.5", "box_weight": "0.5", "keep": "4",
        "decay": "0.8", "min_score": "0.2", "min_area": "9", "retire_after": "5",
    }.items():  # fmt: skip
        turn(recorded, dialog, name, text)
        assert getattr(form.settings, name) == float(text)
    for name, key in {"similarity": Qt.Key.Key_Down, "wins": Qt.Key.Key_Down}.items():
        QTest.keyClick(form.editors[name], key)
    settle(recorded)
    assert (form.settings.similarity, form.settings.wins) == ("cosine", "association")
    assert form.editors["new_score"].value() == pytest.approx(form.settings.new_score)
    press(dialog.discard_button)
    settle(recorded)
    assert form.settings == run
    turn(recorded, dialog, "new_score", "2")
    turn(recorded, dialog, "new_score", str(round(run.new_score, 3)))
    assert form.is_the_runs  # to the last bit, though it is a sum


def test_applied_it_is_one_undo_step_and_people_keep_theirs(recorded):
    document = recorded.document
    locked = max(document.tracks, key=document.annotations.count)
    tracks.set_locked(document, [locked], True)
    before, runs = masks_of(document), set(document.runs)
    dialog = ask(recorded)
    turn(recorded, dialog, "new_score", OTHER)
    born = counts(dialog, 1)
    press(dialog.apply_button)
    settle(recorded)
    assert dialog.verdict.text().startswith("Applied:")
    assert counts(dialog, 0) == born
    assert not dialog.apply_button.isEnabled()
    after = masks_of(document)
    assert after != before
    assert {k: v for k, v in after.items() if k[0] == locked} == {
        k: v for k, v in before.items() if k[0] == locked
    }
    recorded.wait_for_frame(recorded.state.frame)
    shown = {item.track for item in recorded.main.canvas.items}
    assert shown == {track for track, frame in after if frame == recorded.state.frame}
    QTest.keyClick(dialog.lanes, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert masks_of(document) == before
    assert set(document.runs) == runs
    recorded.until(lambda: "the replay is the run" in dialog.verdict.text())
    settle(recorded)
    assert counts(dialog, 0) != born
    with Project.open(recorded.window.bridge.project.path, read_only=True) as project:
        assert masks_of(project.document) == before


def test_a_click_on_a_lane_goes_there_and_selects_the_track(recorded):
    dialog = ask(recorded)
    lanes = dialog.lanes
    row = next(n for n, r in enumerate(lanes.rows.rows) if r.kind == "before" and r.masks > 3)
    frame = 9
    x = lanes.columnViewportPosition(LANE) + int((frame + 0.5) * lanes.columnWidth(LANE) / FRAMES)
    y = lanes.rowViewportPosition(row) + lanes.rowHeight(row) // 2
    QTest.mouseClick(lanes.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(x, y))
    recorded.wait_for_frame(frame)
    assert recorded.state.track == lanes.rows.rows[row].track
    lanes.setFocus()
    QTest.keyClick(lanes, Qt.Key.Key_Return)
    assert recorded.state.frame == lanes.rows.rows[row].lane.shown[0][0]


def test_weights_that_are_gone_are_asked_for(recorded, made_once, tmp_path):
    gone = made_once / "tiny.safetensors"
    moved = gone.rename(tmp_path / "elsewhere.safetensors")
    try:
        dialog = ask(recorded)
        turn(recorded, dialog, "new_score", OTHER)  # the run's own constants need none
        assert "tiny.safetensors" in dialog.problem.text()
        press(dialog.weights_button)
        chooser = dialog.findChild(QFileDialog)
        chooser.fileSelected.emit(str(moved))
        chooser.close()
        recorded.until(lambda: dialog.counts["births"][2].text() not in ("", "="), timeout=60_000)
        assert not dialog.problem.isVisible()
        press_box(dialog.estimate)
        settle(recorded)
        assert dialog.verdict.text().startswith("An estimate")
    finally:
        moved.rename(gone)


def test_recording_can_be_cancelled_and_is_offered_again(predicted):
    dialog = ask(predicted)
    press(dialog.record_button)
    predicted.until(lambda: dialog.bar.value() > 0, timeout=60_000)
    press(dialog.cancel_button)
    predicted.until(dialog.record_button.isEnabled)
    settle(predicted)
    assert dialog.pages.currentIndex() == 0
    assert dialog.record_button.isVisible()


def test_leaving_while_it_is_applied_leaves_the_project_as_it_was(recorded):
    path = recorded.window.bridge.project.path
    before = masks_of(recorded.document)
    dialog = ask(recorded)
    turn(recorded, dialog, "new_score", OTHER)
    press(dialog.apply_button)
    recorded.until(lambda: len(recorded.document.runs) == 2)
    recorded.window.actions.by_id["close_project"].trigger()
    QApplication.processEvents()
    assert "Open a video" in dialog.start_text.text()
    with Project.open(path, read_only=True) as project:
        assert masks_of(project.document) == before
        assert len(project.document.runs) == 1


def test_while_the_model_runs_it_waits(recorded, made_once):
    dialog = ask(recorded)
    flow = recorded.window.run_flow
    flow.start(RunRequest(str(made_once / "tiny.safetensors"), 0, 40, precision="fp32", batch=1))
    recorded.until(lambda: "model is running" in dialog.start_text.text())
    recorded.until(lambda: len(recorded.document.runs) == 2, timeout=60_000)
    flow.cancel()
    recorded.until(lambda: not flow.is_running, timeout=60_000)
    settle(recorded)
    assert dialog.record_button.isVisible()  # another run has another recording


def test_nothing_to_replay_is_said(at_work):
    dialog = ask(at_work)
    assert "No model has gone over" in dialog.start_text.text()
    assert not dialog.record_button.isVisible()
