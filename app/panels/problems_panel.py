"""What the check found: by severity and kind, one click from each place on the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPolygonF
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.panels.empty_hint import EmptyHint
from app.panels.small_pictures import clear_pixmap
from stmask_core.document.validation import ORDER, Finding, Severity

FINDING = Qt.ItemDataRole.UserRole
MOST_SHOWN = 200  # of one kind; a table of ten thousand lines helps nobody
EXPANDED = 12  # kinds with more findings start folded
SEVERITY_COLOURS: dict[Severity, str] = {"error": "#e5534b", "warning": "#d29922", "note": "#4c9be8"}


def severity_icon(severity: Severity, size: int, ratio: float = 1.0) -> QIcon:
    """Octagon, triangle or disc of ``size`` pixels: severities differ by more than colour."""
    pixmap = clear_pixmap(QSize(size, size), ratio)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(SEVERITY_COLOURS[severity]))
    corners = {
        "error": ((0.3, 0), (0.7, 0), (1, 0.3), (1, 0.7), (0.7, 1), (0.3, 1), (0, 0.7), (0, 0.3)),
        "warning": ((0.5, 0.02), (1, 0.95), (0, 0.95)),
    }
    inner = size * 0.8
    if severity in corners:
        points = [QPointF(size * 0.1 + inner * x, size * 0.1 + inner * y) for x, y in corners[severity]]
        painter.drawPolygon(QPolygonF(points))
    else:
        painter.drawEllipse(QPointF(size / 2, size / 2), inner * 0.35, inner * 0.35)
    painter.end()
    return QIcon(pixmap)


class WrappingDelegate(QStyledItemDelegate):
    """Gives a message the height that its words need at the width of the tree."""

    def __init__(self, tree: QTreeWidget) -> None:
        super().__init__(tree)
        self._tree = tree
        tree.header().sectionResized.connect(lambda *_: tree.scheduleDelayedItemsLayout())

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Size of a line of the tree."""
        size = super().sizeHint(option, index)
        if not index.parent().isValid():
            return size
        margin = 2 * self._tree.indentation() + self._tree.fontMetrics().height()
        room = QRect(0, 0, max(1, self._tree.viewport().width() - margin), 1 << 20)
        text = index.data(Qt.ItemDataRole.DisplayRole) or ""
        words = self._tree.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, text)
        return QSize(size.width(), max(size.height(), words.height() + 4))


class ProblemsPanel(QWidget):
    """A tree: kind of problem, then each finding. Enter or a click goes there."""

    go_to = Signal(int, object)  # frame (-1: a finding without one), track id or None
    check_again = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle(self.tr("Problems"))
        self._findings: tuple[Finding, ...] = ()
        self.summary = QLabel(self.tr("Not checked yet."))
        self.summary.setObjectName("faint")
        self.summary.setWordWrap(True)
        self.check_button = QPushButton(self.tr("Check"))
        self.check_button.setToolTip(self.tr("Look at every mask of the video"))
        self.tree = QTreeWidget()
        self.tree.setAccessibleName(self.tr("Problems"))
        self.tree.setHeaderHidden(True)
        self.tree.setExpandsOnDoubleClick(False)
        self.tree.setWordWrap(True)
        self.tree.setIndentation(self.fontMetrics().height())
        self.tree.setItemDelegate(WrappingDelegate(self.tree))
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        words = self.tr("Check lists gaps, overlaps, specks and frames that nobody reviewed.")
        self._hint = EmptyHint(self.tree, words)
        top = QHBoxLayout()
        top.addWidget(self.summary, 1)
        top.addWidget(self.check_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addLayout(top)
        layout.addWidget(self.tree, 1)
        self.check_button.clicked.connect(lambda _=False: self.check_again.emit())
        self.tree.itemClicked.connect(self._on_click)
        self.tree.itemActivated.connect(self._go)

    def show_findings(self, findings: Sequence[Finding]) -> None:
        """Show what ``validate`` found, errors first."""
        place = {severity: n for n, severity in enumerate(ORDER)}
        ordered = sorted(findings, key=lambda f: (place[f.severity], f.kind, f.frame or 0, f.track or 0))
        self._findings = tuple(ordered)
        self.tree.clear()
        self.summary.setText(self._in_words())
        self._hint.setText(self.tr("Nothing to repair."))
        size = self.fontMetrics().height()
        for (severity, kind), group in groupby(ordered, key=lambda f: (f.severity, f.kind)):
            found = list(group)
            parent = QTreeWidgetItem(self.tree, [f"{self._kind_text(kind)} ({len(found)})"])
            parent.setIcon(0, severity_icon(severity, size, self.devicePixelRatioF()))
            parent.setToolTip(0, self._severity_text(severity))
            parent.setData(0, Qt.ItemDataRole.AccessibleTextRole, f"{severity}: {parent.text(0)}")
            for finding in found[:MOST_SHOWN]:
                child = QTreeWidgetItem(parent, [finding.message])
                child.setToolTip(0, finding.message)
                child.setData(0, FINDING, finding)
            if len(found) > MOST_SHOWN:
                more = QTreeWidgetItem(parent, [self.tr("and {0} more").format(len(found) - MOST_SHOWN)])
                more.setFlags(Qt.ItemFlag.NoItemFlags)
            parent.setExpanded(len(found) <= EXPANDED)

    def frames(self) -> list[tuple[int, int | None]]:
        """(frame, track) of every finding that has a frame, ascending: for "next issue"."""
        places = {(f.frame, f.track) for f in self._findings if f.frame is not None}
        return sorted(places, key=lambda place: (place[0], place[1] or 0))

    def _on_click(self, item: QTreeWidgetItem) -> None:
        if item.data(0, FINDING) is not None:
            self._go(item)

    def _go(self, item: QTreeWidgetItem) -> None:
        finding: Finding | None = item.data(0, FINDING)
        if finding is None:
            item.setExpanded(not item.isExpanded())  # Enter folds a kind: the arrow keys belong to the video
        else:
            self.go_to.emit(-1 if finding.frame is None else finding.frame, finding.track)

    def _in_words(self) -> str:
        counts = {s: sum(f.severity == s for f in self._findings) for s in ORDER}
        if not self._findings:
            return self.tr("No problems.")
        words = (
            (counts["error"], self.tr("1 error"), self.tr("{0} errors")),
            (counts["warning"], self.tr("1 warning"), self.tr("{0} warnings")),
            (counts["note"], self.tr("1 note"), self.tr("{0} notes")),
        )
        return ", ".join(one if n == 1 else many.format(n) for n, one, many in words if n)

    def _severity_text(self, severity: Severity) -> str:
        return {
            "error": self.tr("Error: other tools will stumble over it"),
            "warning": self.tr("Warning: probably a mistake"),
            "note": self.tr("Note: good to know"),
        }[severity]

    def _kind_text(self, kind: str) -> str:
        return {
            "empty_mask": self.tr("Empty masks"),
            "tiny_mask": self.tr("Tiny masks"),
            "same_object": self.tr("Two tracks on one object"),
            "overlap": self.tr("Overlapping masks"),
            "gap": self.tr("Gaps in tracks"),
            "category_flip": self.tr("Category changes"),
            "out_of_image": self.tr("Boxes outside the image"),
            "unreadable_mask": self.tr("Masks that cannot be read"),
            "no_masks": self.tr("Tracks without masks"),
            "unreviewed": self.tr("Frames not reviewed"),
            "open_note": self.tr("Open notes"),
        }.get(kind, kind)
