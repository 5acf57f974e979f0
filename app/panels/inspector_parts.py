"""What the pages of the inspector are built of: asking buttons, rows, marks."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.panels.press_keys import PressKeys
from app.panels.small_pictures import clear_pixmap
from stmask_core.document.records import Colour, Source

MARK_PX = 22
LINK_STYLE = "QToolButton { padding: 1px 4px; color: palette(link); }"
BOX_STYLE = (  # an empty box would be hard to see on the dark theme
    "QCheckBox::indicator:unchecked { width: 11px; height: 11px; border-radius: 2px; "
    "border: 1px solid palette(placeholder-text); background: palette(base); }"
)


class SourceMark(QWidget):
    """A small mask in the track's colour, outlined as the canvas outlines masks of its source."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(MARK_PX, MARK_PX)
        self._colour: Colour = (0, 0, 0)
        self._source: Source = "detected"
        self._human = False

    def show_mark(self, colour: Colour, source: Source, human: bool) -> None:
        """Show the mark of a mask."""
        self._colour, self._source, self._human = colour, source, human
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Thick when a person had a hand in it, dashed when propagated, thin otherwise."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inside = QColor(*self._colour)
        inside.setAlpha(110)
        dashed = self._source == "propagated"
        style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
        painter.setPen(QPen(QColor(*self._colour), 2.5 if self._human else 1.2, style))
        painter.setBrush(inside)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(2, 2, -2, -2), 6, 6)


class AskingPanel(QWidget):
    """A panel whose buttons write nothing: each asks for something."""

    asked = Signal(str)  # id of an action of the table

    def __init__(self) -> None:
        super().__init__()
        self.press_keys = PressKeys(self)

    def press(self, act: Callable[[], None]) -> None:
        """A button was pressed."""
        act()

    def button(self, text: str, act: Callable[[], None]) -> QPushButton:
        """A push button that does something."""
        button = QPushButton(text)
        self.watch(button, act)
        button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        return button

    def asking(self, text: str, action: str) -> QPushButton:
        """A push button that asks for an action."""
        return self.button(text, lambda: self.asked.emit(action))

    def tick(self, text: str, action: str) -> QCheckBox:
        """A tick that asks for an action."""
        box = QCheckBox(text)
        box.setStyleSheet(BOX_STYLE)
        self.watch(box, lambda: self.asked.emit(action))
        return box

    def small(self, text: str, action: str) -> QToolButton:
        """A button that looks like a link and asks for an action."""
        button = self.tool_button(lambda: self.asked.emit(action))
        button.setText(text)
        button.setStyleSheet(LINK_STYLE)
        return button

    def tool_button(self, act: Callable[[], None]) -> QToolButton:
        """A button without a frame."""
        button = QToolButton()
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.watch(button, act)
        return button

    def watch(self, button: QAbstractButton, act: Callable[[], None]) -> None:
        """Press ``act`` by pointer and by key."""
        button.installEventFilter(self.press_keys)
        button.clicked.connect(lambda _=False: self.press(act))


class Rows:
    """Lines of a label, a value and maybe a button, at the end of a layout."""

    def __init__(self, layout: QVBoxLayout) -> None:
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(1, 1)
        layout.addLayout(self._grid)

    def add(self, text: str, button: QAbstractButton | None = None) -> QLabel:
        """Another line; returns the label of its value."""
        row = self._grid.rowCount()
        label, value = QLabel(text), QLabel()
        label.setObjectName("faint")
        value.setAccessibleName(text)
        value.setWordWrap(True)
        self._grid.addWidget(label, row, 0)
        self._grid.addWidget(value, row, 1)
        if button is not None:
            button.setAccessibleName(f"{text}: {button.text()}")
            self._grid.addWidget(button, row, 2)
        return value


def empty_page() -> tuple[QWidget, QVBoxLayout]:
    """A page and the column that it is filled in."""
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(2, 2, 2, 2)
    return page, layout


def heading(text: str = "") -> QLabel:
    """A line in bold."""
    label = QLabel(text)
    label.setObjectName("heading")
    return label


def beside(*widgets: QWidget) -> QHBoxLayout:
    """Widgets in one row, of one width."""
    line = QHBoxLayout()
    for widget in widgets:
        line.addWidget(widget, 1)
    return line


def swatch(colour: Colour, ratio: float) -> QIcon:
    """A square in the track's colour."""
    pixmap = clear_pixmap(QSize(MARK_PX, MARK_PX), ratio)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(*colour))
    painter.drawRoundedRect(QRectF(1, 1, MARK_PX - 2, MARK_PX - 2), 4, 4)
    painter.end()
    return QIcon(pixmap)


def count(number: int) -> str:
    """A number with its thousands apart."""
    return f"{number:,}"
