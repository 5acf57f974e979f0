"""The queue of failures, with keys and clicks, filled with events found in clips made by hand."""

import csv
import io

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.panels.event_pictures import object_picture
from app.panels.event_rows import ObjectView, rows_csv, rows_of_errors, rows_of_events
from app.panels.events_panel import EventsPanel
from stmask_core.review.comparison import compare
from stmask_core.review.events import events_csv, find_events
from stmask_core.structures.masks import Mask
from tests.core import test_review_truth as truths
from tests.core.test_review_diagnostics import block, clip, track

RED = (200, 0, 0)


def name_of(id_):
    return f"#{id_} dog", RED


def nowhere(_track, _frame):
    """A track without a mask."""


def error_rows(errors, count=20):
    return rows_of_errors(errors, count, name_of, nowhere, nowhere, "true track {0}")


@pytest.fixture(scope="module")
def events():
    """Births, deaths and a return of two tracks, and a cut."""
    still = {frame: block(20, 20, 10, 10) for frame in [5, 6, 7, 20]}
    short = {frame: block(120, 20, 10, 10) for frame in [8, 9]}
    change = [0.0] * 30 + [0.9] + [0.0] * 9
    return find_events(clip(track(still), track(short, id_=2), change=change))


@pytest.fixture(scope="module")
def errors():
    """A missed object and a false mask."""
    seen = truths.standing(1, 0, 0, range(20))
    false = truths.standing(7, 80, 40, range(3, 6))
    return compare(truths.clip([seen, truths.standing(2, 50, 30, range(4, 14))], [seen, false])).events


@pytest.fixture
def panel(qtbot):
    panel = EventsPanel()
    qtbot.addWidget(panel)
    panel.resize(330, 480)
    panel.show()
    return panel


def places(panel):
    return [(row.frame, row.track, row.kind) for row in panel.model.rows]


def text(panel, row, role=Qt.ItemDataRole.DisplayRole):
    return panel.model.index(row).data(role)


def icon(panel, row):
    """What stands before the words."""
    size = panel.model.icon_size
    return panel.model.index(row).data(Qt.ItemDataRole.DecorationRole).pixmap(size).toImage()


def click(panel, row):
    where = panel.list.visualRect(panel.model.index(row)).center()
    QTest.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=where)


def choose(box, data):
    box.setCurrentIndex(box.findData(data))


def test_the_queue_is_shown_as_it_comes_with_names_and_causes(panel, events):
    panel.show_rows(rows_of_events(events, name_of, nowhere))
    assert places(panel) == [(e.frame, e.track, e.kind) for e in events]
    at = next(n for n, e in enumerate(events) if e.kind == "re-match")
    assert text(panel, at) == f"Frame 20 · #1 dog\nTaken up again\n{events[at].cause}"
    assert f"severity {events[at].severity:.2f}" in text(panel, at, Qt.ItemDataRole.AccessibleTextRole)
    cut = next(n for n, e in enumerate(events) if e.kind == "cut")
    assert text(panel, cut).startswith("Frame 30\nCut in the video\n")


def test_the_bar_is_as_high_as_the_event_is_severe(panel, events):
    panel.show_rows(rows_of_events(events, name_of, nowhere))
    worst, last = (icon(panel, row) for row in (0, len(events) - 1))

    def filled(image):
        return sum(image.pixelColor(2, y).alpha() == 255 for y in range(image.height())) / image.height()

    assert filled(worst) == pytest.approx(events[0].severity, abs=0.08)
    assert filled(worst) > filled(last) > 0
    row = next(n for n, e in enumerate(events) if e.track is not None)
    image = icon(panel, row)
    assert image.pixelColor(12, 5).getRgb()[:3] == RED


def test_a_click_and_enter_go_there(panel, events, qtbot):
    panel.show_rows(rows_of_events(events, name_of, nowhere))
    with qtbot.waitSignal(panel.go_to) as gone:
        click(panel, 1)
    assert gone.args == [events[1].frame, events[1].track]
    QTest.keyClick(panel.list, Qt.Key.Key_Down)
    with qtbot.waitSignal(panel.go_to) as gone:
        QTest.keyClick(panel.list, Qt.Key.Key_Return)
    assert gone.args == [events[2].frame, events[2].track]
    assert panel.cause.text() == events[2].cause


def test_next_and_previous_walk_the_queue_to_its_ends(panel, events):
    gone = []
    panel.go_to.connect(lambda frame, track: gone.append((frame, track)))
    assert not panel.step(True)
    panel.show_rows(rows_of_events(events, name_of, nowhere))
    while panel.step(True):
        pass
    assert gone == [(e.frame, e.track) for e in events]
    assert panel.step(False)
    assert panel.row.event == events[-2]


def test_it_is_narrowed_by_kind_and_severity_and_the_choice_stays(panel, events):
    panel.show_rows(rows_of_events(events, name_of, nowhere))
    choose(panel.kind, "birth")
    births = [e for e in events if e.kind == "birth"]
    assert [row.event for row in panel.model.rows] == births
    assert panel.summary.text() == f"{len(births)} of {len(events)} places"
    click(panel, 1)
    choose(panel.kind, None)
    assert panel.row.event == births[1]
    panel.least.setValue(0.4)
    assert [row.event for row in panel.model.rows] == [e for e in events if e.severity >= 0.4]
    panel.least.setValue(1)
    assert not panel.model.rows
    assert not panel.save_button.isEnabled()


