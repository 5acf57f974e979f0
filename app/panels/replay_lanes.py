"""Lanes of a run and of its replay in a table; a click goes to the frame and selects the track."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRectF,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app.panels.replay_rows import ReplayRow

TRACK, WHEN, MASKS, LANE = range(4)
CARRIED, SAME = 90, 0.45  # alpha of a carried mask; opacity of a track that is the same before and after
ROW = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex


class ReplayRows(QAbstractTableModel):
    """first, count: the frames that the lanes go over."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: Sequence[ReplayRow] = ()
        self.first, self.count = 0, 1

    def show(self, rows: Sequence[ReplayRow], first: int, count: int) -> None:
        """Show these rows."""
        self.beginResetModel()
        self.rows, self.first, self.count = rows, first, max(1, count)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Number of lanes."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Track, before or after, masks, lane."""
        return 0 if parent.isValid() else 4

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """Names of the columns."""
        if orientation != Qt.Orientation.Horizontal or role != Qt.ItemDataRole.DisplayRole:
            return None
        frames = self.tr("Frames {0} to {1}").format(self.first, self.first + self.count - 1)
        return (self.tr("Track"), "", self.tr("Masks"), frames)[section]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Texts of a cell; ``ROW`` gives what the row is."""
        row, column = self.rows[index.row()], index.column()
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return (self._name(row), self._when(row), f"{row.masks:,}" if row.lane else "", None)[column]
        if role == Qt.ItemDataRole.TextAlignmentRole and column == MASKS:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return self._words(row)
        return None

    def _name(self, row: ReplayRow) -> str:
        if row.kind == "before":
            return row.label
        return self.tr("new") if row.kind == "new" else ""

    def _when(self, row: ReplayRow) -> str:
        if row.kind == "before":
            return self.tr("before")
        if row.kind == "gone":
            return self.tr("gone")
        return self.tr("after, {0}").format(row.piece) if row.piece else self.tr("after")

    def _words(self, row: ReplayRow) -> str:
        if row.kind == "gone":
            return self.tr("{0}: not there after the replay").format(row.label)
        name = self.tr("A track that only the replay has") if row.kind == "new" else row.label
        same = "" if row.differs else self.tr(", the same before and after")
        return self.tr("{0}, {1}: {2} masks{3}").format(name, self._when(row), row.masks, same)


class LanePainter(QStyledItemDelegate):
    """Paints a lane: solid where detected, pale where carried. frame: of the playhead."""

    def __init__(self, view: QTableView) -> None:
        super().__init__(view)
        self.frame = 0

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint a cell; tracks that are the same before and after stay in the background."""
        row = index.data(ROW)
        painter.save()
        if row.begins and index.row():
            colour: QColor = option.palette.color(QPalette.ColorRole.Mid)  # type: ignore[attr-defined]
            painter.fillRect(QRectF(option.rect.left(), option.rect.top(), option.rect.width(), 1), colour)  # type: ignore[attr-defined]
        if not row.differs:
            painter.setOpacity(SAME)
        if index.column() == LANE:
            self._paint_lane(painter, option, index, row)
        else:
            super().paint(painter, option, index)  # type: ignore[arg-type]
        painter.restore()

    def _paint_lane(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index, row: ReplayRow
    ) -> None:
        model = index.model()
        assert isinstance(model, ReplayRows)
        rect, palette = QRectF(option.rect), option.palette  # type: ignore[attr-defined]
        if option.state & QStyle.StateFlag.State_Selected:  # type: ignore[attr-defined]
            chosen = QColor(palette.color(QPalette.ColorRole.Highlight))
            chosen.setAlpha(60)
            painter.fillRect(rect, chosen)
        scale = rect.width() / model.count
        top, height = rect.top() + 3, rect.height() - 5
        solid, pale = QColor(*row.colour), QColor(*row.colour, CARRIED)
        for spans, colour in ((row.lane.shown, pale), (row.lane.detected, solid)) if row.lane else ():
            for start, stop in spans:
                x = rect.left() + (start - model.first) * scale
                painter.fillRect(QRectF(x, top, max(1.0, (stop - start) * scale), height), colour)
        x = rect.left() + (self.frame - model.first + 0.5) * scale
        if rect.left() <= x <= rect.right():
            painter.setOpacity(1)
            painter.fillRect(QRectF(x, rect.top(), 1, rect.height()), palette.color(QPalette.ColorRole.Text))


class ReplayLanes(QTableView):
    """The table of lanes. Enter goes to where a lane begins."""

    go_to = Signal(int, object)  # frame, track of the project or None

    def __init__(self) -> None:
        super().__init__()
        self.rows = ReplayRows(self)
        self._painter = LanePainter(self)
        self.setModel(self.rows)
        self.setItemDelegate(self._painter)
        self.setAccessibleName(self.tr("Tracks before and after"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 5)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column, letters in ((TRACK, 16), (WHEN, 8), (MASKS, 7)):
            header.resizeSection(column, self.fontMetrics().averageCharWidth() * letters + 12)
        header.setSectionResizeMode(LANE, QHeaderView.ResizeMode.Stretch)
        self.activated.connect(lambda index: self._go(index.row(), None))

    def show_frame(self, frame: int) -> None:
        """Move the playhead."""
        self._painter.frame = frame
        self.viewport().update()

    def frame_at(self, place: QPoint) -> int | None:
        """Frame under a place of the viewport; None beside the lanes."""
        left, width = self.columnViewportPosition(LANE), self.columnWidth(LANE)
        if not left <= place.x() < left + width:
            return None
        return self.rows.first + int((place.x() - left) * self.rows.count / width)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the frame under the pointer, beside the lanes to where the lane begins."""
        super().mousePressEvent(event)
        place = event.position().toPoint()
        row = self.rowAt(place.y())
        if row >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self._go(row, self.frame_at(place))

    def _go(self, row: int, frame: int | None) -> None:
        chosen = self.rows.rows[row]
        if frame is None and chosen.lane is not None:
            frame = chosen.lane.shown[0][0]
        self.go_to.emit(-1 if frame is None else frame, chosen.track)
