"""The tracks of the video: a table to search, sort, select and act on in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPixmap
from PySide6.QtWidgets import QHeaderView, QLabel, QLineEdit, QTableView, QVBoxLayout, QWidget

from app.panels.empty_hint import EmptyHint
from app.panels.track_rows import TrackRow, matches
from app.view_state import ViewState
from stmask_core.document.records import Colour

Index = QModelIndex | QPersistentModelIndex
NUMBER, CATEGORY, FRAMES, SCORE, FLAGS = range(5)
PAD_PX = 6
SWATCH_PX = 32  # drawn smaller, also on a screen of twice the pixels


@cache
def swatch(colour: Colour) -> QIcon:
    """A square of a track's colour, which stays what it is when its row is selected."""
    icon = QIcon()
    pixmap = QPixmap(SWATCH_PX, SWATCH_PX)
    pixmap.fill(QColor(*colour))
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        icon.addPixmap(pixmap, mode)
    return icon


class TrackTableModel(QAbstractTableModel):
    """Rows of the table."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[TrackRow] = []
        self._headers = (self.tr("Track"), self.tr("Category"), self.tr("Frames"), self.tr("Score"), "")

    def show(self, rows: Sequence[TrackRow]) -> None:
        """Replace the rows; only the changed ones are repainted when the tracks are the same."""
        new = list(rows)
        if [r.track for r in new] == [r.track for r in self.rows]:
            changed = [i for i, (a, b) in enumerate(zip(self.rows, new, strict=True)) if a != b]
            self.rows = new
            for i in changed:
                self.dataChanged.emit(self.index(i, 0), self.index(i, FLAGS))
        else:
            self.beginResetModel()
            self.rows = new
            self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Number of tracks."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Number of columns."""
        return 0 if parent.isValid() else len(self._headers)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Column titles."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._headers[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, colour, sort key and explanation of a cell."""
        row, column = self.rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column)
        if role == Qt.ItemDataRole.DecorationRole and column == NUMBER:
            return swatch(row.colour)
        if role == Qt.ItemDataRole.UserRole:
            return (row.number, row.category, row.frames, row.score, row.locked)[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.tr("{0}: frames {1} to {2}, {3} gaps, {4} human").format(
                row.name, row.first, row.last, row.gaps, row.human
            )
        if role == Qt.ItemDataRole.ForegroundRole and row.hidden:
            return QColor("#8f939a")
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (FRAMES, SCORE):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def _text(self, row: TrackRow, column: int) -> str:
        if column == NUMBER:
            return f"#{row.number}" + (f" {row.name}" if row.name and row.name != f"#{row.number}" else "")
        if column == CATEGORY:
            return row.category
        if column == FRAMES:
            return str(row.frames)
        if column == SCORE:
            return "" if row.score != row.score else f"{row.score:.2f}"
        marks = ("🔒" if row.locked else "", "◌" if row.hidden else "", "◆" if row.human else "")
        return "".join(marks) + ("✓" if row.reviewed else "")


class TrackFilter(QSortFilterProxyModel):
    """Sorts by value, hides what the search line does not ask for."""

    def __init__(self, source: TrackTableModel) -> None:
        super().__init__()
        self._query = ""
        self._source = source
        self.setSourceModel(source)
        self.setSortRole(Qt.ItemDataRole.UserRole)

    def search(self, query: str) -> None:
        """Show the tracks that fit."""
        self._query = query
        self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        """Whether one row fits."""
        return matches(self._source.rows[source_row], self._query)


class TrackTable(QTableView):
    """A table in which the first arrow chooses the row that the keyboard is at, not the one behind it."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down, where nothing is chosen."""
        at = self.currentIndex()
        arrow = event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down)
        if arrow and at.isValid() and not self.selectionModel().hasSelection():
            self.selectRow(at.row())
        else:
            super().keyPressEvent(event)


