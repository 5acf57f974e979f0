"""Keys that belong to what has the keyboard focus, although the window has shortcuts on them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton


class PressKeys(QObject):
    """Lets Space and Enter press the focused button or open the focused box, ahead of shortcuts."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Claim the keys; a click of Enter is made here, that of Space by the button itself."""
        if not isinstance(event, QKeyEvent) or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            return False
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.type() == QEvent.Type.ShortcutOverride and (enter or event.key() == Qt.Key.Key_Space):
            event.accept()
            return True
        if enter and event.type() == QEvent.Type.KeyPress and isinstance(watched, QAbstractButton):
            watched.click()
            return True
        return False
