"""The constants of identity to turn, each beside what the run, the released code and the paper have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from PySide6.QtCore import QCoreApplication, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QGridLayout,
    QLabel,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from stmask_core.tracking.association import PAPER, AssociationSettings
from stmask_core.tracking.constants import with_new_score

RELEASED = AssociationSettings()
MOST_FRAMES = 1_000_000
Editor = QDoubleSpinBox | QSpinBox | QComboBox


def tr(text: str) -> str:
    """Translate a text of this file."""
    return QCoreApplication.translate("replay_constants", text)


@dataclass(frozen=True)
class Constant:
    """name: in ``AssociationSettings``, or new_score. step: of a number. choices: value and text."""

    name: str
    label: str
    tip: str
    step: float = 1
    choices: tuple[tuple[str, str], ...] = ()


def constants() -> tuple[Constant, ...]:
    """What can be turned, in the order of the form."""
    return (
        Constant(
            "new_score",
            tr("Dummy score"),
            tr("What a track must exceed to continue; else a detection begins a track. Higher: more tracks"),
            0.1,
        ),
        Constant(
            "new_similarity",
            tr("    its similarity"),
            tr("Part of the dummy score: how similar a new track is taken to be"),
            0.05,
        ),
        Constant(
            "new_iou",
            tr("    its overlap"),
            tr("Part of the dummy score, times both weights: the IoU that a new track is taken to have"),
            0.05,
        ),
        Constant(
            "similarity",
            tr("Similarity"),
            tr("How alike two embeddings are: from 0 to 1, or their plain cosine"),
            choices=(("half_cosine", tr("(cos + 1) / 2")), ("cosine", tr("cosine"))),
        ),
        Constant(
            "mask_weight",
            tr("Weight of mask IoU"),
            tr("How much the overlap of masks counts"),
            0.1,
        ),
        Constant(
            "box_weight",
            tr("Weight of box IoU"),
            tr("How much the overlap of boxes counts"),
            0.1,
        ),
        Constant(
            "wins",
            tr("Tie rule"),
            tr("Of two detections that want one track: the better scored gets it, or the better fitting"),
            choices=(("score", tr("better score")), ("association", tr("better fit"))),
        ),
        Constant("keep", tr("Keep window"), tr("Frames that a track is shown without a detection")),
        Constant(
            "decay", tr("Decay"), tr("Factor on a track's score in each frame without a detection"), 0.01
        ),
        Constant("min_score", tr("Least score"), tr("A track with a lower score is not shown"), 0.01),
        Constant(
            "min_area",
            tr("Least area"),
            tr("A track whose mask covers no more pixels of a prototype is not shown"),
        ),
        Constant(
            "retire_after",
            tr("Retire after"),
            tr("Forget a track that was not seen for so many frames; a later match begins a new one"),
        ),
        Constant(
            "doubt",
            tr("Doubt"),
            tr("A score shown is n / (n + doubt) of the track's after n detections; 0: the track's own"),
            0.5,
        ),
    )


class ConstantsForm(QWidget):
    """Holds exact values: an editor shows them rounded, and changes only the constant it stands for."""

    changed = Signal()  # by the user, or taken back to known constants

    def __init__(self) -> None:
        super().__init__()
        self.settings = RELEASED
        self._run = RELEASED
        self._rows = constants()
        self.editors: dict[str, Editor] = {}
        self._labels: dict[str, QLabel] = {}
        self._of_run: dict[str, QLabel] = {}
        self.start_from = QComboBox()
        self.start_from.setAccessibleName(tr("Start from"))
        for value, text in (
            ("run", tr("the run's constants")),
            ("released", tr("the released constants")),
            ("paper", tr("the paper's constants")),
            ("own", tr("own constants")),
        ):
            self.start_from.addItem(text, value)
        self._lay_out()
        self.start_from.activated.connect(lambda _: self._take())
        self._show()

    def show_run(self, settings: AssociationSettings) -> None:
        """Show what the run has; the form follows as long as nothing was turned."""
        untouched = self.settings == self._run
        self._run = settings
        if untouched:
            self.settings = settings
        self._show()

    def discard(self) -> None:
        """Back to the run's constants."""
        self._set(self._run)

    @property
    def is_the_runs(self) -> bool:
        """True while everything is as the run has it."""
        return self.settings == self._run

    def _lay_out(self) -> None:
        page = QWidget()
        grid = QGridLayout(page)
        grid.setContentsMargins(0, 0, 8, 0)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(4)
        for column, text in enumerate((tr("run"), tr("released"), tr("paper")), start=2):
            grid.addWidget(_faint(text), 0, column)
        for row, constant in enumerate(self._rows, start=1):
            label = self._labels[constant.name] = QLabel(constant.label)
            editor = self.editors[constant.name] = self._editor(constant)
            label.setBuddy(editor)
            for widget in (label, editor):
                widget.setToolTip(constant.tip)
            self._of_run[constant.name] = _faint("")
            grid.addWidget(label, row, 0)
            grid.addWidget(editor, row, 1)
            grid.addWidget(self._of_run[constant.name], row, 2)
            grid.addWidget(_faint(_text(constant, RELEASED)), row, 3)
            grid.addWidget(_faint(_text(constant, PAPER)), row, 4)
        grid.setRowStretch(len(self._rows) + 1, 1)
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(page)
        area.setMinimumWidth(page.sizeHint().width() + area.verticalScrollBar().sizeHint().width())
        top = QFormLayout()
        top.addRow(tr("Start from"), self.start_from)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(area, 1)

    def _editor(self, constant: Constant) -> Editor:
        editor: Editor
        if constant.choices:
            editor = QComboBox()
            for value, text in constant.choices:
                editor.addItem(text, value)
            editor.currentIndexChanged.connect(lambda _: self._turn(constant.name, editor.currentData()))
        elif constant.step < 1:
            editor = QDoubleSpinBox()
            editor.setRange(0 if constant.name == "doubt" else -1000, 1000)
            editor.setDecimals(3)
            editor.setSingleStep(constant.step)
            editor.valueChanged.connect(partial(self._turn, constant.name))
        else:
            editor = QSpinBox()
            editor.setRange(-1 if constant.name == "retire_after" else 0, MOST_FRAMES)
            if constant.name == "retire_after":
                editor.setSpecialValueText(tr("never"))
            editor.valueChanged.connect(partial(self._turn, constant.name))
        editor.setAccessibleName(constant.label.strip())
        editor.setAccessibleDescription(constant.tip)
        return editor

    def _turn(self, name: str, value: Any) -> None:
        if name == "new_score":
            self._set(with_new_score(self.settings, value))
        elif name == "retire_after" and value < 0:
            self._set(replace(self.settings, retire_after=None))
        else:
            self._set(replace(self.settings, **{name: value}))

    def _take(self) -> None:
        known = {"run": self._run, "released": RELEASED, "paper": PAPER}
        self._set(known.get(self.start_from.currentData(), self.settings))

    def _set(self, settings: AssociationSettings) -> None:
        is_new = settings != self.settings
        self.settings = settings
        self._show()
        if is_new:
            self.changed.emit()

    def _show(self) -> None:
        for constant in self._rows:
            editor, value = self.editors[constant.name], getattr(self.settings, constant.name)
            with QSignalBlocker(editor):
                _put(editor, value)
            self._of_run[constant.name].setText(_text(constant, self._run))
            label = self._labels[constant.name]
            font = label.font()
            font.setBold(_unlike(value, getattr(self._run, constant.name)))
            label.setFont(font)
        known = (("run", self._run), ("released", RELEASED), ("paper", PAPER), ("own", self.settings))
        self.start_from.setCurrentIndex(
            self.start_from.findData(next(name for name, settings in known if settings == self.settings))
        )


def _unlike(a: Any, b: Any) -> bool:
    """True when two values differ by more than the rounding of a sum."""
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) > 1e-9
    return bool(a != b)


def _put(editor: Editor, value: Any) -> None:
    if isinstance(editor, QComboBox):
        editor.setCurrentIndex(editor.findData(value))
    elif isinstance(editor, QDoubleSpinBox):
        if round(value, editor.decimals()) != editor.value():  # leaves the cursor where somebody types
            editor.setValue(value)
    else:
        editor.setValue(-1 if value is None else value)


def _text(constant: Constant, settings: AssociationSettings) -> str:
    value = getattr(settings, constant.name)
    if value is None:
        return tr("never")
    return dict(constant.choices).get(value, str(value)) if constant.choices else f"{value:g}"


def _faint(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("faint")
    return label
