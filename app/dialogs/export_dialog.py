"""The question before an export: which format, where to, and what the check has to say about it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.dialogs.category_map import CategoryMap
from app.dialogs.exchange_facts import FileCategory, format_title
from app.dialogs.passing import passing
from app.dialogs.run_dialog import CATEGORY_LISTS, side_by_side
from app.panels.problems_panel import ProblemsPanel
from stmask_core.cli.export import FOLDERS, FORMATS
from stmask_core.document.validation import Finding
from stmask_core.formats.category_lists import read_category_list
from stmask_core.formats.objects_file import FILE_NAME as OBJECTS_FILE

ENDINGS = {
    "ytvis": ".json", "ytvis-results": ".results.json", "coco": ".coco.json", "davis": "-davis",
    "mots": "-mots", "mots-txt": "-mots-txt", "csv": ".csv", "video": "-masks.mp4",
}  # fmt: skip
COMPRESSED = {"ytvis": False, "coco": True}  # what each is by itself
PROJECT_SUFFIX = ".stm"
LONGEST_NAME = 28  # on the button


class ExportDialog(QDialog):
    """Format, place, options, and the problems beside them; not modal, so that one can go and repair.

    Nothing is replaced without a tick, and never the project, its videos, or a folder that is not an export.
    """

    confirmed = Signal(str, object, object)  # format, Path, options as words of ``stmask export``
    go_to = Signal(int, object)  # a problem's frame (-1: none) and track id or None
    check_again = Signal()  # answer with show_findings

    def __init__(
        self,
        parent: QWidget | None,
        place: Path,
        videos: Sequence[str],
        categories: Sequence[str],
        *,
        shown: str = "",
        format_: str = "ytvis",
        protected: Sequence[Path] = (),
    ) -> None:
        """place: folder and name, without an ending, that exports get at first. videos: names in the project.

        categories: names in use. shown: the video on the canvas. protected: files that are never replaced.
        """
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Export"))
        self._folder = place.parent
        self._categories = [FileCategory(name, name) for name in categories]
        self._protected = tuple(Path(os.path.realpath(path)) for path in protected)
        self._shown_format = format_
        self._make_main_rows(place, videos, shown, format_)
        self._make_option_rows()
        self.mapping = CategoryMap(self.tr("In the project"), self.tr("In the list"), may_be_new=False)
        self.problems = ProblemsPanel()
        self.problems.check_button.setText(self.tr("Check again"))
        self._lay_out()
        self._connect()
        self._show_state()

    def show_findings(self, findings: Sequence[Finding]) -> None:
        """List what the check found in the video on the canvas."""
        self.problems.show_findings(findings)

    def target(self) -> Path:
        """Where the export goes; a path that is not whole begins at the project's folder."""
        return self._folder / self.path.text().strip()

    def words(self) -> list[str]:
        """What is chosen as options of ``stmask export``."""
        format_: str = self.format.currentData()
        words = ["--no-validate"]  # the check is beside the question already
        if self.video.currentData():
            words += ["--video", self.video.currentData()]
        if format_ != "video" and self.list.currentData():
            words += ["--categories", self.list.currentData(), *self.mapping.words()]
        if format_ in COMPRESSED:
            words.append("--compressed" if self.compressed.isChecked() else "--lists")
        if format_ == "mots-txt":
            words += ["--first-frame", str(self.first_frame.currentData())]
        if format_ == "video":
            words += ["--opacity", f"{self.opacity.value() / 100:g}"]
        if self._taken():
            words.append("--force")
        return words

    def accept(self) -> None:
        """Close and say what was chosen."""
        self._show_state()  # the disk may have changed since
        if self.export_button.isEnabled():
            format_, target, words = self.format.currentData(), self.target(), self.words()
            super().accept()
            self.confirmed.emit(format_, target, words)

    def showEvent(self, event: QShowEvent) -> None:
        """Check when the dialog comes up."""
        super().showEvent(event)
        if not event.spontaneous():
            self._ask_to_check()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter on a problem goes there and does not export."""
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and self.problems.isAncestorOf(self.focusWidget()):
            event.accept()
        else:
            super().keyPressEvent(event)

    # making

    def _make_main_rows(self, place: Path, videos: Sequence[str], shown: str, format_: str) -> None:
        self.format = QComboBox()
        self.format.setAccessibleName(self.tr("Format"))
        for name in FORMATS:
            self.format.addItem(format_title(name), name)
        self.format.setCurrentIndex(max(0, self.format.findData(format_)))
        self.explanation = QLabel()
        self.explanation.setObjectName("faint")
        self.explanation.setWordWrap(True)
        self.path = QLineEdit(f"{place}{ENDINGS[self.format.currentData()]}")
        self.path.setAccessibleName(self.tr("Where to"))
        self.browse_button = QPushButton(self.tr("Browse…"))
        self.browse_button.setAccessibleName(self.tr("Browse for a place"))
        self.replace = QCheckBox()
        self.video = QComboBox()
        self.video.setAccessibleName(self.tr("Videos"))
        self.video.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        if len(videos) != 1:
            self.video.addItem(self.tr("All {0} videos").format(len(videos)), "")
        for name in videos:
            self.video.addItem(name, "" if len(videos) == 1 else name)
        self._shown = shown
        self.list = QComboBox()
        self.list.setAccessibleName(self.tr("Categories"))
        self.list.addItem(self.tr("As in the project"), "")
        for value, text in CATEGORY_LISTS:
            self.list.addItem(text, value)

    def _make_option_rows(self) -> None:
        self.compressed = QCheckBox(self.tr("Masks as compressed text: a smaller file"))
        self.compressed.setChecked(COMPRESSED.get(self.format.currentData(), False))
        self.first_frame = QComboBox()
        self.first_frame.setAccessibleName(self.tr("First frame"))
        self.first_frame.addItem(self.tr("is number 1 (MOTSChallenge)"), 1)
        self.first_frame.addItem(self.tr("is number 0 (KITTI)"), 0)
        self.opacity = QSpinBox()
        self.opacity.setAccessibleName(self.tr("Strength of the colours"))
        self.opacity.setRange(0, 100)
        self.opacity.setSingleStep(5)
        self.opacity.setSuffix(" %")
        self.opacity.setValue(45)

    def _lay_out(self) -> None:
        self.form = QFormLayout()
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.form.addRow(self.tr("Format"), self.format)
        self.form.addRow("", self.explanation)
        self.form.addRow(self.tr("Where to"), side_by_side(self.path, self.browse_button))
        self.form.addRow("", self.replace)
        self.form.addRow(self.tr("Videos"), self.video)
        self.form.addRow("", self.compressed)
        self.form.addRow(self.tr("First frame"), self.first_frame)
        self.form.addRow(self.tr("Colours"), self.opacity)
        self.form.addRow(self.tr("Categories"), self.list)
        self.reason = QLabel()
        self.reason.setWordWrap(True)
        self.reason.setAccessibleName(self.tr("Why it cannot be exported yet"))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.export_button = self.buttons.addButton(self.tr("Export"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.export_button.setObjectName("primary")
        letter = self.fontMetrics().averageCharWidth()
        left = QVBoxLayout()
        left.addLayout(self.form)
        left.addWidget(self.mapping, 100)
        left.addStretch(1)
        heading = QLabel(self.tr("Problems in the video shown"))
        heading.setObjectName("heading")
        heading.setIndent(6)  # as the panel below it
        right = QVBoxLayout()
        right.addWidget(heading)
        right.addWidget(self.problems, 1)
        right.setSpacing(0)
        columns = QHBoxLayout()
        columns.setSpacing(letter * 2)
        columns.addLayout(left, 3)
        columns.addLayout(right, 2)
        page = QVBoxLayout(self)
        page.addLayout(columns, 1)
        page.addWidget(self.reason)
        page.addWidget(self.buttons)
        self.export_button.setDefault(True)
        self.path.setMinimumWidth(letter * 34)
        self.resize(letter * 140, self.fontMetrics().height() * 32)

    def _connect(self) -> None:
        self.format.currentIndexChanged.connect(self._take_format)
        self.path.textChanged.connect(self._take_path)
        self.browse_button.clicked.connect(lambda _=False: self._browse())
        self.replace.toggled.connect(self._show_state)
        self.video.currentIndexChanged.connect(self._show_state)
        self.list.currentIndexChanged.connect(self._take_list)
        self.mapping.changed.connect(self._show_state)
        self.problems.go_to.connect(self.go_to)
        self.problems.check_again.connect(self._ask_to_check)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)

    # what happens

    def _take_format(self) -> None:
        """Another format: the name keeps its beginning and gets the new ending."""
        old, new = self._shown_format, self.format.currentData()
        self._shown_format = new
        text = self.path.text()
        if text.endswith(ENDINGS[old]):
            self.path.setText(text.removesuffix(ENDINGS[old]) + ENDINGS[new])
        self.compressed.setChecked(COMPRESSED.get(new, False))
        if new == "video" and not self.video.currentData():
            self.video.setCurrentIndex(max(0, self.video.findText(self._shown)))
        self._show_state()

    def _take_path(self) -> None:
        self.replace.setChecked(False)  # the tick was for another place
        self._show_state()

    def _take_list(self) -> None:
        name: str = self.list.currentData()
        if name:
            targets = [category.name for category in read_category_list(name)]
            self.mapping.show_categories(self._categories, targets)
        self._show_state()

    def _browse(self) -> None:
        dialog = passing(QFileDialog(self, self.tr("Export")))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)  # the dialog asks with a tick
        dialog.selectFile(str(self.target()))
        dialog.fileSelected.connect(self.path.setText)
        dialog.open()

    def _ask_to_check(self) -> None:
        self.problems.summary.setText(self.tr("Checking…"))
        self.check_again.emit()

    # what is shown

    def _show_state(self) -> None:
        """The rows that matter for the format, and whether it can be written."""
        format_: str = self.format.currentData()
        self.explanation.setText(self._explanation(format_))
        taken = bool(self._taken())
        self.replace.setText(
            self.tr("Replace the whole folder that is there") if format_ in FOLDERS
            else self.tr("Replace the file that is there")
        )  # fmt: skip
        for row, shown in (
            (self.replace, taken and not self._forbidden()),
            (self.compressed, format_ in COMPRESSED),
            (self.first_frame, format_ == "mots-txt"),
            (self.opacity, format_ == "video"),
            (self.list, format_ != "video"),
        ):
            self.form.setRowVisible(row, shown)
        self.mapping.setVisible(format_ != "video" and bool(self.list.currentData()))
        reason = self._reason()
        self.reason.setText(reason)
        self.export_button.setEnabled(not reason)
        name = self.target().name
        short = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
        self.export_button.setText(self.tr("Export {0}").format(short.replace("&", "&&")))

    def _reason(self) -> str:
        """Why it cannot be written; empty when it can."""
        if not self.path.text().strip():
            return self.tr("Say where to write.")
        forbidden = self._forbidden()
        if forbidden:
            return forbidden
        taken = self._taken()
        if taken and not self.replace.isChecked():
            return self.tr("{0} is there already: tick Replace, or choose another name.").format(taken)
        format_: str = self.format.currentData()
        if format_ == "video" and self.video.count() > 1 and not self.video.currentData():
            return self.tr("A film shows one video: choose which.")
        undecided = self.mapping.open_names() if format_ != "video" and self.list.currentData() else []
        if undecided:
            return self.tr("Say what these categories become: {0}").format(", ".join(undecided[:3]))
        return ""

    def _forbidden(self) -> str:
        """Why nothing may be written there at all; empty when it may."""
        target = self.target()
        is_folder, to_folder = os.path.isdir(target), self.format.currentData() in FOLDERS
        if is_folder and not to_folder:
            return self.tr("That is a folder: add the name of a file.")
        real = Path(os.path.realpath(target))
        if target.suffix.lower() == PROJECT_SUFFIX or any(
            real == path or real in path.parents for path in self._protected
        ):
            return self.tr("That would replace the project or its videos: choose another place.")
        if to_folder and os.path.exists(target) and not is_folder:
            return self.tr("That is a file, and this format is a folder: choose another name.")
        if is_folder and not _is_empty(target) and not os.path.isfile(target / OBJECTS_FILE):
            return self.tr("The folder holds other things: choose an empty one or a new name.")
        return ""

    def _taken(self) -> str:
        """Name of what is there already and would be replaced; empty when nothing is."""
        target, format_ = self.target(), self.format.currentData()
        if format_ in FOLDERS:
            return target.name if os.path.isdir(target) and not _is_empty(target) else ""
        written = [target, *([target.with_suffix(".events.csv")] if format_ == "csv" and target.name else [])]
        return next((path.name for path in written if os.path.isfile(path)), "")

    def _explanation(self, format_: str) -> str:
        return {
            "ytvis": self.tr("One file for all videos, with every mask and identity."),
            "ytvis-results": self.tr("Scored tracks for an evaluation; choose the categories it counts by."),
            "coco": self.tr("For tools that know images only; identities go along as track_id."),
            "davis": self.tr("A folder, one picture per frame; where masks overlap the smaller one stays."),
            "mots": self.tr("A folder, category and identity in one number; masks cannot overlap."),
            "mots-txt": self.tr("A folder, one text per video; masks cannot overlap."),
            "csv": self.tr("One line per mask for spreadsheets, and a second table of events beside it."),
            "video": self.tr("A film with the masks drawn in, for people to look at."),
        }.get(format_, "")


def _is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing; one that cannot be read counts as full."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return False
