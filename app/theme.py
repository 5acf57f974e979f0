"""Dark, light and system looks, switched live: a palette, a short style sheet, and the canvas greys."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

# Neutral greys around the picture: a coloured frame biases how masks are judged.
DARK = {
    "window": "#1e1f22", "base": "#17181a", "raised": "#2b2d31", "text": "#e3e4e6", "faint": "#8f939a",
    "line": "#3a3d42", "accent": "#4c9be8", "canvas": "#141516", "danger": "#ef6b6b",
}  # fmt: skip
LIGHT = {
    "window": "#f4f5f6", "base": "#ffffff", "raised": "#e7e9ec", "text": "#1d1f23", "faint": "#63686f",
    "line": "#c9cdd3", "accent": "#1c6fc4", "canvas": "#d5d7da", "danger": "#b3261e",
}  # fmt: skip

STYLE = """
QToolBar {{ border: none; spacing: 2px; padding: 2px; background: {window}; }}
QToolButton {{ border: none; border-radius: 4px; padding: 5px; }}
QToolButton:hover {{ background: {raised}; }}
QToolButton:checked {{ background: {accent}; color: {base}; }}
QToolButton:focus, QPushButton:focus {{ border: 1px solid {accent}; }}
QToolButton#word {{ padding: 3px 8px; }}
QFrame#line {{ background: {line}; border: none; }}
QMenuBar {{ background: {window}; }}
QMenuBar::item {{ padding: 8px 9px; background: transparent; border-radius: 4px; }}
QMenuBar::item:selected {{ background: {raised}; }}
QTabWidget::pane {{ border: 1px solid {line}; }}
QToolButton#panel {{ color: {faint}; padding: 5px 3px; border-radius: 0; border-bottom: 2px solid {line}; }}
QToolButton#panel:hover {{ color: {text}; }}
QToolButton#panel:checked {{ background: transparent; color: {text}; border-bottom-color: {accent}; }}
QToolButton#panel:focus {{ border: none; border-bottom: 2px solid {accent}; background: {raised}; }}
QPushButton {{ background: {raised}; border: 1px solid {line}; border-radius: 4px; padding: 5px 12px; }}
QComboBox, QAbstractSpinBox {{ min-height: 1.4em; }}
QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
QDialog#palette {{ border: 1px solid {line}; }}
QListWidget#roomy::item {{ padding: 6px 8px; }}
QPushButton:hover {{ border-color: {accent}; }}
QPushButton:disabled {{ color: {faint}; }}
QPushButton#primary {{ background: {accent}; color: {base}; border-color: {accent}; font-weight: 600; }}
QDockWidget {{ titlebar-close-icon: none; }}
QDockWidget::title {{ background: {window}; padding: 6px 8px; }}
QGroupBox {{ border: none; margin-top: 18px; font-weight: 600; }}
QGroupBox::title {{ subcontrol-origin: margin; left: 2px; color: {faint}; }}
QLineEdit, QPlainTextEdit {{
    background: {base}; border: 1px solid {line}; border-radius: 4px; padding: 3px 6px; }}
QLineEdit:focus, QPlainTextEdit:focus {{
    border-color: {accent}; }}
QTableView, QListView, QTreeView {{ background: {base}; border: 1px solid {line}; gridline-color: {line};
    alternate-background-color: {window}; selection-background-color: {accent}; }}
QPushButton#primary:disabled {{ background: {raised}; color: {faint}; border-color: {line}; }}
QHeaderView::section {{ background: {window}; border: none; border-bottom: 1px solid {line}; padding: 4px; }}
QSplitter::handle {{ background: {line}; }}
QStatusBar {{ color: {faint}; }}
QToolTip {{ background: {raised}; color: {text}; border: 1px solid {line}; padding: 4px; }}
QMenu {{ background: {raised}; border: 1px solid {line}; }}
QMenu::item {{ padding: 3px 24px; }}
QMenu::item:selected {{ background: {accent}; color: {base}; }}
QMenu::item:disabled {{ color: {faint}; }}
QMenu::separator {{ height: 1px; background: {line}; margin: 4px 8px; }}
QCheckBox::indicator:unchecked, QTreeView::indicator:unchecked {{
    width: 12px; height: 12px; background: {base}; border: 1px solid {faint}; border-radius: 2px; }}
QLabel#faint {{ color: {faint}; }}
QLabel#heading {{ font-weight: 600; }}
QLabel#title {{ font-size: 20pt; font-weight: 600; }}
"""


def colours(theme: str) -> dict[str, str]:
    """Named colours of ``dark``, ``light`` or ``system`` (which follows the desktop)."""
    if theme == "system":
        dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return DARK if dark else LIGHT
    return LIGHT if theme == "light" else DARK


def apply_theme(application: QApplication, theme: str) -> None:
    """Give every window of ``application`` the named look, now."""
    named = colours(theme)
    role = QPalette.ColorRole
    palette = QPalette()
    for which, name in (
        (role.Window, "window"), (role.Base, "base"), (role.AlternateBase, "window"), (role.Button, "raised"),
        (role.WindowText, "text"), (role.Text, "text"), (role.ButtonText, "text"), (role.ToolTipText, "text"),
        (role.ToolTipBase, "raised"), (role.Highlight, "accent"), (role.HighlightedText, "base"),
        (role.Mid, "line"), (role.PlaceholderText, "faint"), (role.Link, "accent"),
    ):  # fmt: skip
        palette.setColor(which, QColor(named[name]))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(named["faint"]))
    application.setStyle("Fusion")
    application.setPalette(palette)
    application.setStyleSheet(STYLE.format(**named))
