"""Where the model likely failed and why, worst first: a queue to walk through with two keys."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QListView,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.panels.event_rows import EventRow
from stmask_core.document.records import Colour

BAR_PX = 8
STEPS = 20  # heights of the severity bar
TROUGH, MILD, BAD = QColor(128, 128, 128, 60), QColor("#d29922"), QColor("#e5534b")
BAD_FROM = 0.7
Index = QModelIndex | QPersistentModelIndex


class EventRows(QAbstractListModel):
    """Rows of two lines, a severity bar and the track's colour before them."""

    def __init__(self, view: QWidget) -> None:
        super().__init__(view)
        self._view = view
        self._rows: list[EventRow] = []
        self._bars: dict[tuple[int, Colour | None], QPixmap] = {}

    @property
    def rows(self) -> list[EventRow]:
        """What is shown, in order."""
        return self._rows

    def show(self, rows: list[EventRow]) -> None:
        """Show these rows."""
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Number of rows."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Texts and the picture of a row."""
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{self._place(row)}\n{row.cause}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.tr("{0}\nSeverity {1}: {2}").format(
                self._place(row), f"{row.severity:.2f}", row.cause
            )
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.tr("{0}, severity {1}: {2}").format(
                self._place(row), f"{row.severity:.2f}", row.cause
            )
        if role == Qt.ItemDataRole.DecorationRole:
            return self._bar(row)
        return None

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

    def _bar(self, row: EventRow) -> QPixmap:
        level = round(row.severity * STEPS)
        bar = self._bars.get((level, row.colour))
        if bar is None:
            height, ratio = 2 * self._view.fontMetrics().height(), self._view.devicePixelRatioF()
            bar = self._bars[level, row.colour] = _draw_bar(level / STEPS, row.colour, height, ratio)
        return bar


def _draw_bar(severity: float, colour: Colour | None, height: int, ratio: float) -> QPixmap:
    """A trough filled from below, and beside it a stripe in the track's colour."""
    bar = QPixmap(QSize(2 * BAR_PX, height) * ratio)
    bar.setDevicePixelRatio(ratio)
    bar.fill(Qt.GlobalColor.transparent)
    painter = QPainter(bar)
    filled = severity * height
    painter.fillRect(QRectF(0, 0, BAR_PX, height), TROUGH)
    painter.fillRect(QRectF(0, height - filled, BAR_PX, filled), BAD if severity >= BAD_FROM else MILD)
    if colour is not None:
        painter.fillRect(QRectF(BAR_PX + 3, 0, BAR_PX / 2, height), QColor(*colour))
    painter.end()
    return bar


