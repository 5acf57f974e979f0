"""Keys only: the whole way from the start page to an exported file, and where the focus goes meanwhile."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDialog,
    QFileDialog,
    QInputDialog,
    QPushButton,
)

from app.canvas.id_legend import IdLegend
from app.dialogs.export_dialog import ExportDialog
from app.dialogs.import_dialog import ImportDialog
from app.dialogs.palette_dialog import PaletteDialog
from app.dialogs.run_dialog import RunDialog
from app.dialogs.settings_dialog import SettingsDialog
from app.dialogs.shortcuts_dialog import ShortcutsDialog
from app.panels.problems_panel import FINDING
from stmask_core.formats.ytvis_exchange import read_ytvis
from tests.journeys.conftest import on_both_clips

PANELS = ("tracks", "inspector", "why", "notes", "problems", "failures")
LONGEST_ROUND = 120  # presses of Tab; a round that is longer is none


class Keyboard:
    """Ten fingers: each key goes where the focus is, and what the user sees is what answers."""

    def __init__(self, user):
        self.user = user

    @property
    def focus(self):
        """What would get the next key."""
        popup = QApplication.activePopupWidget()
        focus = QApplication.focusWidget()
        if popup is not None:
            return popup.focusWidget() or popup
        assert focus is not None, "nothing has the keyboard"
        return focus

    def press(self, keys, times=1):
        for _ in range(times):
            QTest.keySequence(self.focus, QKeySequence(keys))
            QApplication.processEvents()

    def write(self, text):
        QTest.keyClicks(self.focus, text)

    def tab_to(self, widget):
        for _ in range(LONGEST_ROUND):
            if self.focus is widget:
                return
            self.press("Tab")
        raise AssertionError(f"Tab never comes to {widget}")

    def digit_of(self, track):
        """What the legend calls a track while Ctrl is held."""
        legend = self.user.main.canvas.findChild(IdLegend)
        QTest.keyPress(self.focus, Qt.Key.Key_Control)
        self.user.until(legend.isVisible)
        number = next(n for n, entry in enumerate(legend.entries, 1) if entry.track == track)
        QTest.keyRelease(self.focus, Qt.Key.Key_Control)
        return number

    def answer(self, kind):
        """The dialog that has come up, with the keyboard in it."""
        dialog = self.user.dialog(kind)
        self.user.until(lambda: dialog.isActiveWindow() or dialog is QApplication.activePopupWidget())
        return dialog

    def back_in_the_window(self):
        """A desktop hands the keyboard back when a dialog closes; without one somebody has to."""
        self.user.main.activateWindow()
        self.user.until(self.user.main.isActiveWindow)


@pytest.fixture
def keyboard(user):
    hands = Keyboard(user)
    hands.back_in_the_window()
    return hands


@pytest.fixture
def at_the_keys(at_work, keyboard):
    """The annotated sample is open, the keyboard at the canvas."""
    at_work.state.select((min(at_work.document.tracks),))
    at_work.until(at_work.main.panels["inspector"].name.isVisible)  # it follows a moment later
    assert keyboard.focus is at_work.main.canvas
    return keyboard


@on_both_clips
def test_from_the_start_page_to_an_exported_file(user, keyboard, annotated, tmp_path):
    press, write, state = keyboard.press, keyboard.write, user.state
    keyboard.tab_to(user.main.start_page.findChild(QPushButton, "open_project"))
    press("Return")
    keyboard.answer(QFileDialog)
    write(str(annotated))
    press("Return")
    user.wait_for_frame(0)
    keyboard.back_in_the_window()
    assert keyboard.focus is user.main.canvas
    document = user.document

    press("Right", 3)
    assert state.frame == 3
    press("Ctrl+G")
    keyboard.answer(QInputDialog)
    write("40")
    press("Return")
    keyboard.back_in_the_window()
    user.wait_for_frame(40)

    press("Alt+1")
    press("Down")
    first = state.track
    assert first is not None
    press("Down")
    chosen = state.track
    assert chosen != first

    def masks():
        here = (document.annotation(track, 40) for track in (first, chosen))
        return [annotation and annotation.mask for annotation in here]

    before = masks()
    assert before[1] is not None
    press(f"Ctrl+{keyboard.digit_of(first)}")
    assert masks() == before[::-1]
    press("Ctrl+Z")
    assert masks() == before
    assert (state.track, state.frame) == (chosen, 40)

    press("Ctrl+Shift+N")
    keyboard.answer(QInputDialog)
    write("Look at the tail.")
    press("Tab")
    press("Return")
    keyboard.back_in_the_window()
    (note,) = document.notes.values()
    assert note.comments[0].text == "Look at the tail."
    notes = user.window.panels.notes
    press("Alt+4")
    user.until(lambda: notes.list.count() == 1)
    press("Down")
    keyboard.tab_to(notes.answer)
    write("It is cut off.")
    press("Return")
    keyboard.tab_to(notes.resolve_button)
    press("Space")
    (note,) = document.notes.values()
    assert [comment.text for comment in note.comments] == ["Look at the tail.", "It is cut off."]
    assert note.state == "resolved"

    press("F6")
    press("Y")
    (video,) = document.videos
    assert document.frame_states[video, 40].reviewed
    press("Ctrl+K")
    keyboard.answer(PaletteDialog)
    write("lock or unlock")
    press("Return")
    keyboard.back_in_the_window()
    assert document.tracks[state.track].locked

    press("Ctrl+R")
    run = keyboard.answer(RunDialog)
    user.until(run.run_button.isEnabled, timeout=60_000)
    keyboard.tab_to(run.last)
    press("Ctrl+A")
    write("1")
    press("Return")
    keyboard.back_in_the_window()
    user.until(lambda: not user.window.run_flow.is_running, timeout=120_000)
    assert document.runs

    out = tmp_path / "kept.json"
    press("Ctrl+Shift+E")
    export = keyboard.answer(ExportDialog)
    keyboard.tab_to(export.path)
    press("Ctrl+A")
    write(str(out))
    press("Return")
    user.until(out.exists)
    (video,) = read_ytvis(out).videos
    assert len(video.tracks) == sum(len(document.annotations.rows(t)) > 0 for t in document.tracks)


def round_trip(keyboard, key):
    """Everything that Tab, or Shift+Tab, comes to, until it is where it began."""
    start = keyboard.focus
    seen = [start]
    for _ in range(LONGEST_ROUND):
        keyboard.press(key)
        if keyboard.focus is start:
            return seen
        assert keyboard.focus is not seen[-1], f"{key} is stuck at {keyboard.focus}"
        assert keyboard.focus.isVisible()
        seen.append(keyboard.focus)
    raise AssertionError(f"{key} never comes back; it goes round in {seen[-6:]}")


@pytest.mark.parametrize("panel", PANELS)
def test_tab_walks_through_every_dock_and_back(at_work, at_the_keys, panel):
    main = at_work.main
    main.show_panel(panel)
    there = round_trip(at_the_keys, "Tab")
    parts = [main.canvas, main.tabs, main.timeline]
    if panel != "why":  # what was imported has no evidence to walk through
        parts.append(main.panels[panel])
    for part in parts:
        assert any(part is w or part.isAncestorOf(w) for w in there)
    assert set(round_trip(at_the_keys, "Shift+Tab")) == set(there)


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_with_the_focus_leaves_space_and_arrows_to_the_video(at_work, at_the_keys, panel):
    press, state = at_the_keys.press, at_work.state
    press(f"Alt+{1 + PANELS.index(panel)}")
    assert at_work.main.panels[panel].isVisible()
    assert at_work.main.right_dock.isAncestorOf(at_the_keys.focus)
    if isinstance(at_the_keys.focus, QAbstractButton):
        press("F6")
    press("Right")
    assert state.frame == 1
    press("Left")
    assert state.frame == 0
    press("Space")
    assert state.playing
    press("Space")
    assert not state.playing


def test_space_and_enter_press_the_button_that_tab_came_to(at_work, at_the_keys):
    problems, state = at_work.window.panels.problems, at_work.state
    at_the_keys.press("Alt+5")
    at_the_keys.tab_to(problems.check_button)
    for key in ("Space", "Return"):
        problems.summary.setText("")
        at_the_keys.press(key)
        at_work.until(lambda: bool(problems.summary.text()))
        assert not state.playing
    at_the_keys.press("Right")
    assert state.frame == 1


def test_a_click_on_a_button_leaves_the_keyboard_where_it_was(at_work, at_the_keys):
    main = at_work.main
    main.show_panel("problems")
    QTest.mouseClick(main.panels["problems"].check_button, Qt.MouseButton.LeftButton)
    assert at_the_keys.focus is main.canvas


def test_arrows_choose_tracks_from_the_first_and_go_on_from_the_chosen_one(at_work, keyboard):
    first, second, third, *_ = sorted(at_work.document.tracks)
    at_work.state.select(())
    keyboard.press("Alt+1")
    keyboard.press("Down")
    assert at_work.state.selection == (first,)
    keyboard.press("Down")
    assert at_work.state.selection == (second,)
    at_work.state.select((third,))
    keyboard.press("Up")
    assert at_work.state.selection == (second,)


def test_letters_are_words_in_a_field_and_shortcuts_outside(at_work, at_the_keys):
    search, state = at_work.window.panels.tracks.search, at_work.state
    at_the_keys.press("Alt+1")
    at_the_keys.tab_to(search)
    at_the_keys.write("be")
    at_the_keys.press("Left")
    assert search.text() == "be"
    assert (state.tool, state.frame) == ("select", 0)
    at_the_keys.press("F6")
    assert not search.hasFocus()
    at_the_keys.press("B")
    assert state.tool == "brush"


def test_arrows_turn_the_deck(at_work, at_the_keys):
    main = at_work.main
    deck = main.tabs.findChildren(QAbstractButton, "panel")
    at_the_keys.tab_to(deck[0])
    at_the_keys.press("Right")
    assert main.tabs.currentWidget() is main.panels["why"]
    at_the_keys.press("Left", 2)
    assert main.tabs.currentWidget() is main.panels["failures"]
    assert main.panels["tracks"].isVisible()
    assert at_work.state.frame == 0


def test_enter_folds_a_kind_of_problem_and_goes_to_one(at_work, at_the_keys):
    problems, press = at_work.window.panels.problems, at_the_keys.press
    press("Ctrl+Shift+V")
    at_work.until(lambda: problems.tree.topLevelItemCount() > 0)
    press("Alt+5")
    press("Down")
    one = problems.tree.currentItem()
    press("Return")
    assert at_work.state.track == one.data(0, FINDING).track
    assert at_work.state.frame == one.data(0, FINDING).frame
    press("Up")
    kind = problems.tree.currentItem()
    assert kind is one.parent()
    for unfolded in (False, True):
        press("Return")
        assert kind.isExpanded() is unfolded


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ("Ctrl+R", RunDialog),
        ("Ctrl+Shift+E", ExportDialog),
        ("Ctrl+I", ImportDialog),
        ("Ctrl+,", SettingsDialog),
        ("F1", ShortcutsDialog),
        ("Ctrl+G", QInputDialog),
        ("Ctrl+Shift+N", QInputDialog),
        ("Ctrl+K", PaletteDialog),
    ],
)
def test_tab_walks_round_in_every_dialog_and_escape_leaves_it(at_work, at_the_keys, keys, kind):
    at_the_keys.press(keys)
    dialog = at_the_keys.answer(kind)
    seen = round_trip(at_the_keys, "Tab")
    assert all(dialog.isAncestorOf(widget) for widget in seen)
    assert set(round_trip(at_the_keys, "Shift+Tab")) == set(seen)
    buttons = [b for b in dialog.findChildren(QPushButton) if b.isVisible() and b.isEnabled()]
    assert set(buttons) <= set(seen)
    at_the_keys.press("Esc")
    QApplication.processEvents()
    assert not any(d.isVisible() for d in at_work.main.findChildren(QDialog))
