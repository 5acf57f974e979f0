"""A video in numbers against its truth, and the verdict on every track: a click goes to the track."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QGridLayout,
    QHeaderView,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.panels.truth_rows import KindRow, TruthFacts, VerdictRow
from stmask_core.document.records import Colour

PLACE = Qt.ItemDataRole.UserRole  # (frame, track) of a line
EXPANDED = 8  # verdicts with more tracks start folded
WHAT, IOU, GAIN = range(3)
COLUMNS = 5  # of the numbers at the top
UNDEFINED = "–"


class TruthView(QWidget):
    """Numbers at the top, the frame on the canvas below them, then a tree: verdict, then its tracks."""

    go_to = Signal(int, object)  # frame (-1: it is nowhere), track or None

    def __init__(self) -> None:
        super().__init__()
        self._facts: TruthFacts | None = None
        self._frame = 0
        self.values: dict[str, QLabel] = {}  # name of a number -> where it stands
        self.here = QLabel()
        self.here.setWordWrap(True)
        self.here.setAccessibleName(self.tr("This frame against the truth"))
        self.tree = QTreeWidget()
        self.tree.setAccessibleName(self.tr("Verdicts"))
        heads = [self.tr("Verdict, tracks → true"), self.tr("IoU"), self.tr("AP +")]
        self.tree.setHeaderLabels(heads)
        self.tree.headerItem().setToolTip(GAIN, self.tr("AP gained by fixing only this"))
        self.tree.setIndentation(self.fontMetrics().height())
        self.tree.header().setStretchLastSection(False)
        self.tree.header().setSectionResizeMode(WHAT, QHeaderView.ResizeMode.Stretch)
        for column in (IOU, GAIN):
            self.tree.header().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._numbers())
        layout.addWidget(self.here)
        layout.addWidget(self.tree, 1)
        self.tree.itemClicked.connect(self._go)
        self.tree.itemActivated.connect(self._go)

    def show_facts(self, facts: TruthFacts | None) -> None:
        """Show these; None: nothing is known."""
        self._facts = facts
        self.tree.clear()
        for name, label in self.values.items():
            label.setText(UNDEFINED if facts is None else _number(getattr(facts.scores, name), 3))
        for kind in () if facts is None else facts.kinds:
            self._add(kind)
        self.show_frame(self._frame)

    def show_frame(self, frame: int) -> None:
        """Say how the frame on the canvas stands."""
        self._frame = frame
        self.here.setText(self._frame_in_words(frame))

    def _numbers(self) -> QGridLayout:
        """Name over number, in two lines."""
        named = (
            ("AP", self.tr("AP"), self.tr("Average precision of the tracks, IoU 0.5 to 0.95")),
            ("AP50", self.tr("AP50"), self.tr("Average precision of the tracks at IoU 0.5")),
            ("HOTA", self.tr("HOTA"), self.tr("Detection and association together")),
            ("IDF1", self.tr("IDF1"), self.tr("Share of the masks under the right identity")),
            None,
            ("right", self.tr("TP"), self.tr("Masks that are right: IoU 0.5 or more")),
            ("wrong", self.tr("FP"), self.tr("False masks")),
            ("missed", self.tr("FN"), self.tr("Missed objects, counted per frame")),
            (
                "identity_switches",
                self.tr("ID switches"),
                self.tr("An object goes on under another identity"),
            ),
            ("fragmentations", self.tr("Breaks"), self.tr("An object is lost and found again")),
        )
        grid = QGridLayout()
        grid.setVerticalSpacing(0)
        grid.setRowMinimumHeight(2, 4)  # between the two lines
        for place, entry in enumerate(named):
            if entry is None:
                continue
            name, text, meaning = entry
            row, column = 3 * (place // COLUMNS), place % COLUMNS
            head, value = QLabel(text), QLabel(UNDEFINED)
            head.setObjectName("faint")
            value.setObjectName("heading")
            value.setAccessibleName(meaning)
            for label in (head, value):
                label.setToolTip(meaning)
            grid.addWidget(head, row, column)
            grid.addWidget(value, row + 1, column)
            self.values[name] = value
        return grid

    def _add(self, kind: KindRow) -> None:
        text = f"{self.verdict_text(kind.kind)} ({len(kind.tracks)})"
        parent = QTreeWidgetItem(self.tree, [text, "", _gain(kind.AP)])
        font = parent.font(WHAT)
        font.setBold(True)
        parent.setFont(WHAT, font)
        parent.setToolTip(WHAT, self._meaning(kind.kind))
        lines = [parent]
        for row in kind.tracks:
            texts = [self._name(row), _number(row.iou), _gain(row.AP_gain)]
            child = QTreeWidgetItem(parent, texts)
            lines.append(child)
            child.setData(WHAT, PLACE, (row.frame, row.track))
            child.setIcon(WHAT, _swatch(row.colour, self.fontMetrics().height()))
            child.setToolTip(WHAT, self._whole(row))
        for line in lines:
            for column in (IOU, GAIN):
                line.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        parent.setExpanded(len(kind.tracks) <= EXPANDED)

    def _name(self, row: VerdictRow) -> str:
        if row.track is None:
            return self.tr("true {0}").format(row.truth)
        return f"{row.name} → {row.truth.split()[0]}" if row.truth else row.name

    def _whole(self, row: VerdictRow) -> str:
        """All about a track as a tool tip; names may come from outside."""
        parts = [row.name, self.tr("true track {0}").format(row.truth) if row.truth else ""]
        if row.score is not None:
            parts.append(self.tr("score {0}").format(f"{row.score:.2f}"))
        return f"<qt>{escape(', '.join(part for part in parts if part))}</qt>"

    def _frame_in_words(self, frame: int) -> str:
        if self._facts is None:
            return ""
        if frame >= len(self._facts.frames):
            return self.tr("Frame {0}: the truth ends before it.").format(frame)
        found = self._facts.frames[frame]
        parts = [
            self.tr("{0} right").format(found.right),
            self.tr("{0} false").format(found.wrong),
            self.tr("{0} missed").format(found.missed),
        ]
        if found.mean_iou is not None:
            parts[0] += self.tr(" (IoU {0})").format(f"{found.mean_iou:.2f}")
        if found.identity_switches:
            parts.append(self.tr("identity switch"))
        return self.tr("Frame {0}: {1}").format(frame, ", ".join(parts))

    def verdict_text(self, kind: str) -> str:
        """A verdict in words."""
        return {
            "right": self.tr("Right"),
            "localisation": self.tr("Wrong place"),
            "mask": self.tr("Wrong mask"),
            "category": self.tr("Wrong category"),
            "both": self.tr("Wrong place and category"),
            "duplicate": self.tr("Duplicate"),
            "background": self.tr("Background"),
            "identity": self.tr("Identity"),
            "missed": self.tr("Missed"),
        }.get(kind, kind)

    def _meaning(self, kind: str) -> str:
        return {
            "right": self.tr("It finds a true track of its category: IoU 0.5 or more over the video"),
            "localisation": self.tr("It touches a true track, but its boxes are not on it"),
            "mask": self.tr("Its boxes are right, its pixels are not"),
            "category": self.tr("It finds a true track of another category"),
            "both": self.tr("It touches a true track of another category"),
            "duplicate": self.tr("Another track finds the same object better"),
            "background": self.tr("It touches no true track"),
            "identity": self.tr("Its masks are right, but it is a piece of an object's life, or of several"),
            "missed": self.tr("No track finds it"),
        }.get(kind, "")

    def _go(self, item: QTreeWidgetItem) -> None:
        place = item.data(WHAT, PLACE)
        if place is not None:
            self.go_to.emit(*place)


def _number(value: float | None, digits: int = 2) -> str:
    if value is None:
        return UNDEFINED
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"


def _gain(value: float | None) -> str:
    return "" if value is None else f"{value:+.3f}"


def _swatch(colour: Colour | None, size: int) -> QIcon:
    """The track's colour; nothing, as wide, for a true track."""
    pixmap = QPixmap(QSize(size // 2, size // 2))
    pixmap.fill(Qt.GlobalColor.transparent if colour is None else QColor(*colour))
    return QIcon(pixmap)
