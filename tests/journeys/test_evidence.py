"""The two masks that a run kept of an object: seen, chosen from with one key, what was left out restored."""

import shutil

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QEnterEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from app.flows.evidence_flow import CARRIED, DETECTED
from app.panels.candidate_list import CANDIDATE
from app.panels.event_rows import ObjectView
from app.timeline.lanes_item import LanesItem
from app.timeline.rows import DETECTED as SOLID
from app.timeline.rows import PROPAGATED, Lane, Spans
from stmask_core.cli import run_verb
from stmask_core.document.commands.masks import lock_masks, set_mask
from stmask_core.document.evidence import evidence_of, kept_masks, leftovers_at
from stmask_core.document.scope import Scope
from stmask_core.structures.masks import Mask, intersection, iou, union
from tests.core.document_walk import snapshot
from tests.journeys.conftest import SAMPLE, _move
from tests.journeys.test_pictures import (
    FOR_THE_GUIDE,
    HEIGHT,
    REPOSITORY,
    WIDTH,
    Camera,
    at_rest,
    in_sight,
)

FRAMES = 45
LOST = 2


@pytest.fixture(scope="module")
def predicted_once(tmp_path_factory):
    """A project with a run of the network in the box over the beginning of the sample, made once."""
    folder = tmp_path_factory.mktemp("predicted")
    clip = shutil.copy(SAMPLE / "sample.mp4", folder / "sample.mp4")
    words = [str(clip), "--weights", "demo", "--out", str(folder), "--precision", "fp32"]
    run_verb("run", [*words, "--frames", f"0:{FRAMES}"])
    return folder / "sample.stm"


@pytest.fixture
def predicted(user, sample, predicted_once, tmp_path):
    """A user with the run's results on the canvas."""
    project = tmp_path / "sample.stm"
    project.write_bytes(predicted_once.read_bytes())
    user.window.open_flow.open_project(project)
    user.wait_for_frame(0)
    user.main.activateWindow()
    user.until(user.main.isActiveWindow)
    user.main.canvas.setFocus()
    return user


def run_of(user):
    (run,) = user.document.runs.values()
    return run


def evidence_at(user, frame):
    return evidence_of(user.document, run_of(user), frame)


def go(user, frame):
    user.window.navigation.jump(frame)
    user.wait_for_frame(frame)


def both_known(user):
    """(frame, track) pairs where a detected and a carried mask are known that cross each other."""
    for frame in range(1, FRAMES):
        for track in sorted(user.document.tracks):
            if user.document.annotations.has(track, frame):
                kept = kept_masks(user.document, track, frame)
                if not (kept and kept.detected and kept.carried):
                    continue
                both = intersection(kept.detected, kept.carried)
                alone = min(kept.detected.area, kept.carried.area) - both.area
                if alone and 0.1 < iou(kept.detected, kept.carried) < 0.95:
                    yield frame, track, kept


def select_both_known(user):
    """Go to the first such place and select the object there."""
    frame, track, kept = next(both_known(user))
    go(user, frame)
    user.state.select((track,))
    return frame, track, kept


def drawn(user, layer="evidence"):
    return list(user.main.canvas.outlines.get(layer, ()))


def press(user, key, modifier=Qt.KeyboardModifier.NoModifier):
    QTest.keyClick(user.main.canvas, key, modifier)
    QApplication.processEvents()


def message(user):
    return user.main.statusBar().currentMessage()


def colours_on(user):
    picture = user.main.canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(picture.constBits(), np.uint32).reshape(picture.height(), -1) & 0xFFFFFF
    return set(np.unique(pixels).tolist())


def number(colour):
    red, green, blue = colour
    return red << 16 | green << 8 | blue


def test_both_masks_of_the_selected_object_are_outlined_and_follow_the_frame(predicted):
    frame, track, kept = select_both_known(predicted)
    assert not {number(DETECTED), number(CARRIED)} & colours_on(predicted)
    press(predicted, Qt.Key.Key_E, Qt.KeyboardModifier.AltModifier)
    different, carried, detected = drawn(predicted)
    assert (detected.mask, detected.dashed) == (kept.detected, False)
    assert (carried.mask, carried.dashed) == (kept.carried, True)
    alike = iou(kept.detected, kept.carried)
    assert different.filled
    assert different.mask.area == pytest.approx(union(kept.detected, kept.carried).area * (1 - alike))
    assert (detected.text, carried.text) == ("detected", f"carried, IoU {alike:.2f}")
    assert {number(DETECTED), number(CARRIED)} <= colours_on(predicted)
    go(predicted, frame + 1)
    later = kept_masks(predicted.document, track, frame + 1)
    assert {later.detected, later.carried} - {None} <= {outline.mask for outline in drawn(predicted)}
    predicted.state.select(())
    here = [t for t in predicted.document.tracks if predicted.document.annotations.has(t, frame + 1)]
    known = [kept_masks(predicted.document, t, frame + 1) for t in here]
    assert {k.detected for k in known if k.detected} <= {outline.mask for outline in drawn(predicted)}
    press(predicted, Qt.Key.Key_E, Qt.KeyboardModifier.AltModifier)
    assert drawn(predicted) == []
    assert not predicted.window.actions.by_id["show_evidence"].isChecked()


