"""When things are not where or how they were: a damaged project, a video that moved or became another.

Nothing is written over: what is readable goes to a new project, and another video is taken only when
somebody insists.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from app.dialogs.passing import passing
from app.document_bridge import DocumentBridge
from app.errors import show_error
from app.jobs.job import Job, in_one_step
from app.jobs.lane import JobLane
from stmask_core.document.records import Video, VideoId
from stmask_core.errors import AnotherVideo, ProjectFileError, StmaskError
from stmask_core.formats.project.connection import RESCUE
from stmask_core.formats.project_file import rescue

if TYPE_CHECKING:
    from stmask_core.formats.project.rescue import RescueReport
    from stmask_core.video.source import VideoInfo

DAMAGED = ("the file is damaged", "not all of it can be read")  # how reasons not to write begin
MOST_LOSSES = 8  # named in the message


class Recovery(QObject):
    """Asks what to do, and does it on the lane of files."""

    rescued = Signal(object)  # Path of the new project
    found = Signal(object)  # VideoId whose file is known again
    busy = Signal(str)  # what is being done; empty when done

    def __init__(self, bridge: DocumentBridge, lane: JobLane, window: QWidget) -> None:
        super().__init__()
        self._bridge, self._lane, self._window = bridge, lane, window

    # a damaged project

    def explain(self, path: Path, error: BaseException) -> None:
        """Say why a project does not open; where it is damaged, offer to save what is readable."""
        if isinstance(error, ProjectFileError) and error.hint == RESCUE:
            title = self.tr("The project is damaged")
            box = self._box(QMessageBox.Icon.Warning, title, error.message)
            box.setInformativeText(self.tr("What is readable of it can be saved as a new project."))
            self._offer_rescue(box, path)
            box.addButton(QMessageBox.StandardButton.Cancel)
            box.open()
        else:
            show_error(self._window, error)

    def tell_read_only(self, path: Path, reason: str) -> None:
        """Say that a project opened for reading only; a damaged one can be saved as a new, whole one."""
        text = self.tr("This project can be looked at and exported, but not changed: {0}").format(reason)
        box = self._box(QMessageBox.Icon.Information, self.tr("Opened for reading only"), text)
        if reason.startswith(DAMAGED):
            self._offer_rescue(box, path)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Ok))
        box.open()

    def save_readable(self, path: Path, out: Path) -> None:
        """Bring what is readable of a damaged project into a new one, then open that."""
        said = self.tr("Saving what is readable of {0}…").format(path.name)
        job = self._start(said, partial(rescue, path, out))
        job.succeeded.connect(partial(self._tell_rescued, out))

    def _offer_rescue(self, box: QMessageBox, path: Path) -> None:
        button = box.addButton(self.tr("Save what is readable as…"), QMessageBox.ButtonRole.ActionRole)
        button.clicked.connect(lambda: self._ask_where_to(path))

    def _ask_where_to(self, path: Path) -> None:
        dialog = passing(QFileDialog(self._window, self.tr("Save what is readable as")))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)  # it never replaces a file
        dialog.setDefaultSuffix(path.suffix)
        dialog.setDirectory(str(path.parent))
        dialog.selectFile(f"{path.stem}-rescued{path.suffix}")
        dialog.fileSelected.connect(lambda out: self.save_readable(path, Path(out)))
        dialog.open()

    def _tell_rescued(self, out: Path, report: RescueReport) -> None:
        self.rescued.emit(out)
        text = self.tr("{0} masks and {1} other records are in {2}.")
        text = text.format(f"{report.masks:,}", f"{report.records:,}", out.name)
        box = self._box(QMessageBox.Icon.Information, self.tr("What was readable is saved"), text)
        lost = "\n".join(report.lost[:MOST_LOSSES])
        words = self.tr("Lost:\n{0}").format(lost) if lost else self.tr("Everything but the undo history.")
        box.setInformativeText(words)
        box.addButton(QMessageBox.StandardButton.Ok)
        box.open()

    # a video that moved

    def ask_where(self, record: Video, error: StmaskError) -> None:
        """Ask for the file, or the folder of pictures, that a video is in now."""
        box = self._box(QMessageBox.Icon.Question, self.tr("The video has moved"), error.message)
        box.setInformativeText(self.tr("Masks and identities can be seen and exported without it."))
        find = box.addButton(self.tr("Find it…"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(self.tr("Go on without"), QMessageBox.ButtonRole.RejectRole)
        find.clicked.connect(partial(self._ask_file, record))
        box.open()

    def take(self, video: VideoId, path: Path, force: bool = False) -> None:
        """Take this file for the video; when its content is another, ask first."""
        project = self._bridge.project
        assert project is not None, "a video belongs to an open project"
        try:
            project.relink_video(video, path, force=force)
        except AnotherVideo:
            self._look_at(project.document.videos[video], path)
        except StmaskError as error:
            show_error(self._window, error)
        else:
            self.found.emit(video)

    def _ask_file(self, record: Video) -> None:
        dialog = passing(QFileDialog(self._window, self.tr("Where is {0}?").format(record.name)))
        mode = QFileDialog.FileMode
        dialog.setFileMode(mode.ExistingFile if Path(record.path).suffix else mode.Directory)
        dialog.fileSelected.connect(lambda path: self.take(record.id, Path(path)))
        dialog.open()

    def _look_at(self, record: Video, path: Path) -> None:
        def look() -> VideoInfo:
            from stmask_core.video.source import open_video

            with open_video(path) as source:
                return source.info

        job = self._start(self.tr("Looking at {0}…").format(path.name), look)
        job.succeeded.connect(lambda info: self._ask_whether(record, info))

    def _ask_whether(self, record: Video, info: VideoInfo) -> None:
        if self._bridge.project is None or record.id not in self._bridge.document.videos:
            return  # closed meanwhile
        text = self.tr("{0} is not the video that was annotated: its content differs.").format(info.path.name)
        known = self.tr("Annotated: {0} × {1} pixels, {2} frames. This one: {3} × {4} pixels, {5} frames.")
        facts = known.format(
            record.width, record.height, record.frame_count, info.width, info.height, info.frame_count
        )
        box = self._box(QMessageBox.Icon.Warning, self.tr("Another video"), text)
        if (info.width, info.height) == (record.width, record.height):
            advice = self.tr("Masks will lie wrong unless it is a copy, cut or encoded anew.")
            anyway = box.addButton(self.tr("Use it all the same"), QMessageBox.ButtonRole.AcceptRole)
            anyway.clicked.connect(partial(self.take, record.id, info.path, True))
        else:
            advice = self.tr("Its pictures are of another size, so the masks do not fit.")
        box.setInformativeText(f"{facts}\n{advice}")
        other = box.addButton(self.tr("Find another…"), QMessageBox.ButtonRole.ActionRole)
        other.clicked.connect(partial(self._ask_file, record))
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.open()

    # both

    def _box(self, icon: QMessageBox.Icon, title: str, text: str) -> QMessageBox:
        return passing(QMessageBox(icon, title, text, QMessageBox.StandardButton.NoButton, self._window))

    def _start(self, what: str, work: Callable[[], object]) -> Job:
        self.busy.emit(what)
        job = self._lane.start(what, in_one_step(work))
        job.failed.connect(lambda error: show_error(self._window, error))
        job.ended.connect(lambda: self.busy.emit(""))
        return job
