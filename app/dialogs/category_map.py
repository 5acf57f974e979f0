"""The table that says what each category of a file becomes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from app.dialogs.exchange_facts import FileCategory, category_title
from app.panels.problems_panel import SEVERITY_COLOURS
from stmask_core.formats.exchange import plain_name

TARGET = 1  # column


class CategoryMap(QTableWidget):
    """What each category becomes. Equal names find each other; nothing else is guessed.

    A click or Enter opens the choices of a line. With ``may_be_new`` any name can be typed.
    """

    changed = Signal()

    def __init__(self, of_what: str, becomes: str, *, may_be_new: bool) -> None:
        super().__init__(0, 3)
        self.may_be_new = may_be_new
        self._categories: tuple[FileCategory, ...] = ()
        self._targets: dict[str, str] = {}  # plain name -> name
        self._chosen: dict[str, str] = {}  # key -> target
        self.setAccessibleName(self.tr("Categories"))
        self.setHorizontalHeaderLabels([of_what, becomes, ""])
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setMinimumHeight(self.fontMetrics().height() * 8)
        self.setItemDelegateForColumn(TARGET, _TargetDelegate(self))
        self.cellClicked.connect(self._open_list)

    def show_categories(self, categories: Sequence[FileCategory], targets: Sequence[str]) -> None:
        """Show these, with what they can become; what was chosen for the same ones stays chosen."""
        self._targets = {plain_name(target): target for target in targets}
        before, self._chosen = self._chosen, {}
        for category in categories:
            same = self._targets.get(plain_name(category.name)) if category.name else None
            kept = before.get(category.key, "")
            if same is not None:
                self._chosen[category.key] = same
            elif kept and (self.may_be_new or kept in targets):
                self._chosen[category.key] = kept
            elif self.may_be_new and not targets and category.name:
                self._chosen[category.key] = category.name  # there is nothing it could be instead
        self._categories = tuple(sorted(categories, key=lambda c: c.key in self._chosen))
        self._fill()

    def open_names(self) -> list[str]:
        """Categories that nobody has decided about."""
        return [category_title(c) for c in self._categories if c.key not in self._chosen]

    def add_rest_as_new(self) -> None:
        """Every undecided category that has a name becomes a new one of that name."""
        for category in self._categories:
            if category.name:
                self._chosen.setdefault(category.key, category.name)
        self._fill()

    def choices(self, row: int) -> list[str]:
        """What the category of a line can become."""
        name = self._categories[row].name
        own = [name] if self.may_be_new and name and plain_name(name) not in self._targets else []
        return [*own, *self._targets.values()]

    def chosen(self, row: int) -> str:
        """What the category of a line becomes; empty when that is open."""
        return self._chosen.get(self._categories[row].key, "")

    def choose(self, row: int, target: str) -> None:
        """Decide about a line."""
        target = self._targets.get(plain_name(target), target.strip())
        if target and target != self.chosen(row):
            self._chosen[self._categories[row].key] = target
            self._show_row(row)
            self.changed.emit()

    def words(self) -> list[str]:
        """The choices as options of the command line; equal names need none."""
        options = []
        for category in self._categories:
            target = self._chosen.get(category.key, "")
            if target and plain_name(target) != plain_name(category.key):
                options += ["--map", f"{category.key}={target}"]
        return options

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens the choices instead of closing the dialog."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()
            if self.state() != QAbstractItemView.State.EditingState:
                self._edit(self.currentRow())
        else:
            super().keyPressEvent(event)

    def _edit(self, row: int) -> None:
        item = self.item(row, TARGET)
        if item is not None:
            self.setCurrentItem(item)
            self.editItem(item)

    def _open_list(self, row: int, _column: int) -> None:
        self._edit(row)
        box = self.indexWidget(self.currentIndex())
        if isinstance(box, QComboBox):
            box.showPopup()

    def _fill(self) -> None:
        self.setRowCount(len(self._categories))
        for row, category in enumerate(self._categories):
            for column in range(3):
                item = QTableWidgetItem(category_title(category) if column == 0 else "")
                if column != TARGET:
                    item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                self.setItem(row, column, item)
            self._show_row(row)
        if self._categories:
            self.setCurrentCell(0, TARGET)
        self.changed.emit()

    def _show_row(self, row: int) -> None:
        target, meaning = self.item(row, TARGET), self.item(row, 2)
        assert target is not None, "every line has three cells"
        assert meaning is not None, "every line has three cells"
        chosen = self.chosen(row)
        shown = chosen or self.tr("Choose…")
        target.setText(f"{shown}  ▾")
        target.setData(Qt.ItemDataRole.AccessibleTextRole, shown)
        meaning.setText(self._meaning(row, chosen))
        open_colour = QColor(SEVERITY_COLOURS["error"])
        target.setData(Qt.ItemDataRole.ForegroundRole, None if chosen else open_colour)

    def _meaning(self, row: int, chosen: str) -> str:
        if not chosen:
            return self.tr("to be decided")
        if plain_name(chosen) not in self._targets:
            return self.tr("new category")
        is_same = plain_name(chosen) == plain_name(self._categories[row].name)
        return self.tr("same name") if is_same else self.tr("another name")


class _TargetDelegate(QStyledItemDelegate):
    """A line's choices as a list."""

    def __init__(self, table: CategoryMap) -> None:
        super().__init__(table)
        self._table = table

    def createEditor(
        self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QWidget:
        """A box with the choices."""
        box = QComboBox(parent)
        box.setEditable(self._table.may_be_new)
        box.setAccessibleName(self._table.tr("Becomes"))
        box.addItems(self._table.choices(index.row()))
        line = box.lineEdit()
        if line is not None:
            line.setPlaceholderText(self._table.tr("Choose, or type a name"))
            line.setCompleter(None)  # type: ignore[arg-type]  # what is typed is meant
        box.activated.connect(lambda: self.commitData.emit(box))
        return box

    def setEditorData(self, editor: QWidget, index: QModelIndex | QPersistentModelIndex) -> None:
        """Begin with what is chosen."""
        assert isinstance(editor, QComboBox), "made above"
        chosen = self._table.chosen(index.row())
        editor.setCurrentIndex(editor.findText(chosen) if chosen else -1)
        if editor.isEditable():
            editor.setEditText(chosen)

    def setModelData(
        self, editor: QWidget, model: object, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Take the choice."""
        assert isinstance(editor, QComboBox), "made above"
        self._table.choose(index.row(), editor.currentText())

    def eventFilter(self, editor: QObject, event: QEvent) -> bool:
        """Enter takes what is typed, and goes no further: it must not close the dialog."""
        is_enter = isinstance(event, QKeyEvent) and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and event.type() == QEvent.Type.KeyPress and isinstance(editor, QWidget):
            self.commitData.emit(editor)
            self.closeEditor.emit(editor)
            return True
        return super().eventFilter(editor, event)