def test_it_is_narrowed_by_track_and_words_too(panel, events):
    panel.show_rows(rows_of_events(events, name_of, nowhere))
    choose(panel.track, "#2 dog")
    assert {row.track for row in panel.model.rows} == {2}
    choose(panel.track, None)
    QTest.keyClicks(panel.words, "TAKEN again")
    assert [row.kind for row in panel.model.rows] == ["re-match"]
    assert panel.summary.text() == f"1 of {len(events)} places"
    gone = []
    panel.go_to.connect(lambda frame, track: gone.append((frame, track)))
    assert panel.step(True)
    assert not panel.step(True)
    assert gone == [(20, 1)]
    QTest.keyClicks(panel.words, " nowhere")
    assert not panel.model.rows
    assert "filters" in panel.hint.text()
    panel.clear()
    assert not panel.words.text()


def test_names_from_outside_are_words_and_nothing_else(panel, events):
    panel.show_rows(rows_of_events(events, lambda track: (f"<img src=x>{track}", RED), nowhere))
    row = next(n for n, e in enumerate(events) if e.track is not None)
    assert "&lt;img" in text(panel, row, Qt.ItemDataRole.ToolTipRole)


def test_errors_come_to_the_front_and_the_suspicions_stay_at_hand(panel, events, errors):
    suspicions = rows_of_events(events, name_of, nowhere)
    panel.show_rows(suspicions)
    assert not panel.queue.isVisible()
    panel.show_rows(suspicions, error_rows(errors))
    assert places(panel) == [(4, None, "missed"), (3, 7, "false")]
    assert text(panel, 0) == "Frame 4 · true track 2\nMissed object\nnothing covers it, for 10 frames"
    assert panel.model.rows[0].severity == 0.5
    choose(panel.queue, "suspicions")
    assert len(places(panel)) == len(events)
    panel.show_rows(suspicions)
    assert len(places(panel)) == len(events)


def test_what_is_shown_can_be_saved(panel, events, errors, qtbot):
    panel.show_rows(rows_of_events(events, name_of, nowhere))
    choose(panel.kind, "birth")
    with qtbot.waitSignal(panel.save_wanted) as wanted:
        QTest.mouseClick(panel.save_button, Qt.MouseButton.LeftButton)
    (rows,) = wanted.args
    assert rows_csv(rows) == events_csv([e for e in events if e.kind == "birth"])
    lines = list(csv.DictReader(io.StringIO(rows_csv(error_rows(errors)))))
    assert [(line["frame"], line["track"], line["true_track"], line["frames"]) for line in lines] == [
        ("4", "", "2", "10"),
        ("3", "7", "", "3"),
    ]


def test_what_it_says(panel, events, qtbot):
    assert panel.summary.text() == "Not looked for failures yet."
    with qtbot.waitSignal(panel.look_wanted):
        QTest.mouseClick(panel.look_button, Qt.MouseButton.LeftButton)
    panel.show_progress(3, 40)
    assert "3 of 40" in panel.summary.text()
    panel.show_summary()
    assert panel.summary.text() == "Not looked for failures yet."
    assert panel.hint.isVisible()
    panel.show_rows([])
    assert panel.summary.text() == panel.hint.text() == "Nothing looks wrong."
    panel.mark_stale()
    assert panel.summary.text() == "Nothing looks wrong."
    panel.show_rows(rows_of_events(events, name_of, nowhere))
    panel.mark_stale()
    assert panel.summary.text().endswith("look again.")
    panel.clear()
    assert not panel.model.rows


# Small pictures

GREY, SIZE = 90, (64, 48)


def picture_of(mask, size=(200, 300)):
    """Of a grey image (height, width) with one bright pixel column at x = 150."""
    image = np.full((*size, 3), GREY, np.uint8)
    image[:, 150] = 255
    return object_picture(image, ObjectView(0, mask, RED), SIZE)


def square(x, y, side, size=(200, 300)):
    bits = np.ones((side, side), bool)
    return Mask.from_crop(bits, y0=y, x0=x, height=size[0], width=size[1])


def reds(picture):
    """(rows, columns) where the outline is drawn."""
    red, green, _ = np.moveaxis(picture.astype(int), 2, 0)
    return np.nonzero((red - green) > 60)


def test_a_picture_shows_the_object_in_its_middle_outlined():
    picture = picture_of(square(40, 80, 40))
    assert picture.shape == (48, 64, 3)
    rows, columns = reds(picture)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(23.5, abs=1)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(31.5, abs=1)
    across = rows.max() - rows.min()
    assert across == pytest.approx(np.ptp(columns), abs=1)  # a square stays one
    assert picture[(rows.min() + rows.max()) // 2, 32].tolist() == [GREY] * 3  # nothing fills it


@pytest.mark.parametrize("at", [(0, 0), (290, 190), (0, 100), (299, 199)])
def test_at_the_border_of_the_image_nothing_is_made_up(at):
    picture = picture_of(square(*at, 10))
    assert len(reds(picture)[0])
    assert not (picture == 40).all(axis=2).any()  # no ground is seen


def test_without_a_mask_the_whole_frame_is_shown_on_a_ground():
    picture = picture_of(None)
    assert not len(reds(picture)[0])
    assert picture[24].max(axis=1).argmax() in (31, 32)
    assert (picture[0] == 40).all()  # the image is wider than the picture
    other = picture_of(square(5, 5, 10, size=(20, 20)))
    assert np.array_equal(picture, other)  # a mask of another size lies nowhere
