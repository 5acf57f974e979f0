"""The notes panel, with keys and clicks."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.panels.notes_panel import NotesPanel
from stmask_core.document.records import Comment, ReviewNote

LATE = ReviewNote(7, 1, 90, None, comments=(Comment("ann", "Two dogs?", "2026-01-02T03:04:05+00:00"),))
EARLY = ReviewNote(8, 1, 12, 3, comments=(Comment("bob", "Cut the tail"), Comment("ann", "Done")))
SETTLED = ReviewNote(9, 1, 40, 2, state="resolved", comments=(Comment("", "Old"),))


@pytest.fixture
def panel(qtbot):
    panel = NotesPanel()
    qtbot.addWidget(panel)
    panel.show_notes([LATE, EARLY, SETTLED])
    panel.resize(330, 480)
    panel.show()
    return panel


def choose(panel, row):
    item = panel.list.item(row)
    QTest.mouseClick(
        panel.list.viewport(), Qt.MouseButton.LeftButton, pos=panel.list.visualItemRect(item).center()
    )


def test_open_notes_come_by_frame_and_all_can_be_asked_for(panel):
    assert [panel.list.item(i).text().split("\n")[0] for i in range(panel.list.count())] == [
        "Frame 12 · #3 · 1 reply",
        "Frame 90",
    ]
    panel.filter.setFocus()
    QTest.keyClick(panel.filter, Qt.Key.Key_Down)
    assert panel.list.count() == 3
    assert panel.list.item(1).text().startswith("✓ Frame 40")
    assert panel.count.text() == "2 open, 3 in all"


def test_a_click_goes_to_the_note(panel, qtbot):
    with qtbot.waitSignal(panel.go_to) as gone:
        choose(panel, 0)
    assert gone.args == [12, 3]
    assert "Cut the tail" in panel.conversation.toPlainText()
    with qtbot.waitSignal(panel.go_to) as gone:
        QTest.keyClick(panel.list, Qt.Key.Key_Down)
        QTest.keyClick(panel.list, Qt.Key.Key_Return)
    assert gone.args == [90, None]
    assert "ann · 2026-01-02 03:04" in panel.conversation.toPlainText()


def test_a_reply_is_sent_by_enter_and_an_empty_one_is_not(panel, qtbot):
    sent = []
    panel.reply.connect(lambda note, text: sent.append((note, text)))
    choose(panel, 0)
    QTest.keyClick(panel.answer, Qt.Key.Key_Return)
    QTest.keyClicks(panel.answer, " I see ")
    panel.show_notes([LATE, EARLY, SETTLED])
    assert panel.answer.text() == " I see "
    QTest.keyClick(panel.answer, Qt.Key.Key_Return)
    assert sent == [(8, "I see")]
    assert panel.answer.text() == ""


def test_notes_are_resolved_opened_again_and_deleted(panel, qtbot):
    told = []
    panel.resolve.connect(lambda note, resolved: told.append((note, resolved)))
    panel.delete.connect(told.append)
    panel.filter.setCurrentIndex(1)
    choose(panel, 0)
    QTest.mouseClick(panel.resolve_button, Qt.MouseButton.LeftButton)
    choose(panel, 1)
    assert panel.resolve_button.text() == "Open again"
    QTest.keyClick(panel.resolve_button, Qt.Key.Key_Space)
    QTest.mouseClick(panel.delete_button, Qt.MouseButton.LeftButton)
    assert told == [(8, True), (9, False), 9]


def test_what_needs_a_note_is_off_without_one(panel, qtbot):
    panel.show_notes([])
    assert not panel.answer.isEnabled()
    assert not panel.delete_button.isEnabled()
    with qtbot.waitSignal(panel.add):
        QTest.mouseClick(panel.add_button, Qt.MouseButton.LeftButton)