def test_one_key_goes_through_the_masks_and_each_press_is_one_undo_step(predicted):
    frame, track, kept = select_both_known(predicted)
    choices = [kept.detected, kept.carried, union(kept.detected, kept.carried)]
    choices.append(intersection(kept.detected, kept.carried))
    shown = predicted.document.annotation(track, frame).mask
    at, before = choices.index(shown), snapshot(predicted.document)
    names = ("Detected mask", "Carried mask", "Union", "Intersection")
    for step in range(1, 6):
        press(predicted, Qt.Key.Key_S)
        annotation = predicted.document.annotation(track, frame)
        assert annotation.mask == choices[(at + step) % 4]
        assert annotation.source == "manual"
        assert message(predicted).startswith(names[(at + step) % 4])
        assert f"{iou(kept.detected, kept.carried):.2f}" in message(predicted)
    for _ in range(5):
        predicted.key("Ctrl+Z")
    assert snapshot(predicted.document) == before


def test_a_drawn_mask_is_one_of_them_even_after_the_project_was_closed(predicted):
    frame, track, kept = select_both_known(predicted)
    mine = union(kept.detected, Mask.from_polygons([[5, 5, 25, 5, 25, 25]], *size_of(predicted)))
    set_mask(predicted.document, track, frame, mine)
    for expected in (kept.detected, kept.carried):
        press(predicted, Qt.Key.Key_S)
        assert predicted.document.annotation(track, frame).mask == expected
    project = predicted.window.bridge.project.path
    predicted.window.actions.by_id["close_project"].trigger()
    predicted.window.open_flow.open_project(project)
    predicted.until(lambda: predicted.window.bridge.project is not None)
    go(predicted, frame)
    predicted.state.select((track,))
    for _ in range(3):
        press(predicted, Qt.Key.Key_S)
    assert predicted.document.annotation(track, frame).mask == mine
    assert "Human mask" in message(predicted)


def size_of(user):
    (video,) = user.document.videos.values()
    return video.height, video.width


def test_a_range_takes_the_same_choice_and_leaves_locked_masks(predicted):
    frame, track, _ = select_both_known(predicted)
    last = frame + 6
    lock_masks(predicted.document, track, Scope.this_frame(frame + 2), locked=True)
    locked = predicted.document.annotation(track, frame + 2)
    steps = len(predicted.document.history.undo_names())
    predicted.state.set_range((frame, last))
    press(predicted, Qt.Key.Key_S)
    assert len(predicted.document.history.undo_names()) == steps + 1
    for at in range(frame, last + 1):
        kept, annotation = kept_masks(predicted.document, track, at), predicted.document.annotation(track, at)
        if at == frame + 2:
            assert annotation == locked
        elif kept is not None and kept.carried is not None:
            assert annotation.mask == kept.carried
    assert "Carried mask; frames changed" in message(predicted)
    assert "locked and kept: 1" in message(predicted)


def test_an_object_that_no_run_knows_is_told(predicted):
    predicted.window.edit_flow.new_track()
    press(predicted, Qt.Key.Key_S)
    predicted.until(lambda: "No model run" in message(predicted))


def test_lanes_show_where_tracks_were_hidden_and_contested(predicted):
    lanes = predicted.main.timeline.lanes
    assert lanes.evidence == {}
    predicted.key("Alt+E")
    predicted.until(lambda: bool(lanes.evidence))
    track_of = dict(run_of(predicted).tracks)
    hidden, contested = {}, {}
    for frame in range(FRAMES):
        evidence = evidence_at(predicted, frame)
        for n in evidence.hidden.tolist():
            hidden.setdefault(track_of.get(n), []).append(frame)
        for n in set(evidence.wanted[evidence.outcomes == LOST].tolist()):
            contested.setdefault(track_of.get(n), []).append(frame)
    assert any(track in lanes.evidence for track in hidden)
    assert any(track in lanes.evidence for track in contested)
    for track in predicted.document.tracks:
        if track in lanes.evidence:
            found = lanes.evidence[track]
            assert frames_of(found.hidden_starts, found.hidden_stops) == hidden.get(track, [])
            assert frames_of(found.contested_starts, found.contested_stops) == contested.get(track, [])
        else:
            assert track not in hidden
            assert track not in contested
    predicted.key("Alt+E")
    assert lanes.evidence == {}


