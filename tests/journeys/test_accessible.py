"""Whoever hears the window instead of seeing it: everything that takes keys or clicks says what it is."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QSplitterHandle,
    QTabBar,
    QWidget,
)

from app.dialogs.tour import Tour

PARTS = (QTabBar, QSplitterHandle)
ASKING = (
    "run", "export", "import", "settings", "shortcut_list", "palette", "go_to_frame", "add_note",
    "rename_track", "set_category", "merge_tracks", "swap_tracks", "reassign", "delete_range",
    "copy_forward", "about",
)  # fmt: skip


def name_of(widget):
    """What a screen reader calls a widget."""
    return QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Name).strip()


def interactive(window):
    """Everything to be seen in a window that Tab or the pointer can act on."""
    for widget in window.findChildren(QWidget):
        takes_keys = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
        if not widget.isVisible() or widget.window() is not window.window():
            continue
        whole = widget.parent()
        is_viewport = isinstance(whole, QAbstractScrollArea) and whole.viewport() is widget
        if is_viewport or isinstance(widget, PARTS) or isinstance(whole, QComboBox | QAbstractSpinBox):
            continue  # the whole speaks for its parts
        if takes_keys or isinstance(widget, QAbstractButton):
            yield widget


def nameless(window):
    return [
        f"{type(widget).__name__} {widget.objectName()} in {type(widget.parent()).__name__}"
        for widget in interactive(window)
        if not name_of(widget)
    ]


def test_the_start_page(user):
    assert sum(1 for _ in interactive(user.main)) >= 6
    assert nameless(user.main) == []


def test_the_window_with_each_panel(at_work):
    main = at_work.main
    for panel in main.panels:
        for tracks in ((), (min(at_work.document.tracks),), tuple(at_work.document.tracks)):
            main.show_panel(panel)
            at_work.state.select(tracks)
            at_work.qtbot.wait(100)
            assert sum(1 for _ in interactive(main)) > 15
            assert nameless(main) == [], f"{panel}, {len(tracks)} tracks"


def test_the_panels_with_something_in_them(at_work):
    at_work.window.review_flow.add_note("Look here.")
    at_work.window.main.show_panel("notes")
    notes = at_work.window.panels.notes
    at_work.until(lambda: notes.list.count() == 1)
    notes.list.setCurrentRow(0)
    assert nameless(at_work.main) == []
    at_work.window.run_strip.begin(72)
    assert nameless(at_work.main) == []
    at_work.window.run_strip.fail("It broke off.")
    assert nameless(at_work.main) == []
    at_work.key("Ctrl+Shift+F")
    at_work.until(lambda: at_work.window.panels.failures.save_button.isEnabled())
    assert nameless(at_work.main) == []


def test_the_tour(user):
    user.window.actions.by_id["tour"].trigger()
    (tour,) = user.main.findChildren(Tour)
    assert nameless(tour) == []
    tour.skip()


@pytest.mark.parametrize("action", ASKING)
def test_a_dialog(at_work, action):
    tracks = sorted(at_work.document.tracks)
    there = [t for t in tracks if at_work.document.annotations.has(t, 0)]
    at_work.state.select(tuple(there[: 2 if action in ("merge_tracks", "swap_tracks") else 1]))
    if action == "delete_range":
        at_work.state.set_range((0, 3))
    asked = at_work.window.actions.by_id[action]
    assert asked.isEnabled()
    asked.trigger()
    QApplication.processEvents()
    dialog = at_work.dialog(QDialog)
    assert dialog.windowTitle() or dialog.accessibleName(), "a dialog needs a name, too"
    assert sum(1 for _ in interactive(dialog)) >= 1
    assert nameless(dialog) == []
    dialog.close()
