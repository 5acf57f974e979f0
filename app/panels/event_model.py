"""Lines of the queue as the list shows them: a bar, a small picture, three lines of words."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QWidget

from app.panels.event_rows import EventRow, ObjectView
from app.panels.small_pictures import SmallPictures, clear_pixmap

BAR_PX = 8
STRIPE_PX = 4  # in the track's colour
APART_PX = 3
LINES = 3
TROUGH, MILD, BAD = QColor(128, 128, 128, 60), QColor("#d29922"), QColor("#e5534b")
BAD_FROM = 0.7
Index = QModelIndex | QPersistentModelIndex


class EventRows(QAbstractListModel):
    """Asks for the picture of a line when the line is painted, and paints it again when it is there."""

    picture_wanted = Signal(object, object)  # ObjectView, (width, height) in pixels of the screen

    def __init__(self, view: QWidget) -> None:
        super().__init__(view)
        self._view = view
        self._rows: list[EventRow] = []
        self._pictures = SmallPictures(view)
        self._pictures.wanted.connect(self.picture_wanted)
        self._pictures.came.connect(self._repaint)

    @property
    def rows(self) -> list[EventRow]:
        """What is shown, in order."""
        return self._rows

    def show(self, rows: list[EventRow]) -> None:
        """Show these rows."""
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def show_picture(self, view: ObjectView, picture: NDArray[np.uint8] | None) -> None:
        """Show a picture, (H, W, 3) RGB, in every line that wants it; None: there is none to be had."""
        self._pictures.take(view, picture)

    def _repaint(self, view: ObjectView) -> None:
        for place, row in enumerate(self._rows):
            if row.view == view:
                self.dataChanged.emit(self.index(place), self.index(place), [Qt.ItemDataRole.DecorationRole])

    def forget_pictures(self) -> None:
        """Another video has come."""
        self._pictures.forget()

    def has_picture(self, row: EventRow) -> bool:
        """Whether the picture of a row is there."""
        return self._pictures.has(row.view)

    @property
    def icon_size(self) -> QSize:
        """Of what stands before the words."""
        return QSize(
            BAR_PX + STRIPE_PX + 2 * APART_PX + self._picture_size.width(), self._picture_size.height()
        )

    @property
    def _picture_size(self) -> QSize:
        height = LINES * self._view.fontMetrics().height()
        return QSize(height * 4 // 3, height)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Number of rows."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Texts and the picture of a row."""
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            words = self.tr("Severity {0}: {1}").format(f"{row.severity:.2f}", row.cause)
            return f"<qt>{escape(self._place(row))}<br>{escape(words)}</qt>"  # names may come from outside
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.tr("{0}, severity {1}: {2}").format(
                self._place(row), f"{row.severity:.2f}", row.cause
            )
        if role == Qt.ItemDataRole.DecorationRole:
            picture = self._picture(row)
            icon = QIcon(picture)
            icon.addPixmap(picture, QIcon.Mode.Selected)  # else Qt tints it
            return icon
        return None

    def text(self, row: EventRow) -> str:
        """The words of a row, three lines."""
        where = " · ".join(part for part in (self.tr("Frame {0}").format(row.frame), row.name) if part)
        return f"{where}\n{self.kind_text(row.kind)}\n{row.cause}"

    def kind_text(self, kind: str) -> str:
        """A kind of event in words."""
        return {
            "birth": self.tr("Track begins"),
            "death": self.tr("Track ends"),
            "re-match": self.tr("Taken up again"),
            "low margin": self.tr("Identity uncertain"),
            "disagreement": self.tr("Detected and carried differ"),
            "jump": self.tr("Jump"),
            "flicker": self.tr("Category flickers"),
            "contested": self.tr("Contested"),
            "cut": self.tr("Cut in the video"),
            "risk": self.tr("Risky mask"),
            "identity switch": self.tr("Identity switch"),
            "fragmentation": self.tr("Track interrupted"),
            "missed": self.tr("Missed object"),
            "false": self.tr("False mask"),
        }.get(kind, kind)

    def _place(self, row: EventRow) -> str:
        parts = (self.tr("Frame {0}").format(row.frame), row.name, self.kind_text(row.kind))
        return " · ".join(part for part in parts if part)

    def _picture(self, row: EventRow) -> QPixmap:
        """A trough filled from below, a stripe in the track's colour, and the picture or its place."""
        size, ratio = self._picture_size, self._view.devicePixelRatioF()
        icon = clear_pixmap(self.icon_size, ratio)
        height = size.height()
        painter = QPainter(icon)
        filled = row.severity * height
        painter.fillRect(QRectF(0, 0, BAR_PX, height), TROUGH)
        bad = BAD if row.severity >= BAD_FROM else MILD
        painter.fillRect(QRectF(0, height - filled, BAR_PX, filled), bad)
        left = BAR_PX + APART_PX
        if row.colour is not None:
            painter.fillRect(QRectF(left, 0, STRIPE_PX, height), QColor(*row.colour))
        left += STRIPE_PX + APART_PX
        picture = self._pictures.pixmap(row.view, size)
        if picture is not None:
            painter.drawPixmap(left, 0, picture)
        else:
            painter.fillRect(QRectF(left, 0, size.width(), height), TROUGH)
        painter.end()
        return icon