class EventsPanel(QWidget):
    """The queue: a click, Enter or the keys for next and previous go there."""

    go_to = Signal(int, object)  # frame, track id or None
    look_wanted = Signal()
    save_wanted = Signal(object)  # list[EventRow]: what is shown

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle(self.tr("Failures"))
        self._suspicions: Sequence[EventRow] | None = None
        self._errors: Sequence[EventRow] | None = None
        self._stale = False
        self.summary = QLabel()
        self.summary.setObjectName("faint")
        self.summary.setWordWrap(True)
        self.look_button = QPushButton(self.tr("Look for failures"))
        self.look_button.setToolTip(self.tr("Ask the model's evidence and every mask of the video"))
        self.queue = QComboBox()
        self.queue.setAccessibleName(self.tr("Which list"))
        self.queue.addItem(self.tr("Against the truth"), "errors")
        self.queue.addItem(self.tr("Suspicious places"), "suspicions")
        self.kind = QComboBox()
        self.kind.setAccessibleName(self.tr("Kind of event"))
        self.least = QDoubleSpinBox()
        self.least.setAccessibleName(self.tr("Least severity"))
        self.least.setPrefix(self.tr("severity ≥ "))
        self.least.setRange(0, 1)
        self.least.setSingleStep(0.1)
        self.list = QListView()
        self.list.setAccessibleName(self.tr("Failures, worst first"))
        self.list.setUniformItemSizes(True)
        self.list.setAlternatingRowColors(True)
        self.list.setSpacing(2)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.model = EventRows(self.list)
        self.list.setModel(self.model)
        self.list.setIconSize(QSize(2 * BAR_PX, 2 * self.list.fontMetrics().height()))
        self.cause = QLabel()  # of the chosen event, whole
        self.cause.setWordWrap(True)
        self.cause.setAccessibleName(self.tr("Why"))
        self.save_button = QPushButton(self.tr("Save as CSV…"))
        self.setFocusProxy(self.list)
        self._lay_out()
        self._connect()
        self.clear()

    def clear(self) -> None:
        """Nothing has been looked for yet."""
        self._suspicions, self._errors, self._stale = None, None, False
        self._offer()

    def show_rows(self, suspicions: Sequence[EventRow], errors: Sequence[EventRow] | None = None) -> None:
        """Show the queue; errors, where a truth is known, come to the front."""
        self._suspicions, self._errors, self._stale = suspicions, errors, False
        self._offer()

    def show_progress(self, done: int, count: int) -> None:
        """Say how far the look has come."""
        self.summary.setText(self.tr("Looking: frame {0} of {1}…").format(done, count))

    def mark_stale(self) -> None:
        """The annotations have changed since; what is listed may be repaired already."""
        if self._suspicions or self._errors:
            self._stale = True
            self.show_summary()

    @property
    def row(self) -> EventRow | None:
        """The chosen row."""
        index = self.list.currentIndex()
        return self.model.rows[index.row()] if index.isValid() else None

    def step(self, forward: bool) -> bool:
        """Go to the next or previous event of the queue, the first one to begin with; False at its end."""
        index = self.list.currentIndex()
        place = index.row() + (1 if forward else -1) if index.isValid() else 0
        if not 0 <= place < len(self.model.rows):
            return False
        self.list.setCurrentIndex(self.model.index(place))
        self._go(self.model.index(place))
        return True

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.summary, 1)
        top.addWidget(self.look_button)
        filters = QHBoxLayout()
        filters.addWidget(self.kind, 1)
        filters.addWidget(self.least)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addLayout(top)
        layout.addWidget(self.queue)
        layout.addLayout(filters)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.cause)
        layout.addWidget(self.save_button)

    def _connect(self) -> None:
        self.look_button.clicked.connect(lambda _=False: self.look_wanted.emit())
        self.save_button.clicked.connect(lambda _=False: self.save_wanted.emit(list(self.model.rows)))
        self.queue.currentIndexChanged.connect(self._offer_kinds)
        self.kind.currentIndexChanged.connect(self._fill)
        self.least.valueChanged.connect(self._fill)
        self.list.selectionModel().currentChanged.connect(self._show_cause)
        self.list.clicked.connect(self._go)
        self.list.activated.connect(self._go)

    @property
    def _rows(self) -> Sequence[EventRow]:
        """The list in front, unfiltered."""
        in_front = self._errors if self.queue.currentData() == "errors" else None
        return (self._suspicions or ()) if in_front is None else in_front

    def _offer(self) -> None:
        """A choice of lists only where there are two."""
        self.queue.setVisible(self._errors is not None)
        self.queue.blockSignals(True)
        self.queue.setCurrentIndex(self.queue.findData("suspicions" if self._errors is None else "errors"))
        self.queue.blockSignals(False)
        self._offer_kinds()

    def _offer_kinds(self) -> None:
        """The kinds that occur, with how often; the chosen one stays chosen."""
        chosen = self.kind.currentData()
        counts: dict[str, int] = {}
        for row in self._rows:
            counts[row.kind] = counts.get(row.kind, 0) + 1
        self.kind.blockSignals(True)
        self.kind.clear()
        self.kind.addItem(self.tr("All kinds ({0})").format(len(self._rows)), None)
        for kind, count in counts.items():
            self.kind.addItem(f"{self.model.kind_text(kind)} ({count})", kind)
        self.kind.setCurrentIndex(max(0, self.kind.findData(chosen) if chosen else 0))
        self.kind.blockSignals(False)
        self._fill()

    def _fill(self) -> None:
        chosen, kind = self.row, self.kind.currentData()
        least = self.least.value() - 1e-9  # what reads 0.30 passes 0.30
        rows = [row for row in self._rows if kind in (None, row.kind) and row.severity >= least]
        self.model.show(rows)
        if chosen in rows:
            self.list.setCurrentIndex(self.model.index(rows.index(chosen)))
        self.save_button.setEnabled(bool(rows))
        self._show_cause()
        self.show_summary()

    def _show_cause(self, *_: object) -> None:
        row = self.row
        self.cause.setVisible(row is not None)
        self.cause.setText("" if row is None else row.cause)

    def show_summary(self) -> None:
        """Say how much is listed, as after a look that came to nothing."""
        count, shown = len(self._rows), len(self.model.rows)
        if self._suspicions is None:
            text = self.tr("Not looked for failures yet.")
        elif not count:
            text = self.tr("Nothing looks wrong.")
        elif shown < count:
            text = self.tr("{0} of {1} places").format(shown, count)
        else:
            text = self.tr("1 place") if count == 1 else self.tr("{0} places, worst first").format(count)
        if self._stale:
            text += self.tr(". Changed since: look again.")
        self.summary.setText(text)

    def _go(self, index: Index) -> None:
        row = self.model.rows[index.row()]
        self.go_to.emit(row.frame, row.track)