class TracksPanel(QWidget):
    """Search line, table, and a line that says how many tracks there are."""

    context_menu_requested = Signal(QPoint, object, int)

    def __init__(self, view_state: ViewState) -> None:
        super().__init__()
        self.view_state = view_state
        self.model = TrackTableModel()
        self.filter = TrackFilter(self.model)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search: cat:dog score<0.5 frames>10 is:human"))
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName(self.tr("Search tracks"))
        self.search.setToolTip(
            self.tr("Words: cat:, name:, is:locked, is:hidden, is:human, is:reviewed; numbers: ")
            + self.tr(
                "id, frames, first, last, gaps, human, score with <, <=, =, >=, >; - turns a word around"
            )
        )
        self.table = TrackTable()
        self.table.setAccessibleName(self.tr("Tracks"))
        self.table.setModel(self.filter)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(NUMBER, Qt.SortOrder.AscendingOrder)
        self.table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QTableView.SelectionMode.ExtendedSelection)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(24)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(CATEGORY, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setMinimumSectionSize(self.fontMetrics().averageCharWidth() * 4)
        for column, widest in ((FRAMES, self.tr("Frames")), (SCORE, self.tr("Score"))):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)  # the names need the room
            header.resizeSection(column, self.fontMetrics().horizontalAdvance(widest) + 2 * PAD_PX)
        header.setHighlightSections(False)  # bold words would not fit
        self.table.setTabKeyNavigation(False)  # Tab leaves the table
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._hint = EmptyHint(self.table, "")
        self.count = QLabel()
        self.count.setObjectName("faint")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addWidget(self.search)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.count)
        self._quiet = False
        self._connect()

    def _connect(self) -> None:
        self.search.textChanged.connect(self._on_search)
        self.table.selectionModel().selectionChanged.connect(self._on_table_selection)
        self.table.customContextMenuRequested.connect(self._on_menu)
        self.view_state.selection_changed.connect(self._show_selection)

    def show_rows(self, rows: Sequence[TrackRow]) -> None:
        """Show these tracks, keeping the selection."""
        self._quiet = True
        self.model.show(rows)
        self._quiet = False
        marked = any(row.locked or row.hidden or row.human or row.reviewed for row in rows)
        self.table.setColumnHidden(FLAGS, not marked)
        self._show_selection(self.view_state.selection)
        self._show_count()

    def _on_search(self, text: str) -> None:
        self._quiet = True
        self.filter.search(text)
        self._quiet = False
        self._show_selection(self.view_state.selection)
        self._show_count()

    def _show_count(self) -> None:
        shown, all_ = self.filter.rowCount(), self.model.rowCount()
        self._hint.setText(
            self.tr("No track fits.") if all_
            else self.tr("No tracks. Run the model, or choose a tool and draw an object.")
        )  # fmt: skip
        text = self.tr("{0} tracks").format(all_)
        self.count.setText(text if shown == all_ else self.tr("{0} of {1} tracks").format(shown, all_))

    def _on_table_selection(self) -> None:
        if self._quiet:
            return
        current = self.table.currentIndex()
        chosen = [self._track(index) for index in self.table.selectionModel().selectedRows()]
        first = self._track(current) if current.isValid() else None
        if first in chosen:
            chosen.remove(first)
            chosen.insert(0, first)
        self._quiet = True
        self.view_state.select(tuple(chosen))
        self._quiet = False

    def _track(self, index: QModelIndex) -> int:
        return self.model.rows[self.filter.mapToSource(index).row()].track

    def _show_selection(self, tracks: tuple[int, ...]) -> None:
        if self._quiet:
            return
        self._quiet = True
        wanted = set(tracks)
        selection = QItemSelection()
        for row in range(self.filter.rowCount()):
            index = self.filter.index(row, 0)
            if self._track(index) in wanted:
                selection.select(index, self.filter.index(row, FLAGS))
        flag = QItemSelectionModel.SelectionFlag
        self.table.selectionModel().select(selection, flag.ClearAndSelect)
        if selection.indexes():
            first = selection.indexes()[0]
            self.table.selectionModel().setCurrentIndex(first, flag.NoUpdate)  # arrows go on from there
            self.table.scrollTo(first)
        self._quiet = False

    def _on_menu(self, at: QPoint) -> None:
        index = self.table.indexAt(at)
        track = self._track(index) if index.isValid() else None
        self.context_menu_requested.emit(self.table.viewport().mapToGlobal(at), track, -1)
