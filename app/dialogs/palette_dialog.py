"""Find an action by typing a few of its letters (Ctrl+K)."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QAction, QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.actions import ACTIONS, tr
from app.panels.empty_hint import EmptyHint

Index = QModelIndex | QPersistentModelIndex
KEYS = Qt.ItemDataRole.UserRole + 1
PAD_PX = 10


def match_score(query: str, text: str) -> int | None:
    """How badly ``text`` fits: 0 is best, None when a letter of ``query`` is missing in order."""
    lower, at, cost = text.lower(), 0, 0
    for word in query.lower().split():
        found = lower.find(word)
        if found >= 0:
            cost += 0 if found == 0 or lower[found - 1] == " " else 2
            continue
        at = 0
        for letter in word:
            step = lower.find(letter, at)
            if step < 0:
                return None
            cost += 3 + step - at
            at = step + 1
    return cost


class ActionDelegate(QStyledItemDelegate):
    """An action, and at the right edge the keys that would have done."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """The list's own drawing, then the keys."""
        super().paint(painter, option, index)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        role = QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.PlaceholderText
        painter.setFont(option.font)
        painter.setPen(option.palette.color(role))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(option.rect.adjusted(0, 0, -PAD_PX, 0), right, index.data(KEYS))


class PaletteDialog(QDialog):
    """A line to type in and the enabled actions that fit, best first."""

    def __init__(self, parent: QWidget, actions: Mapping[str, QAction]) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("palette")
        self.setWindowTitle(self.tr("Find an action"))
        self._actions = actions
        self._line = QLineEdit(self)
        self._line.setPlaceholderText(self.tr("Type what you want to do"))
        self._line.setAccessibleName(self.tr("Action to find"))
        self._list = QListWidget(self)
        self._list.setAccessibleName(self.tr("Matching actions"))
        self._list.setUniformItemSizes(True)
        self._list.setObjectName("roomy")
        self._list.setItemDelegate(ActionDelegate(self._list))
        EmptyHint(self._list, self.tr("Nothing that can be done now is called that."))
        layout = QVBoxLayout(self)
        layout.addWidget(self._line)
        layout.addWidget(self._list)
        self.resize(560, 420)
        self._line.textChanged.connect(self._filter)
        self._line.returnPressed.connect(self._run)
        self._list.itemActivated.connect(self._run)
        self._line.installEventFilter(self)
        self._filter("")
        self._line.setFocus()

    def _filter(self, query: str) -> None:
        scored = []
        for order, spec in enumerate(ACTIONS):
            if not self._actions[spec.id].isEnabled() or spec.id == "palette":
                continue
            cost = match_score(query, f"{tr(spec.text)} {tr(spec.menu)}")
            if cost is not None:
                scored.append((cost, order, spec))
        self._list.clear()
        for _, _, spec in sorted(scored, key=lambda entry: entry[:2]):
            keys = self._actions[spec.id].shortcut().toString()
            item = QListWidgetItem(f"{tr(spec.menu)} › {tr(spec.text)}")
            item.setData(Qt.ItemDataRole.UserRole, spec.id)
            item.setData(KEYS, keys)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{item.text()} {keys}".rstrip())
            self._list.addItem(item)
        self._list.setCurrentRow(0)

    def _run(self) -> None:
        item = self._list.currentItem()
        self.close()
        if item is not None:
            self._actions[item.data(Qt.ItemDataRole.UserRole)].trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Up and down move in the list while typing."""
        if event.type() == QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if step is not None and self._list.count():
                self._list.setCurrentRow((self._list.currentRow() + step) % self._list.count())
                return True
        return super().eventFilter(watched, event)
