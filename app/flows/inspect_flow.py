"""Why did it fail: the video on the canvas is inspected on the file lane, with its truth where there is one.

The project is read through a connection of its own, so editing goes on; what is found is of the annotations
as they were when the look began. A truth that was chosen stays the truth of later looks at the video.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.dialogs.passing import passing
from app.document_bridge import DocumentBridge
from app.errors import show_error
from app.jobs.job import Job
from app.jobs.lane import JobLane
from app.panels.event_rows import EventRow, rows_csv
from app.view_state import ViewState
from stmask_core.document.records import VideoId
from stmask_core.errors import DocumentError, VideoError, WriteError
from stmask_core.formats.atomic import atomic_write
from stmask_core.project import Project

if TYPE_CHECKING:
    from stmask_core.review.inspection import Inspection

FRAMES_PER_STEP = 10  # progress is told, and a cancelled look ends, at this pace


@dataclass(frozen=True, eq=False)
class Look:
    """What was found. warnings: in words, of damaged evidence or of a truth that does not fit."""

    inspection: Inspection
    warnings: tuple[str, ...] = ()


class InspectFlow(QObject):
    """Looks for failures, compares with the truth, saves the list and the report."""

    said = Signal(str)
    progress = Signal(int, int)  # frames done, frames in all
    looked = Signal(object)  # Look at the video on the canvas
    stopped = Signal()  # the look failed, was cancelled, or its video is not on the canvas any more

    def __init__(self, view_state: ViewState, bridge: DocumentBridge, lane: JobLane, window: QWidget) -> None:
        super().__init__()
        self.view_state, self.bridge = view_state, bridge
        self._lane, self._window = lane, window
        self._job: Job | None = None
        self._truth: Path | None = None
        self._look: Look | None = None
        view_state.video_changed.connect(self._leave)

    @property
    def truth(self) -> Path | None:
        """What the video on the canvas is held against."""
        return self._truth

    def look(self, truth: Path | None = None, *, pictures: bool = False) -> Job:
        """Inspect the video on the canvas; ``looked`` tells what was found. A look under way is dropped.

        truth: a YouTube-VIS annotation file or another project; the one of the last look when None. pictures:
        read the video too, which takes longer and tells of blur, look-alikes and cuts. Raises DocumentError
        without a video.
        """
        path, video, count = self._open_video()
        held = truth or self._truth
        self._stop()
        job = self._job = self._lane.start("look for failures", lambda: _steps(path, video, held, pictures))
        self.progress.emit(0, count)
        job.yielded.connect(lambda done: self.progress.emit(done, count))
        job.succeeded.connect(lambda look: self._done(look, held))
        job.failed.connect(self._failed)
        return job

    def forget_truth(self) -> None:
        """Look again, without a truth; DocumentError when there is none."""
        if self._truth is None:
            raise DocumentError("There is no truth to forget.", "Compare with the truth first.")
        self._truth = None
        self.look()

    def ask_truth(self) -> None:
        """Ask for the truth, then compare with it."""
        dialog = self._dialog(self.tr("Compare with the truth"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter(self.tr("YouTube-VIS annotations or a project (*.json *.stm)"))
        dialog.fileSelected.connect(lambda path: self.look(Path(path)))
        dialog.open()

    def ask_save(self, rows: Sequence[EventRow]) -> None:
        """Ask where to save what the list shows; DocumentError when it shows nothing."""
        if not rows:
            raise DocumentError("No event is listed.", "Look for failures first, or filter less.")
        dialog = self._dialog(self.tr("Save the failures"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("csv")
        dialog.setNameFilter(self.tr("Tables (*.csv)"))
        dialog.fileSelected.connect(lambda path: self.save(Path(path), rows))
        dialog.open()

    def save(self, path: Path, rows: Sequence[EventRow]) -> None:
        """Write the rows as CSV; a failure is shown, and a file that was there stays as it was.

        Raises DocumentError for another name than ``.csv``, so that no project and no video is replaced.
        """
        if path.suffix.lower() != ".csv":
            raise DocumentError(f"{path.name} is no name of a table.", "Choose a name that ends in .csv.")
        try:
            with atomic_write(path) as file:
                file.write(rows_csv(rows))
        except WriteError as error:
            show_error(self._window, error)
        else:
            self.said.emit(self.tr("Saved to {0}").format(path))

    def ask_report(self) -> None:
        """Ask where to save the report of the last look; DocumentError when nothing was looked for."""
        self._found()
        dialog = self._dialog(self.tr("Save the failure report"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("html")
        dialog.setNameFilter(self.tr("Pages (*.html)"))
        dialog.fileSelected.connect(lambda path: self.save_report(Path(path)))
        dialog.open()

    def save_report(self, out: Path) -> Job:
        """Write what the last look found as one page, with pictures of the worst places.

        A failure is shown, and a file that was there stays as it was. Raises DocumentError when nothing was
        looked for, or for another name than ``.html``.
        """
        path, video, _ = self._open_video()
        inspection = self._found().inspection
        if out.suffix.lower() != ".html":
            raise DocumentError(f"{out.name} is no name of a page.", "Choose a name that ends in .html.")
        job = self._lane.start("save the report", lambda: _report_steps(path, video, inspection, out))
        self.said.emit(self.tr("Writing {0}…").format(out.name))
        job.succeeded.connect(lambda note: self.said.emit(self.tr("Saved to {0}").format(out) + note))
        job.failed.connect(lambda error: show_error(self._window, error))
        return job

    def _found(self) -> Look:
        if self._look is None:
            raise DocumentError("Nothing was looked for yet.", "Look for failures first.")
        return self._look

    def _open_video(self) -> tuple[Path, VideoId, int]:
        """The project's path, the video on the canvas and its number of frames."""
        record = self.bridge.video(self.view_state.video)
        if self.bridge.project is None or record is None:
            raise DocumentError("There is no video to look at.", "Open a video first.")
        return self.bridge.project.path, record.id, record.frame_count

    def _done(self, look: Look, truth: Path | None) -> None:
        self._job, self._look, self._truth = None, look, truth
        self.looked.emit(look)

    def _failed(self, error: BaseException) -> None:
        self._job = None
        self.stopped.emit()
        show_error(self._window, error)

    def _leave(self, _: object) -> None:
        """Another video: what was found is not of it."""
        self._stop()
        self._look = self._truth = None

    def _stop(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None
            self.stopped.emit()

    def _dialog(self, title: str) -> QFileDialog:
        dialog = passing(QFileDialog(self._window, title))
        if self.bridge.project is not None:
            dialog.setDirectory(str(self.bridge.project.path.parent))
        return dialog


def _steps(path: Path, video: VideoId, truth: Path | None, pictures: bool) -> Generator[int, None, Look]:
    """Yields how many frames are done."""
    from stmask_core.inspect_project import ProjectObserver
    from stmask_core.review.inspection import inspect
    from stmask_core.video.source import open_video

    with ExitStack() as stack:
        project = stack.enter_context(Project.open(path, read_only=True))
        shown = None
        if pictures:
            source = open_video(project.find_video(video))
            stack.callback(source.close)
            shown = source.frames()
        observer = ProjectObserver(project.document, video)
        for frame in observer.watch(shown):
            if frame % FRAMES_PER_STEP == 0:
                yield frame
        warnings = []
        if observer.unreadable:
            warnings.append(f"The evidence of {len(observer.unreadable)} frames is damaged.")
        clip, against = observer.clip(), None
        _ = clip.by_frame
        if truth is not None:
            from stmask_core.cli.inspect import against_truth
            from stmask_core.cli.scored_files import compare_document

            compared = compare_document(truth, project.document)
            place = list(project.document.videos).index(video)
            against = against_truth(compared, place, clip)
            _ = against.comparison.iou  # worked out here, not when the GUI thread asks
            warnings += compared.warnings
        return Look(inspect(clip, against), tuple(warnings))


def _report_steps(path: Path, video: VideoId, inspection: Inspection, out: Path) -> Generator[int, None, str]:
    """Yields how many pictures are done; returns what there is to add to "saved"."""
    from stmask_core.inspect_project import where_from
    from stmask_core.review.report import frames_to_show, report_page
    from stmask_core.video.source import open_video

    yield 0
    note, pictures = "", {}
    with Project.open(path, read_only=True) as project:
        described = where_from(project.document, video, path.name)
        try:
            with open_video(project.find_video(video)) as source:
                for done, frame in enumerate(frames_to_show(inspection), start=1):
                    pictures[frame] = source.frame(frame)
                    yield done
        except VideoError as error:
            note = f", without pictures: {error.message}"
    page = report_page(inspection, described, pictures)
    with atomic_write(out) as file:
        file.write(page)
    return note
