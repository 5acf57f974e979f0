"""The list of shortcuts (F1), by menu."""

from __future__ import annotations

import html

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from app.actions import ACTIONS, keys_of, tr
from app.settings import Preferences

MOUSE = (
    ("Wheel", "Zoom to the pointer"),
    ("Shift+Wheel", "Brush size"),
    ("Middle drag, Space+drag", "Pan"),
    ("Hold `", "See the frame alone"),
    ("Hold Ctrl", "Numbered legend of the tracks; a digit reassigns the selected one from here on"),
    ("1 … 9", "Select the n-th track of the legend"),
    ("Ctrl while painting", "Erase, subtract"),
    ("Double-click a mask", "Make it human"),
    ("Shift+drag on the timeline", "Select a range of frames"),
    ("Enter, Esc", "Finish or drop a polygon; confirm or leave a preview"),
)


def shortcuts_as_html(preferences: Preferences) -> str:
    """A table of every action that has a shortcut, and of the mouse."""
    parts = []
    menus = dict.fromkeys(spec.menu for spec in ACTIONS)
    for menu in menus:
        rows = []
        for spec in ACTIONS:
            keys = keys_of(spec, preferences.shortcut_preset, preferences.shortcuts)
            if spec.menu == menu and keys:
                native = " or ".join(
                    QKeySequence(k).toString(QKeySequence.SequenceFormat.NativeText) for k in keys
                )
                rows.append((native, tr(spec.text)))
        parts.append(_section(tr(menu), rows))
    parts.append(_section(tr("Mouse and held keys"), [(tr(a), tr(b)) for a, b in MOUSE]))
    return "".join(parts)


def _section(title: str, rows: list[tuple[str, str]]) -> str:
    lines = "".join(
        f"<tr><td width='230'><b>{html.escape(keys)}</b></td><td>{html.escape(text)}</td></tr>"
        for keys, text in rows
    )
    return f"<h3>{html.escape(title)}</h3><table cellpadding='3'>{lines}</table>"


class ShortcutsDialog(QDialog):
    """Shows the list; not modal, so it can stay beside the work."""

    def __init__(self, parent: QWidget | None, preferences: Preferences) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Shortcuts"))
        text = QTextBrowser()
        text.setHtml(shortcuts_as_html(preferences))
        text.setAccessibleName(self.tr("List of shortcuts"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(text)
        layout.addWidget(buttons)
        self.resize(620, 640)
