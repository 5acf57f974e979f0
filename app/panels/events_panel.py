"""Where the model likely failed and why, worst first: a queue to walk through with two keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.panels.empty_hint import EmptyHint
from app.panels.event_model import EventRows, Index
from app.panels.event_rows import EventRow, Filter
from app.panels.truth_rows import TruthFacts
from app.panels.truth_view import TruthView

ERRORS, SUSPICIONS, SCORES = "errors", "suspicions", "scores"


class EventsPanel(QWidget):
    """The queue: a click, Enter or the keys for next and previous go there. With a truth, its numbers too."""

    go_to = Signal(int, object)  # frame, track id or None
    look_wanted = Signal()
    save_wanted = Signal(object)  # list[EventRow]: what is shown
    report_wanted = Signal()
    strips_wanted = Signal()

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
        self.queue.addItem(self.tr("Errors against the truth"), ERRORS)
        self.queue.addItem(self.tr("Suspicious places"), SUSPICIONS)
        self.queue.addItem(self.tr("Scores and verdicts"), SCORES)
        self._make_filters()
        self.list = QListView()
        self.list.setAccessibleName(self.tr("Failures, worst first"))
        self.list.setUniformItemSizes(True)
        self.list.setAlternatingRowColors(True)
        self.list.setSpacing(2)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.model = EventRows(self.list)
        self.list.setModel(self.model)
        self.list.setIconSize(self.model.icon_size)
        self.hint = EmptyHint(self.list, "")
        self.cause = QLabel()  # of the chosen event, whole
        self.cause.setWordWrap(True)
        self.cause.setAccessibleName(self.tr("Why"))
        self.save_button = QPushButton(self.tr("CSV…"))
        self.save_button.setToolTip(self.tr("Save the events that are listed as a table"))
        self.report_button = QPushButton(self.tr("Report…"))
        self.report_button.setToolTip(self.tr("Save all that was found as one page, with pictures"))
        self.strips_button = QPushButton(self.tr("Strips…"))
        self.strips_button.setToolTip(self.tr("Choose which diagnostics are curves on the timeline"))
        self.truth = TruthView()
        self.pages = QStackedWidget()
        self._lay_out()
        self._connect()
        self.clear()

    def clear(self) -> None:
        """Nothing has been looked for yet."""
        self._suspicions, self._errors, self._stale = None, None, False
        self.words.clear()
        self.least.setValue(0)
        self.model.forget_pictures()
        self.truth.show_facts(None)
        self._offer()

    def show_rows(
        self,
        suspicions: Sequence[EventRow],
        errors: Sequence[EventRow] | None = None,
        truth: TruthFacts | None = None,
    ) -> None:
        """Show the queue; errors, where a truth is known, come to the front, and its numbers are at hand."""
        self._suspicions, self._errors, self._stale = suspicions, errors, False
        self.truth.show_facts(truth)
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
        """Go to the next or previous event that is listed, the first one to begin with; False at its end."""
        index = self.list.currentIndex()
        place = index.row() + (1 if forward else -1) if index.isValid() else 0
        if not 0 <= place < len(self.model.rows):
            return False
        self.list.setCurrentIndex(self.model.index(place))
        self._go(self.model.index(place))
        return True

    def _make_filters(self) -> None:
        self.kind, self.track = QComboBox(), QComboBox()
        self.kind.setAccessibleName(self.tr("Kind of event"))
        self.track.setAccessibleName(self.tr("Track of the event"))
        for box in (self.kind, self.track):
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            box.setMinimumWidth(80)
        self.words = QLineEdit()
        self.words.setAccessibleName(self.tr("Words in the event"))
        self.words.setPlaceholderText(self.tr("Words, such as: covered"))
        self.words.setClearButtonEnabled(True)
        self.least = QDoubleSpinBox()
        self.least.setAccessibleName(self.tr("Least severity"))
        self.least.setPrefix(self.tr("severity ≥ "))
        self.least.setRange(0, 1)
        self.least.setSingleStep(0.1)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.summary, 1)
        top.addWidget(self.look_button)
        filters = QGridLayout()
        filters.addWidget(self.kind, 0, 0)
        filters.addWidget(self.track, 0, 1)
        filters.addWidget(self.words, 1, 0)
        filters.addWidget(self.least, 1, 1)
        filters.setColumnStretch(0, 1)
        filters.setColumnStretch(1, 1)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(filters)
        column.addWidget(self.list, 1)
        column.addWidget(self.cause)
        self.pages.addWidget(page)
        self.pages.addWidget(self.truth)
        below = QHBoxLayout()
        below.addWidget(self.save_button, 1)
        below.addWidget(self.report_button, 1)
        below.addWidget(self.strips_button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addLayout(top)
        layout.addWidget(self.queue)
        layout.addWidget(self.pages, 1)
        layout.addLayout(below)

    def _connect(self) -> None:
        self.look_button.clicked.connect(lambda _=False: self.look_wanted.emit())
        self.save_button.clicked.connect(lambda _=False: self.save_wanted.emit(list(self.model.rows)))
        self.strips_button.clicked.connect(lambda _=False: self.strips_wanted.emit())
        self.report_button.clicked.connect(lambda _=False: self.report_wanted.emit())
        self.queue.currentIndexChanged.connect(self._turn)
        for box in (self.kind, self.track):
            box.currentIndexChanged.connect(self._fill)
        self.words.textChanged.connect(self._fill)
        self.least.valueChanged.connect(self._fill)
        self.list.selectionModel().currentChanged.connect(self._show_cause)
        self.list.clicked.connect(self._go)
        self.list.activated.connect(self._go)
        self.truth.go_to.connect(self.go_to)

    @property
    def _rows(self) -> Sequence[EventRow]:
        """The list in front, unfiltered; behind the numbers that of the errors."""
        in_front = None if self.queue.currentData() == SUSPICIONS else self._errors
        return (self._suspicions or ()) if in_front is None else in_front

    def _offer(self) -> None:
        """A choice of lists only where there are two; what was in front stays there."""
        before = self.queue.currentData() if self.queue.isVisibleTo(self) else ERRORS
        wanted = SUSPICIONS if self._errors is None else before
        self.queue.setVisible(self._errors is not None)
        self.queue.blockSignals(True)
        self.queue.setCurrentIndex(self.queue.findData(wanted))
        self.queue.blockSignals(False)
        self._turn()

    def _turn(self) -> None:
        """Bring the chosen list or the numbers to the front."""
        scores = self.queue.currentData() == SCORES
        self.pages.setCurrentIndex(1 if scores else 0)
        for box, words, everything in (
            (self.kind, self._kinds(), self.tr("All kinds ({0})")),
            (self.track, self._tracks(), self.tr("All tracks ({0})")),
        ):
            chosen = box.currentData()
            box.blockSignals(True)
            box.clear()
            box.addItem(everything.format(len(self._rows)), None)
            for value, text in words.items():
                box.addItem(text, value)
            box.setCurrentIndex(max(0, box.findData(chosen) if chosen else 0))
            box.blockSignals(False)
        self._fill()

    def _kinds(self) -> dict[str, str]:
        """Kinds that occur -> in words, with how often."""
        counts = _counted(row.kind for row in self._rows)
        return {kind: f"{self.model.kind_text(kind)} ({count})" for kind, count in counts.items()}

    def _tracks(self) -> dict[str, str]:
        """Names that occur, by track, true ones last -> with how often."""
        ordered = sorted(self._rows, key=lambda row: (row.track is None, row.track or 0, row.name))
        counts = _counted(row.name for row in ordered if row.name)
        return {name: f"{name} ({count})" for name, count in counts.items()}

    def _fill(self) -> None:
        chosen, text = self.row, self.model.text
        asked = Filter(
            self.kind.currentData(), self.track.currentData(), self.least.value(), self.words.text()
        )
        rows = [row for row in self._rows if asked.passes(row, text(row))]
        self.model.show(rows)
        self.hint.setText(self._why_empty())
        if chosen in rows:
            self.list.setCurrentIndex(self.model.index(rows.index(chosen)))
        self.save_button.setEnabled(bool(rows))
        self.report_button.setEnabled(self._suspicions is not None)
        self._show_cause()
        self.show_summary()

    def _why_empty(self) -> str:
        """What to say where no line is."""
        if self._suspicions is None:
            return self.tr("Looking for failures lists the worst places here, and what likely went wrong.")
        if not self._rows:
            return self.tr("Nothing looks wrong.")
        return self.tr("No event passes the filters.")

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


def _counted(values: Iterable[str]) -> dict[str, int]:
    """Value -> how often it occurs, in the order in which they come."""
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts
