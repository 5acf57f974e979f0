"""Every action is bound, in a menu, found by the palette, and reached by its own keys and no others'."""

from functools import partial

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QListWidget

from app.actions import (
    ACTIONS,
    MASK,
    PRESETS,
    PROJECT,
    RANGE,
    RUNNING,
    TRACK,
    TWO_TRACKS,
    VIDEO,
    keys_of,
)
from app.dialogs.palette_dialog import PaletteDialog
from tests.real_window import real_window

EVERYTHING = {PROJECT, VIDEO, TRACK, MASK, TWO_TRACKS, RANGE, RUNNING}
# Keys that drafts on the canvas, the legend and "see the frame alone" listen to.
HELD_KEYS = {"Esc", "Return", "Enter", "Backspace", "`", *"123456789", *(f"Ctrl+{n}" for n in range(1, 10))}


@pytest.fixture
def window(qtbot, tmp_path):
    """The real window on its start page, on its own preferences."""
    settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    with real_window(settings) as window:
        qtbot.waitExposed(window.main)
        yield window


@pytest.fixture
def heard(window, qtbot):
    """Ids of the actions that were asked for; none of them does anything else."""
    heard = []
    window.actions.bind({spec.id: partial(heard.append, spec.id) for spec in ACTIONS})
    window.main.show_video_page(True)
    window.actions.enable(EVERYTHING)
    window.main.activateWindow()
    qtbot.waitUntil(window.main.isActiveWindow)
    window.main.canvas.setFocus()
    return heard


def test_every_action_does_something(window):
    assert window.actions.unbound() == set()


def test_every_action_is_in_its_menu_once(window):
    found = [
        (menu.objectName(), action.objectName())
        for menu in window.main.menuBar().actions()
        for action in menu.menu().actions()
        if not action.isSeparator()
    ]
    assert sorted(found) == sorted((spec.menu, spec.id) for spec in ACTIONS)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_key_reaches_its_action_and_no_other(window, heard, preset):
    window.settings.update(shortcut_preset=preset)
    window.actions.enable(EVERYTHING)
    for spec in ACTIONS:
        for key in keys_of(spec, preset, {}):
            heard.clear()
            QTest.keySequence(window.main.canvas, QKeySequence(key))
            assert heard == [spec.id], f"{key} of {spec.id}"


@pytest.mark.parametrize("preset", PRESETS)
def test_keys_of_drafts_and_of_the_legend_are_no_shortcuts(qapp, preset):
    claimed = {key: spec.id for spec in ACTIONS for key in keys_of(spec, preset, {}) if key in HELD_KEYS}
    assert claimed == ({"Esc": "tool_select"} if preset == "cvat" else {})  # which drops a draft as well


def test_the_palette_finds_every_action_by_its_text_and_runs_it(window, heard):
    for spec in ACTIONS:
        if spec.id == "palette":
            continue
        heard.clear()
        palette = PaletteDialog(window.main, window.actions.by_id)
        palette.show()
        line, found = palette.findChild(QLineEdit), palette.findChild(QListWidget)
        QTest.keyClicks(line, spec.text.removesuffix("…"))
        ids = [found.item(row).data(Qt.ItemDataRole.UserRole) for row in range(found.count())]
        assert spec.id in ids
        for _ in range(ids.index(spec.id)):
            QTest.keyClick(line, Qt.Key.Key_Down)
        QTest.keyClick(line, Qt.Key.Key_Return)
        assert heard == [spec.id]
        QApplication.processEvents()


def test_the_palette_offers_only_what_can_be_done_now(window):
    palette = PaletteDialog(window.main, window.actions.by_id)
    palette.show()
    found = palette.findChild(QListWidget)
    ids = {found.item(row).data(Qt.ItemDataRole.UserRole) for row in range(found.count())}
    assert "open_video" in ids
    assert "export" not in ids
    palette.close()
