"""The panels of the right dock: one in front, and buttons that turn to the others."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QHBoxLayout,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

IN_A_ROW = 3  # a narrow dock shows every name whole; tabs in one row would be cut or scroll away
STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}


class PanelDeck(QWidget):
    """Shows one of its panels, as a tab widget does, with all names to be read."""

    currentChanged = Signal(int)

    def __init__(self, panels: Sequence[QWidget]) -> None:
        """panels: in their order; their window titles are on the buttons."""
        super().__init__()
        self._panels = tuple(panels)
        self._pages = QStackedWidget()
        self._group = QButtonGroup(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 0)
        layout.setSpacing(0)
        for number, panel in enumerate(panels):
            if number % IN_A_ROW == 0:
                row = QHBoxLayout()
                row.setSpacing(0)
                layout.addLayout(row)
            self._pages.addWidget(panel)
            row.addWidget(self._make_button(number, panel))
        layout.addSpacing(4)
        layout.addWidget(self._pages, 1)
        self._group.idClicked.connect(self._pages.setCurrentIndex)
        self._pages.currentChanged.connect(self._on_turned)
        self._on_turned(0)

    def currentWidget(self) -> QWidget:
        """The panel in front."""
        return self._panels[self._pages.currentIndex()]

    def setCurrentWidget(self, panel: QWidget) -> None:
        """Bring a panel to the front."""
        self._pages.setCurrentWidget(panel)

    def button_in_front(self) -> QAbstractButton:
        """The button of the panel in front."""
        return self._group.button(self._pages.currentIndex())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrow keys turn from a button to its neighbour, as in a row of tabs."""
        if not isinstance(event, QKeyEvent) or event.modifiers() or event.key() not in STEPS:
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
        elif event.type() == QEvent.Type.KeyPress:
            step = STEPS[Qt.Key(event.key())]
            self._pages.setCurrentIndex((self._pages.currentIndex() + step) % self._pages.count())
            self.button_in_front().setFocus(Qt.FocusReason.TabFocusReason)
        return True

    def _make_button(self, number: int, panel: QWidget) -> QToolButton:
        button = QToolButton()
        button.setObjectName("panel")
        button.setText(panel.windowTitle())
        button.setCheckable(True)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.installEventFilter(self)
        self._group.addButton(button, number)
        return button

    def _on_turned(self, number: int) -> None:
        self._group.button(number).setChecked(True)
        self.currentChanged.emit(number)
