"""The question before an import: which file, what it is, where its videos are, what its categories become."""

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
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.dialogs.category_map import CategoryMap
from app.dialogs.exchange_facts import FileContents, Look, format_title
from app.dialogs.passing import passing
from app.dialogs.run_dialog import CATEGORY_LISTS, side_by_side
from app.panels.problems_panel import severity_icon
from stmask_core.cli.import_ import FORMATS
from stmask_core.formats.category_lists import read_category_list

MOST_NAMED = 3  # names in one sentence


class ImportDialog(QDialog):
    """From a file of another tool to what ``stmask import`` needs; Enter imports, Escape does nothing.

    Reading a file may take long, so somebody else does it: ``look_wanted`` asks, ``show_contents`` and
    ``show_failure`` take the answer.
    """

    look_wanted = Signal(object)  # Look
    confirmed = Signal(str, object, object, object)  # format, source, video (both Path), options as words

    def __init__(
        self,
        parent: QWidget | None,
        videos: Sequence[tuple[str, Path]],
        categories: Sequence[str],
        *,
        shown: int = 0,
        source: Path | None = None,
    ) -> None:
        """videos: the project's, name and place; shown: which is on the canvas. categories: their names."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Import annotations"))
        self._targets = tuple(categories)
        self._look: Look | None = None
        self._contents: FileContents | None = None
        self._failure = self._guess = ""
        self._make_file_rows(source)
        self._make_video_rows(videos, shown)
        self.categories = CategoryMap(self.tr("In the file"), self.tr("In the project"), may_be_new=True)
        self.rest_button = QPushButton(self.tr("All undecided ones are new categories"))
        self._lay_out()
        self._connect()
        self._show_state()

    def show_contents(self, look: Look, contents: FileContents) -> None:
        """Say what was found; an answer to an older question is left aside."""
        if look == self._look:
            self._contents, self._guess = contents, contents.format
            self._show_categories()

    def show_failure(self, look: Look, text: str, guess: str = "") -> None:
        """Say what is wrong with the file; guess: the format that it seems to have."""
        if look == self._look:
            self._failure, self._guess = text, guess
            self._show_state()

    def accept(self) -> None:
        """Close and say what was chosen."""
        contents, look = self._contents, self._look
        if self.import_button.isEnabled() and contents is not None and look is not None:
            video, words = Path(self.video.currentData()), self._words(contents, look)
            super().accept()
            self.confirmed.emit(contents.format, look.source, video, words)

    def showEvent(self, event: QShowEvent) -> None:
        """A file that was given is asked about when there is somebody to listen."""
        super().showEvent(event)
        self._ask()

    # making

    def _make_file_rows(self, source: Path | None) -> None:
        self.source = QLineEdit("" if source is None else str(source))
        self.source.setAccessibleName(self.tr("File or folder"))
        self.source.setPlaceholderText(self.tr("A file, or a folder of pictures"))
        self.file_button = QPushButton(self.tr("File…"))
        self.folder_button = QPushButton(self.tr("Folder…"))
        self.format = QComboBox()
        self.format.setAccessibleName(self.tr("Format"))
        self.format.addItem(self.tr("Find out"), "")
        for name in FORMATS:
            self.format.addItem(self._title(name), name)
        self.mark, self.found = QLabel(), QLabel()
        self.found.setWordWrap(True)
        self.found.setTextFormat(Qt.TextFormat.PlainText)
        self.found.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.found.setAccessibleName(self.tr("What was found"))
        self.dataset = QLineEdit("")
        self.dataset.setAccessibleName(self.tr("Results of"))
        self.dataset.setPlaceholderText(self.tr("Annotation file the results belong to, if there is one"))
        self.dataset_button = QPushButton(self.tr("Browse…"))
        self.dataset_button.setAccessibleName(self.tr("Browse for the annotation file"))
        self.numbering = QComboBox()
        self.numbering.setAccessibleName(self.tr("Numbers are those of"))
        self.numbering.addItem(self.tr("No list: decide below"), "")
        for name, text in CATEGORY_LISTS:
            self.numbering.addItem(text, name)
        self.first_frame = QComboBox()
        self.first_frame.setAccessibleName(self.tr("First frame"))
        self.first_frame.addItem(self.tr("Find out"), None)
        self.first_frame.addItem(self.tr("is number 1"), 1)
        self.first_frame.addItem(self.tr("is number 0"), 0)

    def _make_video_rows(self, videos: Sequence[tuple[str, Path]], shown: int) -> None:
        self.video = QComboBox()
        self.video.setAccessibleName(self.tr("Video"))
        self.video.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.video.setMinimumContentsLength(24)
        for name, path in videos:
            self.video.addItem(name, str(path))
            self.video.setItemData(self.video.count() - 1, str(path), Qt.ItemDataRole.ToolTipRole)
        self.video.setCurrentIndex(shown)
        self._own_videos = len(videos)
        self.root_button = QPushButton(self.tr("Folder of videos…"))
        self.root_button.setToolTip(self.tr("For a file with several videos: the folder that holds them all"))
        self.skip_missing = QCheckBox(self.tr("Leave out videos that are not there"))

    def _lay_out(self) -> None:
        self.form = QFormLayout()
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._dataset_row = side_by_side(self.dataset, self.dataset_button)
        self.form.addRow(self.tr("From"), side_by_side(self.source, self.file_button, self.folder_button))
        self.form.addRow(self.tr("Format"), self.format)
        self.form.addRow("", side_by_side(self.mark, self.found))
        self.form.addRow(self.tr("Results of"), self._dataset_row)
        self.form.addRow(self.tr("First frame"), self.first_frame)
        self.form.addRow(self.tr("Onto the video"), side_by_side(self.video, self.root_button))
        self.form.addRow("", self.skip_missing)
        self.form.addRow(self.tr("Numbers are those of"), self.numbering)
        promise = QLabel(
            self.tr("One undo step. Imported masks stay as they are when the model runs; tracks are added.")
        )
        promise.setObjectName("faint")
        promise.setWordWrap(True)
        self.reason = QLabel()
        self.reason.setWordWrap(True)
        self.reason.setAccessibleName(self.tr("Why it cannot be imported yet"))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.import_button = self.buttons.addButton(self.tr("Import"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.import_button.setObjectName("primary")
        rest = QHBoxLayout()
        rest.addStretch(1)
        rest.addWidget(self.rest_button)
        page = QVBoxLayout(self)
        page.addLayout(self.form)
        page.addWidget(self.categories, 1)
        page.addLayout(rest)
        for widget in (promise, self.reason, self.buttons):
            page.addWidget(widget)
        self.import_button.setDefault(True)
        letter = self.fontMetrics().averageCharWidth()
        self.setMinimumWidth(letter * 90)
        self.resize(letter * 100, self.fontMetrics().height() * 35)

    def _connect(self) -> None:
        for line in (self.source, self.dataset):
            line.textEdited.connect(self._forget)
            line.editingFinished.connect(self._ask)
        self.file_button.clicked.connect(lambda _=False: self._browse(self.source, folder=False))
        self.folder_button.clicked.connect(lambda _=False: self._browse(self.source, folder=True))
        self.dataset_button.clicked.connect(lambda _=False: self._browse(self.dataset, folder=False))
        self.root_button.clicked.connect(lambda _=False: self._browse_root())
        self.format.currentIndexChanged.connect(self._ask)
        self.first_frame.currentIndexChanged.connect(self._ask)
        self.numbering.currentIndexChanged.connect(self._show_categories)
        self.video.currentIndexChanged.connect(self._show_state)
        self.rest_button.clicked.connect(lambda _=False: self.categories.add_rest_as_new())
        self.categories.changed.connect(self._show_state)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)

    # choosing

    def choose_source(self, path: str) -> None:
        """Take another file or folder and have it looked at."""
        self.source.setText(path)
        self._ask()

    def choose_root(self, path: str) -> None:
        """Take a folder that holds the videos of the file."""
        self.video.setCurrentIndex(-1)
        if self.video.count() > self._own_videos:
            self.video.removeItem(self._own_videos)
        self.video.addItem(self.tr("Folder {0}").format(Path(path).name or path), path)
        self.video.setCurrentIndex(self._own_videos)

    def _browse(self, line: QLineEdit, *, folder: bool) -> None:
        dialog = passing(QFileDialog(self, self.tr("Import annotations")))
        mode = QFileDialog.FileMode
        dialog.setFileMode(mode.Directory if folder else mode.ExistingFile)
        if line.text():
            dialog.setDirectory(str(Path(line.text()).parent))
        dialog.fileSelected.connect(line.setText)
        dialog.fileSelected.connect(self._ask)
        dialog.open()

    def _browse_root(self) -> None:
        dialog = passing(QFileDialog(self, self.tr("Folder of videos")))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.choose_root)
        dialog.open()

    # looking

    def _forget(self) -> None:
        """What was found belongs to another path than the one that is being typed."""
        self._look, self._contents, self._failure, self._guess = None, None, "", ""
        self._show_state()

    def _ask(self) -> None:
        """Have the file looked at, unless that has been asked already."""
        look = self._wanted_look()
        if look != self._look:
            if self._look is None or look is None or look.source != self._look.source:
                self._guess = ""
            self._look, self._contents, self._failure = look, None, ""
            self._show_state()
            if look is not None:
                self.look_wanted.emit(look)

    def _wanted_look(self) -> Look | None:
        source, dataset = self.source.text().strip(), self.dataset.text().strip()
        if not source:
            return None
        return Look(
            Path(source),
            self.format.currentData(),
            Path(dataset) if dataset else None,
            self.first_frame.currentData(),
        )

    # what is shown

    def _show_categories(self) -> None:
        if self._contents is None:
            return
        chosen: str = self.numbering.currentData()
        names = {str(c.id): c.name for c in read_category_list(chosen)} if chosen else {}
        named = [replace(c, name=c.name or names.get(c.key, "")) for c in self._contents.categories]
        self.categories.show_categories(named, self._targets)  # says that it has changed

    def _show_state(self) -> None:
        """What was found, the rows that matter for it, and whether it can be imported."""
        contents = self._contents
        size = self.fontMetrics().height()
        self.mark.setVisible(bool(self._failure))
        self.mark.setPixmap(severity_icon("error", size, self.devicePixelRatioF()).pixmap(size, size))
        self.found.setText(self._failure or ("" if contents is None else self._found_words(contents)))
        format_ = self.format.currentData() or self._guess
        guess = self.tr("{0}: a guess").format(self._title(self._guess)) if self._guess else ""
        self.format.setItemText(0, guess or self.tr("Find out"))
        numbered = contents is not None and not all(c.name for c in contents.categories)
        self.form.setRowVisible(self._dataset_row, format_ == "ytvis-results")
        self.form.setRowVisible(self.first_frame, format_ == "mots")
        self.form.setRowVisible(self.skip_missing, self._is_root())
        self.form.setRowVisible(self.numbering, numbered)
        self.categories.setEnabled(contents is not None)
        undecided = self.categories.open_names() if contents is not None else []
        self.rest_button.setEnabled(bool(undecided))
        reason = self._reason(undecided)
        self.reason.setText(reason)
        self.import_button.setEnabled(not reason)
        if contents is not None:
            count = contents.tracks
            self.import_button.setText(
                self.tr("Import 1 track") if count == 1 else self.tr("Import {0} tracks").format(f"{count:,}")
            )

    def _title(self, format_: str) -> str:
        return self.tr("MOTS pictures or text") if format_ == "mots" else format_title(format_)

    def _found_words(self, contents: FileContents) -> str:
        facts = [
            self.tr("1 video") if len(contents.videos) == 1
            else self.tr("{0} videos").format(f"{len(contents.videos):,}"),
            self.tr("{0} categories").format(len(contents.categories)),
            self.tr("{0} tracks").format(f"{contents.tracks:,}"),
        ]  # fmt: skip
        lines = ["  ·  ".join(facts), *contents.warnings[:MOST_NAMED]]
        if len(contents.warnings) > MOST_NAMED:
            lines.append(self.tr("and {0} more notes").format(len(contents.warnings) - MOST_NAMED))
        return "\n".join(lines)

    def _reason(self, undecided: Sequence[str]) -> str:
        """Why it cannot be imported; empty when it can."""
        if self._look is None:
            return self.tr("Choose a file or a folder to import from.")
        if self._failure:
            return self.tr("Choose another file, or say which format it is.")
        contents = self._contents
        if contents is None:
            return self.tr("One moment: the file is being looked at.")
        if not contents.tracks:
            return self.tr("There is no track in it.")
        place = Path(self.video.currentData() or "")
        is_here = len(contents.videos) == 1 or {place.name, place.stem} & set(contents.videos)
        if not is_here and not self._is_root():
            return self.tr(
                "None of its {0} videos is called {1}. Choose the folder that holds them all."
            ).format(len(contents.videos), place.stem)
        if undecided:
            named = ", ".join(undecided[:MOST_NAMED]) + (", …" if len(undecided) > MOST_NAMED else "")
            return self.tr("Say what these categories become: {0}").format(named)
        return ""

    def _is_root(self) -> bool:
        return self.video.currentIndex() >= self._own_videos

    def _words(self, contents: FileContents, look: Look) -> list[str]:
        """Options of ``stmask import``."""
        words = self.categories.words()
        if contents.format == "ytvis-results" and look.dataset is not None:
            words += ["--dataset", str(look.dataset)]
        if contents.format == "mots" and look.first_frame is not None:
            words += ["--first-frame", str(look.first_frame)]
        if self._is_root() and self.skip_missing.isChecked():
            words.append("--skip-missing")
        return words
