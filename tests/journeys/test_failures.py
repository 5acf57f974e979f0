"""Why did it fail: from a run's project to its worst place, and against the truth, in the real window."""

import csv
import shutil

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QMessageBox

from app.dialogs.strips_dialog import StripsDialog
from app.panels.event_pictures import object_picture
from app.panels.events_panel import SCORES
from stmask_core.cli import run_verb
from stmask_core.document.commands.identity import delete_masks
from stmask_core.document.commands.tracks import rename_track
from stmask_core.document.scope import Scope
from stmask_core.inspect_project import ProjectObserver
from stmask_core.project import Project
from stmask_core.review.diagnostics.catalogue import DIAGNOSTICS
from stmask_core.review.inspection import inspect
from stmask_core.video.source import open_video
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


def answer(user, path):
    """Choose a file in the dialog that is open."""
    dialog = user.dialog(QFileDialog)
    dialog.fileSelected.emit(str(path))
    dialog.close()


@pytest.fixture
def compared(predicted):
    """A user who has held the run's results against the sample's truth."""
    found = []
    predicted.window.inspect_flow.looked.connect(found.append)
    predicted.window.actions.by_id["compare_truth"].trigger()
    answer(predicted, TRUTH)
    predicted.until(lambda: bool(found))
    predicted.truth = found[0].inspection.truth
    return predicted


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
    look(predicted)
    best = ["score", "Detected against carried, highest", "Occlusion (proxy), highest"]
    predicted.until(lambda: list(strips) == best)
    click(panel_of(predicted), rows_with_a_track(panel_of(predicted).model.rows))
    predicted.until(lambda: "Occlusion (proxy)" in strips)
    track = predicted.state.track
    table = inspected(predicted.window.bridge.project.path).table
    here = table.tracks == track
    shown = strips["Occlusion (proxy)"].listDataItems()[0].getOriginalDataset()[1]
    assert len(shown) == predicted.state.frame_count
    assert shown[table.frames[here]] == pytest.approx(table.columns["occlusion"][here], nan_ok=True)
    assert np.isnan(np.delete(shown, table.frames[here])).all()
    predicted.state.select(())
    predicted.until(lambda: "Occlusion (proxy), highest" in strips)
    shown = strips["Occlusion (proxy), highest"].listDataItems()[0].getOriginalDataset()[1]
    worst = [np.nanmax(table.columns["occlusion"][table.frames == f]) for f in np.unique(table.frames)]
    assert shown[np.unique(table.frames)] == pytest.approx(worst)


def test_strips_are_chosen_from_all_that_is_measured_and_the_choice_stays(predicted):
    look(predicted)
    strips, timeline = predicted.main.timeline.strips, predicted.main.timeline
    QTest.mouseClick(panel_of(predicted).strips_button, Qt.MouseButton.LeftButton)
    dialog = predicted.dialog(StripsDialog)
    rows = [dialog.tree.topLevelItem(row) for row in range(dialog.tree.topLevelItemCount())]
    items = {item.text(0): item for item in rows}
    assert set(items) == {d.title for d in DIAGNOSTICS}
    measured = [float(item.text(1)) for item in rows]
    assert measured == sorted(measured, reverse=True)

    def ticked():
        return {title for title, item in items.items() if item.checkState(0) == Qt.CheckState.Checked}

    by_default = {d.title for d in DIAGNOSTICS if d.auroc >= 0.6} - {"Low score"}
    assert ticked() == by_default
    dialog.tree.setCurrentItem(items["Blur"])
    assert "median sharpness" in dialog.meaning.text()
    assert items["Blur"].text(2) == "0%"  # without the pictures
    for item in items.values():
        item.setCheckState(0, Qt.CheckState.Unchecked)
    predicted.until(lambda: list(strips) == ["score", "count"])
    items["At the border"].setCheckState(0, Qt.CheckState.Checked)
    predicted.until(lambda: list(strips) == ["score", "At the border, highest", "count"])
    assert predicted.window.settings.preferences.strips == ["border"]
    height = timeline.height()
    QTest.mouseClick(dialog.usual_button, Qt.MouseButton.LeftButton)
    assert predicted.window.settings.preferences.strips == []
    assert ticked() == by_default
    predicted.until(lambda: len(strips) > 6)  # room was made for them
    assert height < timeline.height() <= predicted.main.height() // 2
    dialog.close()


def rows_with_a_track(rows):
    return next(n for n, row in enumerate(rows) if row.track is not None)


def test_held_against_the_truth_the_errors_come_first(predicted, tmp_path):
    predicted.window.actions.by_id["compare_truth"].trigger()
    answer(predicted, TRUTH)
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
    answer(predicted, out)
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
    answer(predicted, path)
    predicted.until(lambda: ".csv" in predicted.main.statusBar().currentMessage())
    assert path.read_bytes() == before


