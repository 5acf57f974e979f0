"""Other association constants, and what they would have made of the run: counts and lanes of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.dialogs.passing import passing
from app.dialogs.replay_constants import ConstantsForm
from app.dialogs.run_dialog import WEIGHT_SUFFIXES
from app.panels.replay_lanes import ReplayLanes
from app.panels.replay_rows import ReplayRow
from stmask_core.tracking.association import AssociationSettings

if TYPE_CHECKING:
    from stmask_core.engine.replay import ReplayTally

WIDTH, HEIGHT = 1160, 640


class ReplayDialog(QDialog):
    """Beside the window, which stays usable; everything it does is asked of somebody else."""

    replay_wanted = Signal()  # of ``form.settings``, soon: more changes may follow
    record_wanted = Signal(bool)  # with maps
    weights_chosen = Signal(str)
    apply_wanted = Signal()
    cancel_wanted = Signal()
    go_to = Signal(int, object)  # frame, track of the project or None

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Replay with other constants"))
        self._rows: Sequence[ReplayRow] = ()
        self._frames = (0, 1)
        self._is_ready = self._is_busy = False
        self._refusal = ""
        self.form = ConstantsForm()
        self.estimate = QCheckBox(self.tr("Estimate only"))
        self.estimate.setToolTip(
            self.tr("Leave tracks that the run did not carry where they are: faster, without weights")
        )
        self.discard_button = QPushButton(self.tr("Discard"))
        self.discard_button.setToolTip(self.tr("Back to the run's constants; nothing is written"))
        self.apply_button = QPushButton(self.tr("Apply"))
        self.apply_button.setObjectName("primary")
        self._make_start_page()
        self._make_comparison()
        self._make_progress()
        self._lay_out()
        self._connect()
        self.show_unavailable("")
        self.resize(WIDTH, HEIGHT)

    # what is shown

    def show_unavailable(self, text: str) -> None:
        """Nothing can be replayed now; why."""
        self._show_start(text, offers_recording=False)

    def show_unrecorded(self, text: str) -> None:
        """There is nothing to replay from yet: offer to record."""
        self._show_start(text, offers_recording=True)

    def show_ready(self, has_maps: bool) -> None:
        """There is a recording."""
        self._is_ready = True
        self.estimate.setVisible(has_maps)
        self.maps_button.setVisible(not has_maps)
        self.verdict.clear()
        self.pages.setCurrentIndex(1)
        self._allow()

    def show_problem(self, text: str, *, weights: bool = False) -> None:
        """Something failed. weights: because of the weights, for which others can be chosen."""
        self.problem.setText(text)
        self.problem.show()
        self.weights_button.setVisible(weights)

    def show_progress(self, text: str, done: int, count: int) -> None:
        """Something is under way; count 0 while nobody knows how long it takes."""
        self.problem.hide()
        self.weights_button.hide()
        self.stage.setText(text)
        self.bar.setRange(0, count)
        self.bar.setValue(done)
        self.progress.show()

    def hide_progress(self) -> None:
        """Nothing is under way."""
        self.progress.hide()

    def set_busy(self, busy: bool) -> None:
        """Recording or applying: no constant can be turned meanwhile."""
        self._is_busy = busy
        self._allow()

    def refuse_to_apply(self, reason: str) -> None:
        """Why nothing can be written; empty when it can."""
        self._refusal = reason
        self._allow()

    def show_comparison(
        self, before: ReplayTally, after: ReplayTally, rows: Sequence[ReplayRow], note: str = ""
    ) -> None:
        """Show what the constants change. note: what there is to say while they are the run's."""
        self._rows, self._frames = rows, (before.first, before.frames)
        same = note or self.tr("The run's own constants: the replay is the run, to the last bit.")
        self.verdict.setText(same if self.form.is_the_runs else self._verdict(after))
        self._show_counts(before.counts(), after.counts())
        self._show_rows()
        self._allow()

    def show_frame(self, frame: int) -> None:
        """Move the playhead."""
        self.lanes.show_frame(frame)

    # making

    def _make_start_page(self) -> None:
        self.start_text = QLabel()
        self.start_text.setWordWrap(True)
        self.start_text.setTextFormat(Qt.TextFormat.PlainText)
        self.start_text.setAccessibleName(self.tr("Why there is nothing to replay"))
        self.with_maps = QCheckBox(self.tr("Keep the maps too, so that every replay is exact"))
        self.with_maps.setToolTip(
            self.tr("0.35 MB a frame for the network in the box, 2 to 4 MB for the released ones; else 10 KB")
        )
        self.with_maps.setChecked(True)
        self.record_button = QPushButton(self.tr("Record"))
        self.record_button.setObjectName("primary")

    def _make_comparison(self) -> None:
        self.verdict = QLabel()
        self.verdict.setWordWrap(True)
        self.verdict.setAccessibleName(self.tr("How exact it is"))
        self.maps_button = QPushButton(self.tr("Record with maps"))
        self.maps_button.setToolTip(self.tr("Run the model again and keep what makes every replay exact"))
        self.counts: dict[str, tuple[QLabel, QLabel, QLabel]] = {}
        self.only_differing = QCheckBox(self.tr("Only tracks that differ"))
        self.lanes = ReplayLanes()
        self.lane_words = QLabel(self.tr("solid: detected · pale: carried · faint rows: no difference"))
        self.lane_words.setObjectName("faint")

    def _make_progress(self) -> None:
        self.progress = QWidget()
        self.stage, self.bar = QLabel(), QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(self.fontMetrics().height() // 2)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.cancel_button = QPushButton(self.tr("Cancel"))
        row = QHBoxLayout(self.progress)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.stage)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel_button)
        self.progress.hide()
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        self.problem.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.problem.setAccessibleName(self.tr("What went wrong"))
        self.problem.hide()
        self.weights_button = QPushButton(self.tr("Choose the weights…"))
        self.weights_button.hide()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.estimate)
        buttons.addStretch(1)
        buttons.addWidget(self.discard_button)
        buttons.addWidget(self.apply_button)
        left = QVBoxLayout()
        left.addWidget(self.form, 1)
        left.addLayout(buttons)
        self.pages = QStackedWidget()
        self.pages.addWidget(self._start_page())
        self.pages.addWidget(self._comparison_page())
        below = QHBoxLayout()
        below.addWidget(self.problem, 1)
        below.addWidget(self.weights_button)
        right = QVBoxLayout()
        right.addWidget(self.pages, 1)
        right.addLayout(below)
        right.addWidget(self.progress)
        page = QHBoxLayout(self)
        page.setSpacing(16)
        page.addLayout(left)
        page.addLayout(right, 1)
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)  # Enter in a number is no answer

    def _start_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.addStretch(1)
        for widget in (self.start_text, self.with_maps):
            column.addWidget(widget)
        row = QHBoxLayout()
        row.addWidget(self.record_button)
        row.addStretch(1)
        column.addLayout(row)
        column.addStretch(2)
        return page

    def _comparison_page(self) -> QWidget:
        page = QWidget()
        top = QHBoxLayout()
        top.addWidget(self.verdict, 1)
        top.addWidget(self.maps_button)
        below = QHBoxLayout()
        below.addWidget(self.lane_words, 1)
        below.addWidget(self.only_differing)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addLayout(self._counts_grid())
        column.addWidget(self.lanes, 1)
        column.addLayout(below)
        return page

    def _counts_grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(2)
        for row, text in enumerate((self.tr("before"), self.tr("after"), self.tr("change")), start=1):
            grid.addWidget(QLabel(text), row, 0)
        for column, (name, text, tip) in enumerate(self._count_words(), start=1):
            head = QLabel(text)
            head.setObjectName("faint")
            labels = self.counts[name] = (QLabel(), QLabel(), QLabel())
            for row, label in enumerate((head, *labels)):
                label.setToolTip(tip)
                label.setAlignment(Qt.AlignmentFlag.AlignRight)
                grid.addWidget(label, row, column)
        grid.setColumnStretch(len(self.counts) + 1, 1)
        return grid

    def _count_words(self) -> tuple[tuple[str, str, str], ...]:
        return (
            ("tracks", self.tr("Tracks"), self.tr("Identities that were shown at least once")),
            ("masks", self.tr("Masks"), self.tr("Shown, all frames together")),
            ("births", self.tr("Births"), self.tr("Tracks that began, shown or not")),
            (
                "switches",
                self.tr("Switches"),
                self.tr(
                    "Shown objects whose place another identity held a frame earlier, whatever the truth"
                ),
            ),
            ("lost", self.tr("Lost"), self.tr("Detections whose track went to a better detection")),
            (
                "computed",
                self.tr("Computed"),
                self.tr("Times that temporal fusion carried a track now, which the run did not have"),
            ),
            ("estimated", self.tr("Estimated"), self.tr("Times that such a track was left where it was")),
        )

    def _connect(self) -> None:
        self.form.changed.connect(self._on_change)
        self.estimate.toggled.connect(lambda _: self.replay_wanted.emit())
        self.discard_button.clicked.connect(lambda _=False: self.form.discard())
        self.apply_button.clicked.connect(lambda _=False: self.apply_wanted.emit())
        self.record_button.clicked.connect(
            lambda _=False: self.record_wanted.emit(self.with_maps.isChecked())
        )
        self.maps_button.clicked.connect(lambda _=False: self.record_wanted.emit(True))
        self.cancel_button.clicked.connect(lambda _=False: self.cancel_wanted.emit())
        self.weights_button.clicked.connect(lambda _=False: self._ask_weights())
        self.only_differing.toggled.connect(lambda _: self._show_rows())
        self.lanes.go_to.connect(self.go_to)

    # what happens

    @property
    def settings(self) -> AssociationSettings:
        """The constants of the form."""
        return self.form.settings

    def _on_change(self) -> None:
        self._allow()
        self.replay_wanted.emit()

    def _show_start(self, text: str, *, offers_recording: bool) -> None:
        self._is_ready = False
        self.start_text.setText(text)
        self.with_maps.setVisible(offers_recording)
        self.record_button.setVisible(offers_recording)
        self.pages.setCurrentIndex(0)
        self._allow()

    def _allow(self) -> None:
        free = self._is_ready and not self._is_busy
        self.form.setEnabled(free)
        self.estimate.setEnabled(free)
        for button in (self.record_button, self.maps_button, self.weights_button):
            button.setEnabled(not self._is_busy)
        self.discard_button.setEnabled(free and not self.form.is_the_runs)
        self.apply_button.setEnabled(free and not self.form.is_the_runs and not self._refusal)
        self.apply_button.setToolTip(
            self._refusal or self.tr("Into the project, as one undo step; what people made stays as it is")
        )

    def _verdict(self, after: ReplayTally) -> str:
        if after.estimated and self.estimate.isVisibleTo(self):
            return self.tr("An estimate: {0} times a track was left where it was.").format(
                f"{after.estimated:,}"
            )
        if after.estimated:
            return self.tr(
                "An estimate: {0} times a track was left where it was, because the recording has no maps."
            ).format(f"{after.estimated:,}")
        if after.computed:
            return self.tr("Exact but for rounding: what a run with these constants would give.")
        return self.tr("Exact: what a run with these constants would give.")

    def _show_counts(self, before: dict[str, int], after: dict[str, int]) -> None:
        accent = self.palette().color(QPalette.ColorRole.Link)
        plain = self.palette().color(QPalette.ColorRole.WindowText)
        for name, labels in self.counts.items():
            change = after[name] - before[name]
            texts = (f"{before[name]:,}", f"{after[name]:,}", f"{change:+,}" if change else "=")
            for label, text in zip(labels, texts, strict=True):
                label.setText(text)
            for label in labels[1:]:
                _paint_text(label, accent if change else plain, bold=bool(change))

    def _show_rows(self) -> None:
        only = self.only_differing.isChecked()
        self.lanes.rows.show([row for row in self._rows if row.differs or not only], *self._frames)

    def _ask_weights(self) -> None:
        dialog = passing(QFileDialog(self, self.tr("The weights of the run")))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        kinds = " ".join(f"*{suffix}" for suffix in WEIGHT_SUFFIXES)
        dialog.setNameFilters([self.tr("Weights ({0})").format(kinds), self.tr("All files (*)")])
        dialog.fileSelected.connect(self.weights_chosen)
        dialog.open()


def _paint_text(label: QLabel, colour: QColor, *, bold: bool) -> None:
    font, palette = label.font(), label.palette()
    font.setBold(bold)
    palette.setColor(QPalette.ColorRole.WindowText, colour)
    label.setFont(font)
    label.setPalette(palette)
