"""The question before a run, and the strip that shows one, with keys and clicks."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.dialogs.run_dialog import RunDialog
from app.flows.run_request import RunRequest
from app.panels.run_strip import RunStrip, duration

GIVEN = RunRequest("demo", 0, 99, retire=30, letterbox=True)


@pytest.fixture
def make(qtbot):
    def make(request=GIVEN, frame_count=100, known=True, **options):
        dialog = RunDialog(None, request, frame_count, **options)
        qtbot.addWidget(dialog)
        dialog.show()
        qtbot.waitExposed(dialog)
        if known:
            dialog.show_description(request.weights, "STMask small: 8 categories.", True)
        return dialog

    return make


def pick(combo, text):
    """Choose an entry with the keyboard, as a user types its first letters."""
    combo.setFocus()
    while text not in combo.currentText():
        before = combo.currentIndex()
        QTest.keyClick(combo, Qt.Key.Key_Down)
        assert combo.currentIndex() != before, f"no {text} among the choices"


def asked_for(dialog, qtbot):
    with qtbot.waitSignal(dialog.confirmed) as said:
        QTest.keyClick(dialog, Qt.Key.Key_Return)
    return said.args[0]


def test_enter_runs_what_was_given(make, qtbot):
    assert asked_for(make(), qtbot) == GIVEN


def test_escape_runs_nothing(make, qtbot):
    dialog = make()
    with qtbot.assertNotEmitted(dialog.confirmed):
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_nothing_runs_before_the_weights_are_known(make, qtbot):
    dialog = make(known=False)
    assert not dialog.run_button.isEnabled()
    assert dialog.reason.isVisible()
    with qtbot.assertNotEmitted(dialog.confirmed):
        QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert dialog.isVisible()
    dialog.show_description("demo", "STMask small: 8 categories.", True)
    assert dialog.description.text() == "STMask small: 8 categories."
    assert dialog.run_button.isEnabled()
    assert not dialog.reason.isVisible()


def test_each_file_is_asked_about_once_and_answers_may_come_late(make, qtbot):
    wanted = []
    dialog = RunDialog(None, GIVEN, 100, recent=["/w/old.pth"])
    qtbot.addWidget(dialog)
    dialog.describe_wanted.connect(wanted.append)
    dialog.show()
    pick(dialog.weights, "old.pth")
    QTest.keyClick(dialog.weights, Qt.Key.Key_Up)
    pick(dialog.weights, "old.pth")
    assert wanted == ["demo", "/w/old.pth"]
    dialog.show_description("demo", "small", True)
    assert not dialog.run_button.isEnabled()  # the answer was about the other file
    dialog.show_description("/w/old.pth", "STMask+ with ResNet-50", True)
    assert dialog.description.text() == "STMask+ with ResNet-50"
    assert asked_for(dialog, qtbot).weights == "/w/old.pth"


def test_a_bad_file_says_why_and_cannot_run(make, qtbot):
    dialog = make()
    dialog.choose_weights("/w/bad.pth")
    dialog.show_description("/w/bad.pth", "bad.pth wants to run code.", False)
    assert dialog.mark.isVisible()
    assert dialog.description.text() == "bad.pth wants to run code."
    assert not dialog.run_button.isEnabled()
    pick_up = dialog.weights
    pick_up.setFocus()
    QTest.keyClick(pick_up, Qt.Key.Key_Home)
    assert dialog.run_button.isEnabled()
    assert not dialog.mark.isVisible()


def test_long_words_are_shown_whole(make, qtbot):
    dialog = make()
    words = "This file is not what it seems to be. " * 12
    dialog.show_description("demo", words, False)
    label = dialog.description
    qtbot.waitUntil(lambda: label.height() >= label.heightForWidth(label.width()))


def test_frames_follow_the_choice_and_the_numbers(make, qtbot):
    dialog = make(frame=40, marked=(10, 19))
    pick(dialog.frames, "Marked range")
    assert (dialog.first.value(), dialog.last.value()) == (10, 19)
    assert dialog.frame_words.text() == "10 frames"
    pick(dialog.frames, "From here on")
    assert (dialog.first.value(), dialog.last.value()) == (40, 99)
    dialog.first.setFocus()
    dialog.first.selectAll()
    QTest.keyClicks(dialog.first, "7")
    QTest.keyClick(dialog.first, Qt.Key.Key_Tab)
    assert dialog.frames.currentText() == "Other frames"
    asked = asked_for(dialog, qtbot)
    assert (asked.first, asked.last) == (7, 99)


def test_the_marked_range_is_shown_as_such_from_the_start(make):
    dialog = make(RunRequest("demo", 10, 19), marked=(10, 19))
    assert dialog.frames.currentText() == "Marked range"


def test_frames_the_wrong_way_round_are_refused_in_words(make):
    dialog = make()
    dialog.last.setFocus()
    dialog.last.selectAll()
    QTest.keyClicks(dialog.last, "3")
    dialog.first.setFocus()
    dialog.first.selectAll()
    QTest.keyClicks(dialog.first, "5")
    assert not dialog.run_button.isEnabled()
    assert "first frame" in dialog.reason.text()


def test_a_video_of_one_frame(make, qtbot):
    asked = asked_for(make(RunRequest("demo", 0, 0), 1), qtbot)
    assert (asked.first, asked.last) == (0, 0)


def test_the_wished_device_is_taken_when_it_turns_up(make, qtbot):
    dialog = make(RunRequest("demo", 0, 99, device="cuda"))
    assert dialog.request().device == "auto"
    dialog.offer_devices([("cuda", "A fast card")])
    assert asked_for(dialog, qtbot).device == "cuda"


def test_a_chosen_device_stays_when_others_turn_up(make):
    dialog = make(devices=[("cuda", "A fast card")])
    pick(dialog.device, "Processor")
    dialog.offer_devices([("cuda", "A fast card")])
    assert dialog.request().device == "cpu"


def test_every_setting_reaches_the_request(make, qtbot):
    dialog = make()
    pick(dialog.precision, "reference")
    QTest.keyClick(dialog.temporal, Qt.Key.Key_Space)
    QTest.keyClick(dialog.more_button, Qt.Key.Key_Space)
    assert dialog.categories.isVisible()
    pick(dialog.categories, "OVIS")
    QTest.keyClick(dialog.letterbox, Qt.Key.Key_Space)
    dialog.retire.setFocus()
    dialog.retire.selectAll()
    QTest.keyClicks(dialog.retire, "12")
    QTest.keyClick(dialog.batch, Qt.Key.Key_Up)
    asked = asked_for(dialog, qtbot)
    assert asked == RunRequest(
        "demo", 0, 99, "ovis", precision="fp32", temporal=False, letterbox=False, retire=12, batch=1
    )


def test_what_is_missing_is_said_and_nothing_is_asked(qtbot):
    dialog = RunDialog(None, GIVEN, 100, missing="Install it: pip install torch")
    qtbot.addWidget(dialog)
    with qtbot.assertNotEmitted(dialog.describe_wanted):
        dialog.show()
    assert dialog.missing.text() == "Install it: pip install torch"
    assert not dialog.run_button.isEnabled()
    assert not dialog.weights.isEnabled()


def test_tab_goes_through_the_dialog_from_top_to_bottom(make):
    dialog = make()
    dialog.weights.setFocus()
    seen = []
    while dialog.focusWidget() not in seen:
        seen.append(dialog.focusWidget())
        QTest.keyClick(seen[-1], Qt.Key.Key_Tab)
    order = [
        dialog.weights, dialog.browse_button, dialog.frames, dialog.first, dialog.last, dialog.device,
        dialog.precision, dialog.temporal, dialog.more_button, dialog.run_button,
    ]  # fmt: skip
    assert [widget for widget in seen if widget in order] == order


@pytest.fixture
def page(qtbot):
    """Something that takes the room which the strip leaves, as the timeline does in the window."""
    page = QWidget()
    qtbot.addWidget(page)
    QVBoxLayout(page).addWidget(QLabel(), 1)
    page.resize(700, 300)
    page.show()
    return page


@pytest.fixture
def strip(page):
    strip = RunStrip()
    page.layout().insertWidget(0, strip)
    return strip


def click(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_strip_is_there_only_during_a_run(strip):
    assert not strip.isVisible()
    strip.begin(240)
    assert strip.isVisible()
    assert strip.bar.maximum() == 0  # nothing is known yet
    strip.advance(60, 7.5, 24.0)
    assert (strip.bar.value(), strip.bar.maximum()) == (60, 240)
    for fact in ("60 of 240", "7.5 frames/s", "0:24"):
        assert fact in strip.words.text()
    strip.finish()
    assert not strip.isVisible()


def test_the_strip_asks_and_waits_to_be_told(strip, qtbot):
    strip.begin(240)
    strip.advance(60, 7.5, 24.0)
    with qtbot.waitSignal(strip.pause_wanted):
        click(strip.pause_button)
    assert strip.pause_button.text() == "Pause"
    strip.paused(True)
    assert strip.pause_button.text() == "Go on"
    assert "60 of 240" in strip.words.text()
    strip.paused(False)
    with qtbot.waitSignal(strip.cancel_wanted):
        strip.cancel_button.setFocus()
        QTest.keyClick(strip.cancel_button, Qt.Key.Key_Space)
    strip.advance(61, 7.5, 23.0)  # was on its way
    assert strip.words.text() == "Stopping…"
    with qtbot.assertNotEmitted(strip.cancel_wanted):
        click(strip.cancel_button)


def test_a_second_run_starts_afresh(strip):
    strip.begin(240)
    strip.advance(200, 7.5, 5.0)
    click(strip.cancel_button)
    strip.finish()
    strip.begin(10)
    assert strip.cancel_button.isEnabled()
    assert strip.pause_button.text() == "Pause"
    strip.advance(1, 2.0, 4.5)
    assert "1 of 10" in strip.words.text()


def test_a_failure_stays_until_it_is_closed(strip, qtbot):
    strip.begin(240)
    strip.fail("The device ran out of memory. Choose fewer frames at once. " * 6)
    words = strip.words
    qtbot.waitUntil(lambda: words.height() >= words.heightForWidth(words.width()))
    assert not strip.bar.isVisible()
    assert not strip.cancel_button.isVisible()
    click(strip.close_button)
    assert not strip.isVisible()
    strip.begin(5)
    assert strip.bar.isVisible()
    assert not strip.close_button.isVisible()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599.4, "59:59"), (3661, "1:01:01"), (-3, "0:00")]
)
def test_durations_read_like_a_clock(seconds, text):
    assert duration(seconds) == text