def test_an_edit_makes_the_list_old_and_another_video_clears_it(predicted):
    rows = look(predicted)
    track = rows[rows_with_a_track(rows)].track
    rename_track(predicted.document, track, "Rex")
    assert panel_of(predicted).summary.text().endswith("look again.")
    predicted.window.actions.by_id["close_project"].trigger()
    assert not panel_of(predicted).model.rows


# Small pictures


def shown_icon(panel, row):
    """What stands before the words of a line, the picture at its right."""
    icon = panel.model.index(row).data(Qt.ItemDataRole.DecorationRole)
    return icon.pixmap(panel.model.icon_size).toImage()


def test_lines_in_sight_show_their_object_and_the_others_wait(predicted):
    rows, panel = look(predicted), panel_of(predicted)
    near = {row.view for row in rows[:20]}
    far = next(n for n in range(len(rows) // 2, len(rows)) if rows[n].view not in near)
    predicted.until(lambda: panel.model.has_picture(rows[0]))
    at = panel.list.indexAt(QPoint(5, panel.list.viewport().height() - 5)).row()
    predicted.until(lambda: panel.model.has_picture(rows[at]))
    assert not panel.model.has_picture(rows[far])
    video = predicted.window.bridge.project.find_video(predicted.state.video)
    with open_video(video) as source:
        image = source.frame(rows[0].frame)
    shown = shown_icon(panel, 0)
    wide = shown.height() * 4 // 3
    expected = object_picture(image, rows[0].view, (wide, shown.height()))
    left = shown.width() - wide
    middle = [shown.pixelColor(left + x, shown.height() // 2).getRgb()[:3] for x in range(wide)]
    assert middle == [tuple(colour) for colour in expected[shown.height() // 2].tolist()]
    panel.list.scrollTo(panel.model.index(far))
    predicted.until(lambda: panel.model.has_picture(rows[far]))


def test_without_its_video_the_queue_has_no_pictures(user, predicted_once, tmp_path):
    project = tmp_path / "alone.stm"
    project.write_bytes(predicted_once.read_bytes())
    shutil.copy(SAMPLE / "sample.mp4", tmp_path / "sample.mp4")
    user.window.open_flow.open_project(project)
    user.wait_for_frame(0)
    (tmp_path / "sample.mp4").unlink()
    refused = []
    user.window.thumbnail_flow.ready.connect(lambda view, picture: refused.append((view, picture)))
    rows = look(user)
    cached = set(user.window.loader.cached_frames())
    far = next(row.view for row in rows if row.frame not in cached)
    user.window.thumbnail_flow.ask(far, (40, 30))
    user.until(lambda: any(view == far for view, _ in refused))
    assert next(picture for view, picture in refused if view == far) is None


# The truth on the canvas


def outlines(user):
    return list(user.main.canvas.outlines.get("truth", ()))


def test_the_truth_lies_over_the_masks_of_every_frame(compared):
    matches = compared.truth.comparison.matches.frames
    for frame in (0, 1, 40):
        compared.window.navigation.jump(frame)
        compared.wait_for_frame(frame)
        drawn, judged = outlines(compared), matches[frame]
        true = {mask for track in compared.truth.masks.values() for at, mask in track.items() if at == frame}
        assert {outline.mask for outline in drawn if not outline.filled} == true
        missed = [outline for outline in drawn if outline.text.startswith("missed")]
        assert len(missed) == len(judged.missed) == sum(outline.dashed for outline in drawn)
        false = [outline for outline in drawn if outline.text == "false"]
        assert len(false) == len(judged.false) == sum(outline.filled for outline in drawn)
        assert [o.text for o in drawn if "IoU" in o.text] == [f"IoU {iou:.2f}" for iou in judged.ious]
    assert any(len(frame.missed) for frame in matches)


def test_the_truth_is_put_away_and_brought_back_and_goes_with_its_video(compared):
    action = compared.window.actions.by_id["show_truth"]
    assert action.isChecked()
    assert outlines(compared)
    compared.key("Alt+G")
    assert not action.isChecked()
    assert not outlines(compared)
    compared.key("Alt+G")
    assert outlines(compared)
    compared.window.actions.by_id["close_project"].trigger()
    assert not outlines(compared)
    assert not action.isChecked()


def test_without_a_truth_there_is_none_to_show(predicted):
    predicted.key("Alt+G")
    assert "no truth" in predicted.main.statusBar().currentMessage()
    assert not predicted.window.actions.by_id["show_truth"].isChecked()
    predicted.window.actions.by_id["forget_truth"].trigger()
    predicted.until(lambda: "no truth to forget" in predicted.main.statusBar().currentMessage())


def test_a_mask_that_was_edited_is_not_judged_any_more(compared):
    frames = compared.truth.comparison.matches.frames
    frame = next(f for f in frames if len(f.false))
    compared.window.navigation.jump(frame.frame)
    compared.wait_for_frame(frame.frame)
    before = [o for o in outlines(compared) if o.filled]
    compared.state.select((int(frame.false[0]),))
    compared.key("Del")
    assert len([o for o in outlines(compared) if o.filled]) == len(before) - 1


def test_the_truth_stays_for_later_looks_until_it_is_forgotten(compared):
    panel, flow = panel_of(compared), compared.window.inspect_flow
    before = len(panel.model.rows)
    wrong = next(row for row in panel.model.rows if row.kind == "false")
    compared.window.navigation.jump(wrong.frame)
    compared.wait_for_frame(wrong.frame)
    compared.state.select((wrong.track,))
    compared.key("Shift+Del")
    QTest.mouseClick(panel.look_button, Qt.MouseButton.LeftButton)
    compared.until(lambda: len(panel.model.rows) < before)
    assert flow.truth == TRUTH
    assert panel.queue.isVisible()
    compared.window.actions.by_id["forget_truth"].trigger()
    compared.until(lambda: not panel.queue.isVisible())
    assert flow.truth is None
    assert not outlines(compared)


# Scores and verdicts


def lines_of(tree):
    """(text of the verdict, line of a track) for all tracks."""
    tops = [tree.topLevelItem(n) for n in range(tree.topLevelItemCount())]
    return [(top.text(0), top.child(n)) for top in tops for n in range(top.childCount())]


def test_scores_and_verdicts_are_those_of_the_core(compared):
    panel = panel_of(compared)
    panel.queue.setCurrentIndex(panel.queue.findData(SCORES))
    assert panel.truth.isVisible()
    truth, values = compared.truth, panel.truth.values
    tracking = truth.evaluation.tracking
    assert values["AP50"].text() == f"{truth.evaluation.precision.AP50:.3f}"
    assert (values["HOTA"].text(), values["IDF1"].text()) == (f"{tracking.HOTA:.3f}", f"{tracking.IDF1:.3f}")
    counts = truth.comparison.matches.counts
    assert [values[name].text() for name in ("right", "wrong", "missed")] == [
        str(counts[name]) for name in ("CLR_TP", "CLR_FP", "CLR_FN")
    ]
    lines = lines_of(panel.truth.tree)
    assert len(lines) == len(truth.breakdown.verdicts)
    tops = {top.split(" (")[1] for top, _ in lines}
    assert tops == {f"{gain.count})" for gain in truth.breakdown.gains.values() if gain.count}
    compared.window.navigation.jump(7)
    compared.wait_for_frame(7)
    found = truth.comparison.frames[7]
    assert f"{found.wrong} false, {found.missed} missed" in panel.truth.here.text()


def test_a_verdict_leads_to_its_track(compared):
    panel = panel_of(compared)
    panel.queue.setCurrentIndex(panel.queue.findData(SCORES))
    tree = panel.truth.tree
    tree.expandAll()
    _, line = next((top, line) for top, line in lines_of(tree) if line.text(0).startswith("#"))
    tree.scrollToItem(line)
    QTest.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=tree.visualItemRect(line).center())
    track = compared.state.track
    assert line.text(0).startswith(compared.window.bridge.label_of(compared.document.tracks[track]))
    assert compared.state.frame == min(compared.document.annotations.columns(track).frames)
    missed = next(line for top, line in lines_of(tree) if top.startswith("Missed"))
    tree.setCurrentItem(missed)
    compared.window.navigation.jump(70)
    QTest.keyClick(tree, Qt.Key.Key_Return)
    true = int(missed.text(0).split()[1])
    assert compared.state.frame == min(compared.truth.masks[true])


def test_strips_count_the_errors_and_follow_the_track_against_the_truth(compared):
    strips = compared.main.timeline.strips

    def values(name):
        return strips[name].listDataItems()[0].getOriginalDataset()[1]

    frames = compared.truth.comparison.frames
    assert values("False and missed").tolist() == [f.wrong + f.missed for f in frames]
    panel = panel_of(compared)
    click(panel, next(n for n, row in enumerate(panel.model.rows) if row.kind == "false"))
    compared.until(lambda: "IoU with the truth" in strips)
    shown, track = values("IoU with the truth"), compared.state.track
    there = {frame: iou for (frame, known), iou in compared.truth.comparison.iou.items() if known == track}
    assert {int(frame) for frame in np.flatnonzero(np.isfinite(shown))} == set(there)
    assert shown[list(there)].tolist() == list(there.values())


# Two projects


def test_two_annotators_are_compared(at_work, annotated, tmp_path):
    other = tmp_path / "other.stm"
    other.write_bytes(annotated.read_bytes())
    track = min(at_work.document.tracks)
    delete_masks(at_work.document, [track], Scope(10, 15))
    at_work.window.actions.by_id["compare_truth"].trigger()
    answer(at_work, other)
    panel = panel_of(at_work)
    at_work.until(panel.queue.isVisible)
    missed = [(row.frame, row.event.frames) for row in panel.model.rows if row.kind == "missed"]
    assert missed == [(10, 6)]
    at_work.window.navigation.jump(12)
    at_work.wait_for_frame(12)
    (gone,) = [outline for outline in outlines(at_work) if outline.dashed]
    assert gone.text.startswith("missed")


def test_two_runs_are_compared(predicted, predicted_once):
    track = min(predicted.document.tracks)
    frames = predicted.document.annotations.columns(track).frames.tolist()
    predicted.window.inspect_flow.look(predicted_once)
    panel = panel_of(predicted)
    predicted.until(panel.queue.isVisible)
    assert panel.truth.values["wrong"].text() == panel.truth.values["missed"].text() == "0"
    delete_masks(predicted.document, [track], Scope(0, frames[-1]))
    looked = []
    predicted.window.inspect_flow.looked.connect(looked.append)
    predicted.window.actions.by_id["inspect"].trigger()
    predicted.until(lambda: bool(looked))
    assert panel.truth.values["missed"].text() == str(len(frames))


# Filters


def test_the_keys_walk_only_what_the_filters_leave(predicted):
    rows, panel = list(look(predicted)), panel_of(predicted)
    named = rows[rows_with_a_track(rows)].name
    panel.track.setCurrentIndex(panel.track.findData(named))
    mine = [row for row in rows if row.name == named]
    assert panel.model.rows == mine
    word = mine[0].cause.split()[-1].strip(",;.")
    QTest.keyClicks(panel.words, word)
    left = [row for row in mine if word.casefold() in panel.model.text(row).casefold()]
    assert panel.model.rows == left
    gone = []
    panel.go_to.connect(lambda frame, track: gone.append((frame, track)))
    for _ in range(len(left) + 1):
        predicted.key("Alt+PgDown")
    assert gone == [(row.frame, row.track) for row in left]
    assert "No failure" in predicted.main.statusBar().currentMessage()
    panel.words.clear()
    panel.track.setCurrentIndex(0)
    assert panel.model.rows == rows


# Files


def test_the_listed_events_are_saved_from_the_menu(predicted, tmp_path):
    action = predicted.window.actions.by_id["save_events"]
    action.trigger()
    predicted.until(lambda: "No event" in predicted.main.statusBar().currentMessage())
    look(predicted)
    panel, out = panel_of(predicted), tmp_path / "events.csv"
    panel.kind.setCurrentIndex(1)
    action.trigger()
    answer(predicted, out)
    with out.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(int(line["frame"]), line["kind"]) for line in lines] == [
        (row.frame, row.kind) for row in panel.model.rows
    ]


def test_the_report_is_one_page_with_pictures(compared, tmp_path):
    out = tmp_path / "report.html"
    compared.window.actions.by_id["save_report"].trigger()
    answer(compared, out)
    compared.until(lambda: "Saved" in compared.main.statusBar().currentMessage())
    page = out.read_text(encoding="utf-8")
    assert "Against the truth" in page
    assert "What fixing one kind of error alone would add" in page
    assert page.count("data:image/jpeg;base64,") == page.count('<section class="event">') > 4
    assert "<script" not in page
    assert "SHA-256 of the weights" in page


def test_a_report_that_cannot_be_written_leaves_what_was_there(predicted, tmp_path):
    predicted.window.actions.by_id["save_report"].trigger()
    predicted.until(lambda: "Look for failures first" in predicted.main.statusBar().currentMessage())
    look(predicted)
    project = predicted.window.bridge.project.path
    before = project.read_bytes()
    predicted.window.actions.by_id["save_report"].trigger()
    answer(predicted, project)
    predicted.until(lambda: ".html" in predicted.main.statusBar().currentMessage())
    assert project.read_bytes() == before
    (tmp_path / "taken.html").mkdir()
    predicted.window.inspect_flow.save_report(tmp_path / "taken.html")
    box = predicted.dialog(QMessageBox)
    assert "taken.html" in box.text()
    box.close()
    assert not list(tmp_path.glob("*.part"))
