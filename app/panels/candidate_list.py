"""The candidates of an identity as a list: a picture, a name, bars on a common scale, terms in numbers."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPalette, QPen
from PySide6.QtWidgets import QListWidget, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.panels.event_rows import ObjectView
from app.panels.small_pictures import SmallPictures
from app.panels.why_facts import Candidate

CANDIDATE = Qt.ItemDataRole.UserRole
TERMS = Qt.ItemDataRole.StatusTipRole
TERM_COLOURS = {"similarity": "#4c9be8", "mask": "#e09b2d", "box": "#3fae7a"}  # apart for any colour vision
BAR_PX, PAD_PX, APART_PX = 9, 5, 8
TROUGH = QColor(128, 128, 128, 60)
Index = QModelIndex | QPersistentModelIndex


class CandidateDelegate(QStyledItemDelegate):
    """Paints a candidate in three lines beside its picture.

    view_of: where to see a candidate; asked when it is first painted, because looking it up takes a while.
    """

    def __init__(self, view: QListWidget, pictures: SmallPictures) -> None:
        super().__init__(view)
        self._pictures = pictures
        self._views: dict[int, ObjectView | None] = {}  # by row
        self.scale = 1.0  # points at the right end of a bar
        self.new_score = 0.0
        self.view_of: Callable[[Candidate], ObjectView | None] = lambda _: None

    def look_at(self, view_of: Callable[[Candidate], ObjectView | None]) -> None:
        """Show pictures of other candidates."""
        self._views.clear()
        self.view_of = view_of

    def view_at(self, index: Index) -> ObjectView | None:
        """Where to see the candidate of a row; None where there is nothing to be seen."""
        row = index.row()
        if row not in self._views:
            self._views[row] = self.view_of(index.data(CANDIDATE))
        return self._views[row]

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Height of the three lines."""
        return QSize(120, _height(option) + 2 * PAD_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one candidate."""
        candidate: Candidate = index.data(CANDIDATE)
        style = option.widget.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, option.widget)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        chosen_row = bool(option.state & QStyle.StateFlag.State_Selected)
        role = QPalette.ColorRole.HighlightedText if chosen_row else QPalette.ColorRole.Text
        area = QRectF(option.rect).adjusted(PAD_PX, PAD_PX, -PAD_PX - 1, -PAD_PX)
        size = QSize(_height(option) * 4 // 3, _height(option))
        self._paint_picture(painter, index, QRectF(area.topLeft(), size))
        area.setLeft(area.left() + size.width() + APART_PX)
        line = option.fontMetrics.height()
        top = QRectF(area.left(), area.top(), area.width(), line)
        self._paint_names(painter, option, candidate, top, option.palette.color(role), index.data())
        bar = QRectF(area.left(), top.bottom() + PAD_PX / 2, area.width(), BAR_PX)
        self._paint_bar(painter, option.palette, candidate, bar)
        small = QFont(option.font)
        small.setPointSizeF(max(7.0, small.pointSizeF() - 1))
        painter.setFont(small)
        painter.setPen(option.palette.color(role if chosen_row else QPalette.ColorRole.PlaceholderText))
        bottom = QRectF(area.left(), bar.bottom() + PAD_PX / 2, area.width(), line)
        terms = painter.fontMetrics().elidedText(
            index.data(TERMS), Qt.TextElideMode.ElideRight, int(bottom.width())
        )
        painter.drawText(bottom, Qt.AlignmentFlag.AlignVCenter, terms)
        painter.restore()

    def _paint_picture(self, painter: QPainter, index: Index, area: QRectF) -> None:
        view = self.view_at(index)
        pixmap = None if view is None else self._pictures.pixmap(view, area.size().toSize())
        if pixmap is not None:
            painter.drawPixmap(area.topLeft(), pixmap)
        elif view is not None:
            painter.fillRect(area, TROUGH)

    def _paint_names(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        candidate: Candidate,
        area: QRectF,
        colour: QColor,
        text: str,
    ) -> None:
        font = QFont(option.font)
        font.setBold(candidate.chosen)
        painter.setFont(font)
        total = f"{candidate.total:.2f}"
        room = area.adjusted(0, 0, -painter.fontMetrics().horizontalAdvance(total) - 8, 0)
        swatch = None if candidate.name is None else candidate.name.colour
        if swatch is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(*swatch))
            painter.drawRoundedRect(QRectF(area.left(), area.center().y() - 5, 10, 10), 3, 3)
            room.setLeft(room.left() + 16)
        painter.setPen(colour)
        elided = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, elided)
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, total)

    def _paint_bar(self, painter: QPainter, palette: QPalette, candidate: Candidate, area: QRectF) -> None:
        """Terms side by side; the dotted line is the score of a new track."""
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color(QPalette.ColorRole.Window))
        painter.drawRoundedRect(area, 2, 2)
        x, per_point = area.left(), area.width() / self.scale
        for name, colour in TERM_COLOURS.items():
            width = max(0.0, getattr(candidate, name)) * per_point
            painter.fillRect(QRectF(x, area.top(), width, area.height()), QColor(colour))
            x += width
        threshold = area.left() + self.new_score * per_point
        if candidate.name is None and candidate.detection is None:
            painter.fillRect(
                QRectF(area.left(), area.top(), threshold - area.left(), area.height()),
                palette.color(QPalette.ColorRole.PlaceholderText),
            )
        painter.setPen(QPen(palette.color(QPalette.ColorRole.Text), 1.5, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(threshold, area.top() - 3), QPointF(threshold, area.bottom() + 3))


def _height(option: QStyleOptionViewItem) -> int:
    return 2 * option.fontMetrics.height() + BAR_PX + PAD_PX
