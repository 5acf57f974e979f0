"""The problems panel, with keys and clicks."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.panels.problems_panel import MOST_SHOWN, ProblemsPanel
from stmask_core.document.validation import Finding

FOUND = [
    Finding("gap", "note", "Track 2 has 1 gap, 3 frames in all.", 1, 40, 3, 2),
    Finding("empty_mask", "error", "Track 1 has empty masks in 2 frames from 9 on.", 1, 9, 2, 1),
    Finding("empty_mask", "error", "Track 4 has empty masks in 1 frame from 5 on.", 1, 5, 1, 4),
    Finding("no_masks", "warning", "Track 3 has no mask.", 1, None, 0, 3),
]


@pytest.fixture
def panel(qtbot):
    panel = ProblemsPanel()
    qtbot.addWidget(panel)
    panel.resize(330, 480)
    panel.show()
    return panel


def click(panel, item):
    QTest.mouseClick(
        panel.tree.viewport(), Qt.MouseButton.LeftButton, pos=panel.tree.visualItemRect(item).center()
    )


def test_findings_are_grouped_errors_first(panel):
    panel.show_findings(FOUND)
    tops = [panel.tree.topLevelItem(i).text(0) for i in range(panel.tree.topLevelItemCount())]
    assert tops == ["Empty masks (2)", "Tracks without masks (1)", "Gaps in tracks (1)"]
    assert panel.tree.topLevelItem(0).child(0).text(0).startswith("Track 4")
    assert panel.summary.text() == "2 errors, 1 warning, 1 note"


def test_a_click_or_enter_goes_there(panel, qtbot):
    panel.show_findings(FOUND)
    with qtbot.waitSignal(panel.go_to) as gone:
        click(panel, panel.tree.topLevelItem(0).child(1))
    assert gone.args == [9, 1]
    with qtbot.waitSignal(panel.go_to) as gone:
        QTest.keyClick(panel.tree, Qt.Key.Key_Down)  # the next kind
        QTest.keyClick(panel.tree, Qt.Key.Key_Down)
        QTest.keyClick(panel.tree, Qt.Key.Key_Return)
    assert gone.args == [-1, 3]


def test_a_kind_is_no_place_to_go(panel, qtbot):
    panel.show_findings(FOUND)
    with qtbot.assertNotEmitted(panel.go_to):
        click(panel, panel.tree.topLevelItem(0))


def test_the_places_serve_next_issue(panel):
    panel.show_findings([*FOUND, FOUND[0]])
    assert panel.frames() == [(5, 4), (9, 1), (40, 2)]


def test_nothing_found_and_asking_again(panel, qtbot):
    panel.show_findings([])
    assert panel.summary.text() == "No problems."
    with qtbot.waitSignal(panel.check_again):
        QTest.mouseClick(panel.check_button, Qt.MouseButton.LeftButton)


def test_a_flood_of_findings_is_cut_and_folded(panel):
    panel.show_findings([Finding("overlap", "note", f"{n}", 1, n, 1, n) for n in range(MOST_SHOWN + 5)])
    group = panel.tree.topLevelItem(0)
    assert not group.isExpanded()
    assert group.child(group.childCount() - 1).text(0) == "and 5 more"
    assert len(panel.frames()) == MOST_SHOWN + 5