def frames_of(starts, stops):
    return [
        f for start, stop in zip(starts.tolist(), stops.tolist(), strict=True) for f in range(start, stop)
    ]


def test_the_hatch_is_fainter_the_older_the_mask(qapp):
    spans = Spans(
        *(np.array(column) for column in ([0, 5, 20, 30], [5, 20, 25, 40], [SOLID, PROPAGATED] * 2))
    )
    assert spans.ages_from[[1, 3]].tolist() == [4, 24]
    lane = Lane(1, "#1", (200, 10, 10), spans, np.zeros(0, np.int64))
    pixels = LanesItem()._pixels(lane, np.linspace(0, 40, 40 * 12 + 1), 12)
    ink = pixels[..., 3].reshape(12, 40, 12).mean(axis=(0, 2))
    assert (ink[0], ink[26]) == (255, 0)
    assert ink[4] > ink[5] > ink[8] > ink[13]
    assert ink[30] == ink[10]  # both six frames after the last detection, whatever lies between


def leftover_with_a_free_pixel(user):
    """(frame, leftover, x, y): a pixel where it is what restoring takes."""
    for frame in range(1, FRAMES):
        left = leftovers_at(user.document, run_of(user), frame)
        for leftover in left:
            if leftover.kind != "lost":
                continue
            bits = leftover.mask.bits()
            for other in left:
                if other is not leftover and other.mask.area <= leftover.mask.area:
                    bits &= ~other.mask.bits()
            rows, columns = np.nonzero(bits)
            if len(rows):
                middle = len(rows) // 2
                return frame, leftover, int(columns[middle]), int(rows[middle])
    raise AssertionError("the run has lost no detection")


def hover(user, x, y):
    _move(
        user.main.canvas, user.at(x + 0.5, y + 0.5), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    )


def test_a_detection_that_lost_is_seen_under_the_pointer_and_restored_with_a_key(predicted):
    frame, leftover, x, y = leftover_with_a_free_pixel(predicted)
    go(predicted, frame)
    hover(predicted, x, y)
    assert drawn(predicted, "leftovers") == []
    predicted.key("Alt+E")
    hover(predicted, x, y)
    assert leftover.mask in [outline.mask for outline in drawn(predicted, "leftovers")]
    tracks = set(predicted.document.tracks)
    press(predicted, Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier)
    (new,) = set(predicted.document.tracks) - tracks
    assert predicted.document.annotation(new, frame).mask == leftover.mask
    assert predicted.state.selection == (new,)
    predicted.key("Ctrl+Z")
    assert set(predicted.document.tracks) == tracks
    QApplication.sendEvent(predicted.main.canvas, QEvent(QEvent.Type.Leave))
    assert drawn(predicted, "leftovers") == []


def test_the_context_menu_restores_it_with_one_click(predicted):
    frame, leftover, x, y = leftover_with_a_free_pixel(predicted)
    predicted.key("Alt+E")
    go(predicted, frame)
    place = predicted.at(x + 0.5, y + 0.5)
    canvas = predicted.main.canvas
    asked = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, canvas.mapToGlobal(QPoint(place)))
    QApplication.sendEvent(canvas, asked)
    menu = next(m for m in predicted.main.findChildren(QMenu) if m.isVisible())
    entry = menu.actions()[0]
    assert entry.text() == f"Restore: {predicted.window.evidence_flow.words_of(leftover)}"
    tracks = set(predicted.document.tracks)
    QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(entry).center())
    (new,) = set(predicted.document.tracks) - tracks
    assert predicted.document.annotation(new, frame).mask == leftover.mask


def test_why_this_id_restores_what_was_left_out_with_one_click(predicted):
    frame, leftover, _, _ = leftover_with_a_free_pixel(predicted)
    go(predicted, frame)
    predicted.state.select((leftover.track,))
    predicted.main.show_panel("why")
    panel = predicted.window.panels.why
    left = leftovers_at(predicted.document, run_of(predicted), frame)
    predicted.until(lambda: {row.leftover for row in panel.left_out.rows} == set(left))
    row = next(row for row in panel.left_out.rows if row.leftover == leftover)
    predicted.until(lambda: panel.pictures.has(row.view))
    assert drawn(predicted, "leftovers") == []
    QApplication.sendEvent(row, QEnterEvent(QPointF(1, 1), QPointF(1, 1), QPointF(1, 1)))
    assert [outline.mask for outline in drawn(predicted, "leftovers")] == [leftover.mask]
    tracks = set(predicted.document.tracks)
    QTest.mouseClick(row.button, Qt.MouseButton.LeftButton)
    (new,) = set(predicted.document.tracks) - tracks
    assert predicted.document.annotation(new, frame).mask == leftover.mask
    predicted.until(lambda: leftover not in [row.leftover for row in panel.left_out.rows])


