"""What a run knew in a frame that became no mask: each with its picture and a button that restores it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QEnterEvent, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QPushButton, QWidget

from app.panels.event_rows import ObjectView
from app.panels.press_keys import PressKeys
from app.panels.small_pictures import SmallPictures
from stmask_core.document.evidence import Leftover

MOST_ROWS = 60
TEXT_LINES = 3


@dataclass(frozen=True)
class LeftOut:
    """A line of the list."""

    leftover: Leftover
    words: str
    view: ObjectView


class LeftoverList(QListWidget):
    """A click on a line's button restores it; the pointer over a line shows it on the canvas."""

    restore_wanted = Signal(object)  # Leftover
    pointed_at = Signal(object)  # Leftover, None when the pointer has left

    def __init__(self, pictures: SmallPictures) -> None:
        super().__init__()
        self._pictures = pictures
        self._entries: tuple[LeftOut, ...] = ()
        self.rows: list[_Row] = []
        self.setAccessibleName(self.tr("Left out in this frame"))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Tab goes from button to button
        pictures.came.connect(self._show_picture)

    def show_entries(self, entries: Sequence[LeftOut]) -> None:
        """Show these; the same ones again change nothing."""
        entries = tuple(entries[:MOST_ROWS])
        if entries == self._entries:
            return
        self._entries = entries
        self.pointed_at.emit(None)
        for row in self.rows:
            row.blockSignals(True)  # the keyboard focus wanders over them while they go
        self.clear()
        self.rows = []
        height = TEXT_LINES * self.fontMetrics().height()
        for entry in entries:
            row = _Row(entry, QSize(height * 4 // 3, height), self.tr("Restore"))
            row.button.clicked.connect(lambda _=False, e=entry: self.restore_wanted.emit(e.leftover))
            row.pointed_at.connect(self.pointed_at)
            item = QListWidgetItem(self)
            row.focused.connect(lambda shown=item: self.scrollToItem(shown))
            item.setSizeHint(QSize(0, height + 8))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, entry.words)
            self.setItemWidget(item, row)
            self.rows.append(row)
            row.show_picture(self._pictures.pixmap(entry.view, row.picture_size))

    def _show_picture(self, view: object) -> None:
        for row in self.rows:
            if row.view == view:
                row.show_picture(self._pictures.pixmap(row.view, row.picture_size))


class _Row(QWidget):
    pointed_at = Signal(object)
    focused = Signal()

    def __init__(self, entry: LeftOut, picture_size: QSize, restore: str) -> None:
        super().__init__()
        self.leftover, self.view, self.picture_size = entry.leftover, entry.view, picture_size
        self._picture = QLabel()
        self._picture.setFixedSize(picture_size)
        self.words = QLabel(entry.words)
        self.words.setTextFormat(Qt.TextFormat.PlainText)  # names may come from outside
        self.words.setWordWrap(True)
        self.button = QPushButton(restore)
        self.button.setAccessibleName(f"{restore}: {entry.words}")
        self.button.installEventFilter(PressKeys(self))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.addWidget(self._picture)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.button)
        self.button.installEventFilter(self)

    def show_picture(self, pixmap: QPixmap | None) -> None:
        """Show the object; nothing as long as there is no picture."""
        if pixmap is not None:
            self._picture.setPixmap(pixmap)

    def enterEvent(self, event: QEnterEvent) -> None:
        """The pointer is over the line."""
        self.pointed_at.emit(self.leftover)
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """The pointer has left the line."""
        self.pointed_at.emit(None)
        super().leaveEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The keyboard on the button points at the line too."""
        if event.type() == QEvent.Type.FocusIn:
            self.focused.emit()
            self.pointed_at.emit(self.leftover)
        elif event.type() == QEvent.Type.FocusOut:
            self.pointed_at.emit(None)
        return False
