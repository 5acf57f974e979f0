"""Which diagnostics are strips of the timeline: each with what it means and what it was worth."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from html import escape

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.timeline.diagnostic_strips import BEST_FIRST, BY_DEFAULT, NO_STRIPS, ON_ANOTHER_STRIP
from stmask_core.review.diagnostics.catalogue import Diagnostic
from stmask_core.review.diagnostics.measured import WORTH_SHOWING

NAME = Qt.ItemDataRole.UserRole
STRIP, AUROC, DEFINED = range(3)
WIDTH, HEIGHT = 560, 620


class StripsDialog(QDialog):
    """A tick shows a strip at once; the best come first."""

    chosen = Signal(list)  # names of diagnostics, NO_STRIPS when none is ticked, empty for the usual ones

    def __init__(self, parent: QWidget, shown: Collection[str], defined: Mapping[str, float] | None) -> None:
        """shown: names ticked now. defined: share of the video's masks each has a value for, when known."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Strips of the timeline"))
        words = QLabel(
            self.tr(
                "Best first: AUROC is the chance that a wrong mask has a higher value than a right one, as"
                " measured on videos with known truth. Those under {0} are not shown by default."
            ).format(f"{WORTH_SHOWING:g}")
        )
        words.setWordWrap(True)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName(self.tr("Diagnostics"))
        self.tree.setRootIsDecorated(False)
        self.tree.setHeaderLabels([self.tr("Strip"), self.tr("AUROC"), self.tr("Defined")])
        self.tree.header().setStretchLastSection(False)
        self.tree.header().setSectionResizeMode(STRIP, QHeaderView.ResizeMode.Stretch)
        for column in (AUROC, DEFINED):
            self.tree.header().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.meaning = QLabel()
        self.meaning.setWordWrap(True)
        self.meaning.setMinimumHeight(7 * self.fontMetrics().height())
        self.meaning.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.meaning.setAccessibleName(self.tr("What it measures"))
        self._items = [self._add(diagnostic, defined) for diagnostic in BEST_FIRST]
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.usual_button = buttons.addButton(
            self.tr("The usual ones"), QDialogButtonBox.ButtonRole.ResetRole
        )
        layout = QVBoxLayout(self)
        for widget in (words, self.tree, self.meaning, buttons):
            layout.addWidget(widget)
        layout.setStretchFactor(self.tree, 1)
        self._tick(shown)
        self.tree.itemChanged.connect(lambda *_: self.chosen.emit(self.ticked() or [NO_STRIPS]))
        self.tree.currentItemChanged.connect(lambda item, _: self._explain(item))
        self.tree.setCurrentItem(self._items[0])
        self.usual_button.clicked.connect(lambda _=False: self._reset())
        buttons.rejected.connect(self.reject)
        self.resize(WIDTH, HEIGHT)

    def ticked(self) -> list[str]:
        """Names of the diagnostics that are ticked, best first."""
        return [
            item.data(STRIP, NAME) for item in self._items if item.checkState(STRIP) == Qt.CheckState.Checked
        ]

    def _add(self, diagnostic: Diagnostic, defined: Mapping[str, float] | None) -> QTreeWidgetItem:
        share = "–" if defined is None else f"{defined[diagnostic.name]:.0%}"
        item = QTreeWidgetItem(self.tree, [diagnostic.title, f"{diagnostic.auroc:.2f}", share])
        item.setData(STRIP, NAME, diagnostic.name)
        item.setToolTip(STRIP, diagnostic.words)
        for column in (AUROC, DEFINED):
            item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if not diagnostic.shown:
            for column in (STRIP, AUROC, DEFINED):
                item.setForeground(column, self.palette().placeholderText())
        return item

    def _tick(self, names: Collection[str]) -> None:
        with QSignalBlocker(self.tree):
            for item in self._items:
                on = item.data(STRIP, NAME) in names
                item.setCheckState(STRIP, Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)

    def _reset(self) -> None:
        self._tick(BY_DEFAULT)
        self.chosen.emit([])

    def _explain(self, item: QTreeWidgetItem | None) -> None:
        if item is None:
            return
        diagnostic = next(d for d in BEST_FIRST if d.name == item.data(STRIP, NAME))
        says = diagnostic.words
        if diagnostic.name in ON_ANOTHER_STRIP:
            says += self.tr(" (the score has a strip of its own, always)")
        lines = (
            (self.tr("Says"), says),
            (self.tr("Formula"), diagnostic.formula),
            (self.tr("Undefined"), diagnostic.undefined),
            (self.tr("Source"), diagnostic.source),
        )
        cells = "<tr><td><b>{0}</b>&nbsp;&nbsp;</td><td>{1}</td></tr>"
        rows = "".join(cells.format(head, escape(text)) for head, text in lines)
        self.meaning.setText(f"<table>{rows}</table>")
