"""Settings and shortcuts; every change applies at once."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.actions import ACTIONS, conflicts, keys_of, tr
from app.settings import Settings


class SettingsDialog(QDialog):
    """Looks on one page, shortcuts on the other."""

    def __init__(self, parent: QWidget | None, settings: Settings) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Settings and shortcuts"))
        self._settings = settings
        pages = QTabWidget(self)
        pages.setAccessibleName(self.tr("Pages of settings"))
        pages.addTab(self._looks_page(), self.tr("Looks"))
        pages.addTab(self._shortcuts_page(), self.tr("Shortcuts"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(pages)
        layout.addWidget(buttons)
        self.resize(640, 560)

    def _looks_page(self) -> QWidget:
        page = QWidget()
        form = QFormLayout(page)
        now = self._settings.preferences
        theme = QComboBox()
        for value, text in (
            ("dark", self.tr("Dark")),
            ("light", self.tr("Light")),
            ("system", self.tr("Like the system")),
        ):
            theme.addItem(text, value)
        theme.setCurrentIndex(theme.findData(now.theme))
        theme.currentIndexChanged.connect(lambda: self._settings.update(theme=theme.currentData()))
        colours = QCheckBox(self.tr("Eight colours that everyone can tell apart"))
        colours.setChecked(now.colour_blind)
        colours.toggled.connect(lambda on: self._settings.update(colour_blind=on))
        form.addRow(self.tr("Theme"), theme)
        form.addRow(self.tr("Track colours"), colours)
        return page

    def _shortcuts_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        top = QHBoxLayout()
        self._preset = QComboBox()
        for value, text in (
            ("standard", self.tr("Standard")),
            ("cvat", "CVAT / DIVE"),
            ("labelme", "labelme / X-AnyLabeling"),
        ):
            self._preset.addItem(text, value)
        self._preset.setCurrentIndex(self._preset.findData(self._settings.preferences.shortcut_preset))
        self._preset.currentIndexChanged.connect(self._use_preset)
        self._search = QLineEdit()
        self._search.setPlaceholderText(self.tr("Search"))
        self._search.textChanged.connect(self._filter)
        top.addWidget(QLabel(self.tr("Preset")))
        top.addWidget(self._preset)
        top.addWidget(self._search, 1)
        self._table = QTableWidget(len(ACTIONS), 3)
        self._table.setHorizontalHeaderLabels([self.tr("Menu"), self.tr("Action"), self.tr("Keys")])
        self._table.verticalHeader().hide()
        self._table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self._table.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
        self._table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self._table.itemSelectionChanged.connect(self._show_keys)
        self._keys = QKeySequenceEdit()
        self._keys.setMaximumSequenceLength(1)
        self._keys.setClearButtonEnabled(True)
        self._keys.editingFinished.connect(self._take_keys)
        reset = QPushButton(self.tr("Back to the preset"))
        reset.clicked.connect(self._reset_keys)
        self._clash = QLabel()
        self._clash.setWordWrap(True)
        bottom = QHBoxLayout()
        bottom.addWidget(QLabel(self.tr("New keys for the selected action")))
        bottom.addWidget(self._keys, 1)
        bottom.addWidget(reset)
        layout.addLayout(top)
        layout.addWidget(self._table)
        layout.addLayout(bottom)
        layout.addWidget(self._clash)
        self._fill()
        return page

    def _fill(self) -> None:
        now = self._settings.preferences
        for row, spec in enumerate(ACTIONS):
            keys = "   ".join(
                QKeySequence(k).toString(QKeySequence.SequenceFormat.NativeText)
                for k in keys_of(spec, now.shortcut_preset, now.shortcuts)
            )
            for column, text in enumerate((tr(spec.menu), tr(spec.text), keys)):
                item = QTableWidgetItem(text)
                if column == 2 and spec.id in now.shortcuts:
                    font = item.font()
                    font.setBold(True)
                    item.setFont(font)
                self._table.setItem(row, column, item)
        self._table.resizeColumnsToContents()
        self._table.horizontalHeader().setStretchLastSection(True)

    def _filter(self, text: str) -> None:
        for row in range(self._table.rowCount()):
            cells = (self._table.item(row, column) for column in range(3))
            words = " ".join(cell.text() for cell in cells if cell is not None).lower()
            self._table.setRowHidden(row, text.lower() not in words)

    def _selected_id(self) -> str | None:
        row = self._table.currentRow()
        return ACTIONS[row].id if row >= 0 else None

    def _show_keys(self) -> None:
        item = self._table.item(self._table.currentRow(), 2)
        self._keys.setKeySequence(QKeySequence(item.text().split("   ")[0]) if item else QKeySequence())
        self._clash.clear()

    def _use_preset(self) -> None:
        self._settings.update(shortcut_preset=self._preset.currentData())
        self._fill()

    def _take_keys(self) -> None:
        action = self._selected_id()
        if action is None:
            return
        now = self._settings.preferences
        keys = self._keys.keySequence().toString(QKeySequence.SequenceFormat.PortableText)
        if keys and QKeySequence(keys) in [
            QKeySequence(k)
            for spec in ACTIONS
            if spec.id == action
            for k in keys_of(spec, now.shortcut_preset, now.shortcuts)
        ]:
            return
        wished = {**now.shortcuts, action: keys}
        clash = conflicts(now.shortcut_preset, wished).get(keys, [])
        if clash:
            others = ", ".join(tr(spec.text) for spec in ACTIONS if spec.id in clash and spec.id != action)
            self._clash.setText(self.tr("{0} is taken by: {1}. Choose other keys.").format(keys, others))
            self._show_keys_only()
            return
        self._clash.clear()
        self._settings.update(shortcuts=wished)
        self._fill()

    def _show_keys_only(self) -> None:
        item = self._table.item(self._table.currentRow(), 2)
        self._keys.setKeySequence(QKeySequence(item.text().split("   ")[0]) if item else QKeySequence())

    def _reset_keys(self) -> None:
        action = self._selected_id()
        now = self._settings.preferences
        if action in now.shortcuts:
            self._settings.update(shortcuts={k: v for k, v in now.shortcuts.items() if k != action})
            self._fill()