def test_why_this_id_shows_what_was_compared(predicted):
    frame, track, kept = select_both_known(predicted)
    predicted.main.show_panel("why")
    panel = predicted.window.panels.why
    predicted.until(lambda: panel.candidates.count() > 1)
    evidence = evidence_at(predicted, frame)
    asked = [
        ObjectView(frame, kept.detected, predicted.window.bridge.colour_of(predicted.document.tracks[track]))
    ]
    for row in range(panel.candidates.count()):
        item = panel.candidates.item(row)
        candidate, view = item.data(CANDIDATE), panel._delegate.view_at(panel.candidates.indexFromItem(item))
        if candidate.name is None:
            assert view is None
            continue
        then = frame - candidate.age
        before = evidence_at(predicted, then)
        won = np.flatnonzero((before.wanted == candidate.name.number) & (before.outcomes != LOST))
        assert (view.frame, view.mask) == (then, before.masks[won[0]])
        if panel.candidates.visualItemRect(item).bottom() < panel.candidates.viewport().height():
            asked.append(view)
    assert len(evidence.track_ids) == panel.candidates.count() - 1
    predicted.until(lambda: all(panel.pictures.has(view) for view in asked))
    assert not panel.picture.pixmap().isNull()
    seen = panel.candidates.grab().toImage()
    first = panel.candidates.visualItemRect(panel.candidates.item(0))
    colours = {
        seen.pixelColor(x, first.center().y()).name() for x in range(first.left() + 8, first.left() + 40)
    }
    assert len(colours) > 5  # a picture, not a plain ground


def test_without_the_evidence_in_view_the_key_shows_it_first(predicted):
    before = snapshot(predicted.document)
    press(predicted, Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier)
    assert predicted.window.actions.by_id["show_evidence"].isChecked()
    assert snapshot(predicted.document) == before
    press(predicted, Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier)
    predicted.until(lambda: "Nothing" in message(predicted))


def test_damaged_evidence_is_told_and_the_rest_is_shown(predicted):
    frame, _, _ = select_both_known(predicted)
    later = next(place[0] for place in both_known(predicted) if place[0] > frame)
    with predicted.document.edit("Damage"):
        predicted.document.put_evidence(run_of(predicted).id, frame, b"STE1 and then nothing")
    predicted.key("Alt+E")
    assert drawn(predicted) == []
    assert "cannot be read" in message(predicted)
    predicted.state.select(())
    go(predicted, later)
    assert drawn(predicted)
    lanes = predicted.main.timeline.lanes
    predicted.until(lambda: bool(lanes.evidence))


def test_the_view_goes_with_the_project_and_comes_with_the_next(predicted):
    frame, _, kept = select_both_known(predicted)
    predicted.key("Alt+E")
    predicted.until(lambda: bool(predicted.main.timeline.lanes.evidence))
    project = predicted.window.bridge.project.path
    predicted.window.actions.by_id["close_project"].trigger()
    assert drawn(predicted) == []
    assert predicted.main.timeline.lanes.evidence == {}
    predicted.window.open_flow.open_project(project)
    predicted.until(lambda: predicted.window.bridge.project is not None)
    go(predicted, frame)
    assert kept.detected in [outline.mask for outline in drawn(predicted)]
    predicted.until(lambda: bool(predicted.main.timeline.lanes.evidence))


def test_pictures_for_the_guide(predicted, tmp_path):
    predicted.main.resize(WIDTH, HEIGHT)
    place = max(both_known(predicted), key=lambda place: (place[0] == 24, place[2].detected.area))
    go(predicted, place[0])
    predicted.state.select((place[1],))
    predicted.key("Alt+E")
    predicted.until(lambda: bool(predicted.main.timeline.lanes.evidence))
    at_rest(predicted)
    camera = Camera(REPOSITORY / "docs" / "guide" if FOR_THE_GUIDE else tmp_path)
    camera.take(predicted.main, "evidence")
    predicted.main.show_panel("why")
    panel = predicted.window.panels.why
    predicted.until(lambda: panel.candidates.count() > 1 and not panel.picture.pixmap().isNull())
    rows = [panel.candidates.model().index(row, 0) for row in in_sight(panel.candidates)]
    views = [view for view in map(panel._delegate.view_at, rows) if view is not None]
    predicted.until(lambda: all(panel.pictures.has(view) for view in views))
    predicted.until(lambda: all(panel.pictures.has(row.view) for row in panel.left_out.rows[:2]))
    camera.take(predicted.main.tabs, "why")
