"""The question before the model runs: which weights, over which frames, on what, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.dialogs.passing import passing
from app.flows.run_request import RunRequest
from app.panels.problems_panel import severity_icon

Choice = tuple[str, str]  # value, text
Frames = tuple[int, int]  # first, last, both included
DEMO = "demo"
WEIGHT_SUFFIXES = (".pth", ".pt", ".safetensors")
CATEGORY_LISTS = (("ytvis2019", "YouTube-VIS 2019"), ("ytvis2021", "YouTube-VIS 2021"), ("ovis", "OVIS"))


class RunDialog(QDialog):
    """Weights, frames, device and settings; Enter runs, Escape leaves everything as it is.

    Looking into a weights file takes seconds and needs torch, so somebody else does it: ``describe_wanted``
    asks, ``show_description`` takes the answer. Until the chosen file is known to be good nothing can run.
    """

    confirmed = Signal(object)  # RunRequest
    describe_wanted = Signal(str)  # weights as a RunRequest names them: "demo" or a path

    def __init__(
        self,
        parent: QWidget | None,
        request: RunRequest,
        frame_count: int,
        *,
        frame: int = 0,
        marked: Frames | None = None,
        recent: Sequence[str] = (),
        devices: Sequence[Choice] = (),
        missing: str | None = None,
    ) -> None:
        """request: what is offered first. frame: the playhead. marked: frames marked on the timeline.

        recent: paths of weights used before, newest first. devices: beside the processor, value and text.
        missing: what to install before anything can run, in words; None when everything is there.
        """
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Run the model"))
        self._request, self._missing, self._last_frame = request, missing, max(0, frame_count - 1)
        self._descriptions: dict[str, tuple[str, bool]] = {}
        self._asked: set[str] = set()
        self._device_wish = request.device
        self._make_weights_row(request, recent)
        self._make_frames_row(request, frame, marked)
        self._make_settings(request)
        self._make_more_settings(request)
        self.offer_devices(devices)
        self._lay_out()
        self._connect()
        self._show_state()

    def request(self) -> RunRequest:
        """What is chosen now; what the dialog does not show stays as it was given."""
        return replace(
            self._request,
            weights=self._chosen_weights(),
            first=self.first.value(),
            last=self.last.value(),
            categories=self.categories.currentData(),
            device=self.device.currentData(),
            precision=self.precision.currentData(),
            temporal=self.temporal.isChecked(),
            letterbox=self.letterbox.isChecked(),
            retire=None if self.retire.value() < 0 else self.retire.value(),
            batch=self.batch.value() or None,
        )

    def show_description(self, weights: str, text: str, ok: bool) -> None:
        """Say what a file was recognised as, or, when it is not ok, what is wrong with it."""
        self._descriptions[weights] = (text, ok)
        self._show_state()

    def offer_devices(self, devices: Sequence[Choice]) -> None:
        """Offer these devices beside the processor; the one wished for is taken when it is there."""
        self.device.clear()
        self.device.addItem(self.tr("Automatic: the fastest there is"), "auto")
        self.device.addItem(self.tr("Processor (CPU)"), "cpu")
        for value, text in devices:
            self.device.addItem(text, value)
        self.device.setCurrentIndex(max(0, self.device.findData(self._device_wish)))

    def choose_weights(self, path: str) -> None:
        """Take another weights file and ask what it is."""
        if self.weights.findData(path) < 0:
            self._add_weights(path)
        self.weights.setCurrentIndex(self.weights.findData(path))

    def accept(self) -> None:
        """Close and say what was chosen."""
        if self.run_button.isEnabled():
            request = self.request()
            super().accept()
            self.confirmed.emit(request)

    def showEvent(self, event: QShowEvent) -> None:
        """The first file is asked about when there is somebody to listen."""
        super().showEvent(event)
        self._show_state()

    # making

    def _make_weights_row(self, request: RunRequest, recent: Sequence[str]) -> None:
        self.weights = QComboBox()
        self.weights.setAccessibleName(self.tr("Weights"))
        self.weights.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.weights.setMinimumContentsLength(30)
        self.weights.addItem(self.tr("The small network in the box"), DEMO)
        for path in dict.fromkeys((request.weights, *recent)):
            if path and path != DEMO:
                self._add_weights(path)
        self.weights.setCurrentIndex(max(0, self.weights.findData(request.weights)))
        self.browse_button = QPushButton(self.tr("Browse…"))
        self.browse_button.setAccessibleName(self.tr("Browse for weights"))
        self.mark, self.description = QLabel(), QLabel()
        self.description.setWordWrap(True)
        self.description.setTextFormat(Qt.TextFormat.PlainText)
        self.description.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.description.setAccessibleName(self.tr("What the weights are"))

    def _add_weights(self, path: str) -> None:
        self.weights.addItem(Path(path).name, path)
        self.weights.setItemData(self.weights.count() - 1, path, Qt.ItemDataRole.ToolTipRole)

    def _make_frames_row(self, request: RunRequest, frame: int, marked: Frames | None) -> None:
        last = self._last_frame
        self.frames = QComboBox()
        self.frames.setAccessibleName(self.tr("Frames"))
        self.frames.addItem(self.tr("Whole video"), (0, last))
        if marked is not None:
            self.frames.addItem(self.tr("Marked range"), marked)
        self.frames.addItem(self.tr("From here on"), (min(frame, last), last))
        self.frames.addItem(self.tr("Other frames"), None)
        self.first, self.last = QSpinBox(), QSpinBox()
        for box, value, name in (
            (self.first, request.first, self.tr("First frame")),
            (self.last, request.last, self.tr("Last frame")),
        ):
            box.setRange(0, last)
            box.setValue(value)
            box.setAccessibleName(name)
        self.frame_words = QLabel()
        self.frame_words.setObjectName("faint")
        self._show_frames()

    def _make_settings(self, request: RunRequest) -> None:
        self.device = QComboBox()
        self.device.setAccessibleName(self.tr("Device"))
        self.precision = QComboBox()
        self.precision.setAccessibleName(self.tr("Precision"))
        for value, text in (
            ("auto", self.tr("Automatic: fast where results stay the same")),
            ("fp32", self.tr("32 bits (fp32), the reference")),
            ("bf16", self.tr("16 bits (bf16)")),
        ):
            self.precision.addItem(text, value)
        self.precision.setCurrentIndex(max(0, self.precision.findData(request.precision)))
        self.temporal = QCheckBox(self.tr("Carry masks from frame to frame (temporal fusion)"))
        self.temporal.setToolTip(self.tr("Off: every frame is looked at alone; faster, more gaps"))
        self.temporal.setChecked(request.temporal)

    def _make_more_settings(self, request: RunRequest) -> None:
        self.categories = QComboBox()
        self.categories.setAccessibleName(self.tr("Categories"))
        self.categories.addItem(self.tr("As the weights say"), "")
        for value, text in CATEGORY_LISTS:
            self.categories.addItem(text, value)
        if self.categories.findData(request.categories) < 0:
            self.categories.addItem(request.categories, request.categories)
        self.categories.setCurrentIndex(self.categories.findData(request.categories))
        self.letterbox = QCheckBox(self.tr("Keep the aspect ratio"))
        self.letterbox.setToolTip(self.tr("Off: the picture is squashed, as the released weights know it"))
        self.letterbox.setChecked(request.letterbox)
        self.retire = QSpinBox()
        self.retire.setRange(-1, 1_000_000)
        self.retire.setSpecialValueText(self.tr("Never"))
        self.retire.setSuffix(self.tr(" frames after they were last seen"))
        self.retire.setValue(-1 if request.retire is None else request.retire)
        self.retire.setAccessibleName(self.tr("Forget objects"))
        self.batch = QSpinBox()
        self.batch.setRange(0, 256)
        self.batch.setSpecialValueText(self.tr("What suits the device"))
        self.batch.setValue(request.batch or 0)
        self.batch.setAccessibleName(self.tr("Frames at once"))

    def _lay_out(self) -> None:
        self.form = QWidget()
        form = QFormLayout(self.form)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.tr("Weights"), side_by_side(self.weights, self.browse_button))
        form.addRow("", side_by_side(self.mark, self.description))
        to = QLabel(self.tr("to"))
        form.addRow(self.tr("Frames"), side_by_side(self.frames, self.first, to, self.last, self.frame_words))
        form.addRow(self.tr("Device"), self.device)
        form.addRow(self.tr("Precision"), self.precision)
        form.addRow("", self.temporal)
        self.more_button = QToolButton()
        self.more_button.setText(self.tr("More settings"))
        self.more_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more_button.setArrowType(Qt.ArrowType.RightArrow)
        self.more_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        form.addRow(self.more_button)
        self.more_rows: tuple[tuple[str, QWidget], ...] = (
            (self.tr("Categories"), self.categories),
            (self.tr("Forget objects"), self.retire),
            (self.tr("Frames at once"), self.batch),
            ("", self.letterbox),
        )
        for text, field in self.more_rows:
            form.addRow(text, field)
        self.missing = QLabel(self._missing or "")
        self.missing.setWordWrap(True)
        self.missing.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.missing.setVisible(self._missing is not None)
        self.form.setEnabled(self._missing is None)
        promise = QLabel(self.tr("Masks that people made or locked stay as they are. One undo step."))
        promise.setObjectName("faint")
        promise.setWordWrap(True)
        self.reason = QLabel()
        self.reason.setWordWrap(True)
        self.reason.setAccessibleName(self.tr("Why it cannot run yet"))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.run_button = self.buttons.addButton(self.tr("Run"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.run_button.setObjectName("primary")
        self._page = QVBoxLayout(self)
        for widget in (self.missing, self.form, promise, self.reason):
            self._page.addWidget(widget)
        self._page.addStretch(1)
        self._page.addWidget(self.buttons)
        self.run_button.setDefault(True)
        self._show_more(False)
        self.setMinimumWidth(self.fontMetrics().averageCharWidth() * 84)

    def _connect(self) -> None:
        self.weights.currentIndexChanged.connect(self._show_state)
        self.browse_button.clicked.connect(lambda _=False: self._browse())
        self.frames.activated.connect(self._take_frames)
        for box in (self.first, self.last):
            box.valueChanged.connect(self._show_frames)
            box.valueChanged.connect(self._show_state)
        self.device.activated.connect(lambda: setattr(self, "_device_wish", self.device.currentData()))
        self.more_button.clicked.connect(lambda _=False: self._show_more(not self.categories.isVisible()))
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)

    # what happens

    def _browse(self) -> None:
        dialog = passing(QFileDialog(self, self.tr("Weights")))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        kinds = " ".join(f"*{suffix}" for suffix in WEIGHT_SUFFIXES)
        dialog.setNameFilters([self.tr("Weights ({0})").format(kinds), self.tr("All files (*)")])
        if self._chosen_weights() != DEMO:
            dialog.setDirectory(str(Path(self._chosen_weights()).parent))
        dialog.fileSelected.connect(self.choose_weights)
        dialog.open()

    def _take_frames(self) -> None:
        frames: Frames | None = self.frames.currentData()
        chosen = self.frames.currentIndex()
        if frames is None:
            self.first.setFocus()
            self.first.selectAll()
            return
        self.first.setValue(frames[0])
        self.last.setValue(frames[1])
        self.frames.setCurrentIndex(chosen)  # two choices may mean the same frames

    def _show_frames(self) -> None:
        first, last = self.first.value(), self.last.value()
        spans = [self.frames.itemData(i) for i in range(self.frames.count())]
        named = next((i for i, span in enumerate(spans) if span and tuple(span) == (first, last)), None)
        self.frames.setCurrentIndex(len(spans) - 1 if named is None else named)
        count = max(0, last - first + 1)
        self.frame_words.setText(
            self.tr("1 frame") if count == 1 else self.tr("{0} frames").format(f"{count:,}")
        )

    def _show_more(self, shown: bool) -> None:
        layout = self.form.layout()
        assert isinstance(layout, QFormLayout)
        for _, field in self.more_rows:
            layout.setRowVisible(field, shown)
        self.more_button.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self.more_button.setAccessibleName(self.tr("Fewer settings") if shown else self.tr("More settings"))
        self._fit(shrink=True)

    def _fit(self, *, shrink: bool = False) -> None:
        """Make room for words that need more lines than before."""
        if self.isVisible():
            self._page.activate()
            wanted = self._page.totalHeightForWidth(self.width())
            self.resize(self.width(), wanted if shrink else max(wanted, self.height()))

    def _show_state(self) -> None:
        """Ask about the file when nobody has, say what is known, and whether it can run."""
        weights = self._chosen_weights()
        self.weights.setToolTip("" if weights == DEMO else weights)
        if self.isVisible() and self._missing is None and weights not in self._asked:
            self._asked.add(weights)
            self.describe_wanted.emit(weights)
        text, ok = self._descriptions.get(weights, (self.tr("Looking at the file…"), True))
        self.description.setText(text if self._missing is None else "")
        size = self.fontMetrics().height()
        self.mark.setVisible(not ok)
        self.mark.setPixmap(severity_icon("error", size, self.devicePixelRatioF()).pixmap(size, size))
        reason = self._reason()
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason))
        self.run_button.setEnabled(not reason)
        self._fit()

    def _reason(self) -> str:
        """Why it cannot run; empty when it can."""
        known = self._descriptions.get(self._chosen_weights())
        if self._missing is not None:
            return self.tr("The model cannot run before that is installed.")
        if known is None:
            return self.tr("One moment: the weights are being looked at.")
        if not known[1]:
            return self.tr("Choose other weights.")
        if self.first.value() > self.last.value():
            return self.tr("The first frame comes after the last one.")
        return ""

    def _chosen_weights(self) -> str:
        return str(self.weights.currentData())


def side_by_side(*widgets: QWidget) -> QHBoxLayout:
    """Widgets side by side; the first that can grow does."""
    row = QHBoxLayout()
    for widget in widgets:
        is_text = isinstance(widget, QLabel) and widget.wordWrap()
        row.addWidget(widget, 1 if is_text or isinstance(widget, QComboBox) else 0)
    return row
