"""Export, import and the check for problems: the window runs what the command line runs, on a lane.

Export and check read the project file through a connection of their own, so editing goes on. Import closes
the project, writes into its file as one undo step, and opens it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.dialogs.exchange_facts import FileContents, Look
from app.dialogs.export_dialog import ExportDialog
from app.dialogs.import_dialog import ImportDialog
from app.document_bridge import DocumentBridge
from app.errors import show_error
from app.flows.looking import guess_format, look_into
from app.flows.open_flow import OpenFlow
from app.jobs.job import Job, in_one_step
from app.jobs.lane import JobLane
from app.view_state import ViewState
from stmask_core.cli import run_verb
from stmask_core.document.records import Video, VideoId
from stmask_core.document.validation import Finding, validate
from stmask_core.errors import DocumentError, VideoError
from stmask_core.project import Project


class ExchangeFlow(QObject):
    """Annotations out of and into the open project."""

    said = Signal(str)
    findings_ready = Signal(object)  # list[Finding] of the video on the canvas
    exported = Signal(str)
    go_to = Signal(int, object)  # frame (-1: none) and track of a finding that was chosen

    def __init__(
        self,
        view_state: ViewState,
        bridge: DocumentBridge,
        open_flow: OpenFlow,
        lane: JobLane,
        window: QWidget,
    ) -> None:
        super().__init__()
        self.view_state, self.bridge = view_state, bridge
        self._open_flow, self._lane, self._window = open_flow, lane, window

    def check(self) -> Job:
        """Look for problems in the video on the canvas; ``findings_ready`` tells them."""
        path, video = self._project_path(), VideoId(int(self.view_state.video))  # type: ignore[call-overload]

        def findings() -> list[Finding]:
            with Project.open(path, read_only=True) as project:
                return validate(project.document, video)

        return self._start(self.tr("Check for problems"), findings, self.findings_ready.emit)

    def ask_export(self) -> None:
        """Ask for format and place; the check runs beside the question."""
        path, document = self._project_path(), self.bridge.document
        names = [record.name for record in document.videos.values()]
        shown = self.bridge.video(self.view_state.video)
        used = {track.category for track in document.tracks.values()}
        dialog = ExportDialog(
            self._window,
            path.with_suffix(""),
            names,
            sorted(document.categories[category].name for category in used),
            shown="" if shown is None else shown.name,
            protected=[path, *self._video_files()],
        )
        dialog.confirmed.connect(self.export)
        dialog.check_again.connect(self.check)
        dialog.go_to.connect(self.go_to)
        self.findings_ready.connect(dialog.show_findings)
        dialog.show()  # asks for the check

    def ask_import(self, source: Path | None = None) -> None:
        """Ask what to import; files are looked into on the lane."""
        document = self.bridge.document
        videos = [(record.name, path) for record, path in self._videos()]
        if not videos:
            raise DocumentError("No video of the project is where it was.", "Open the video first.")
        shown = next((n for n, (r, _) in enumerate(self._videos()) if r.id == self.view_state.video), 0)
        categories = [category.name for category in document.categories.values()]
        dialog = ImportDialog(self._window, videos, categories, shown=shown, source=source)
        dialog.confirmed.connect(self.import_file)
        dialog.look_wanted.connect(partial(self._look, dialog))
        dialog.open()

    def _look(self, dialog: ImportDialog, look: Look) -> None:
        guess = look.format

        def contents() -> FileContents:
            nonlocal guess
            guess = guess or guess_format(look.source)
            return look_into(replace(look, format=guess))

        job = self._lane.start("look", in_one_step(contents))
        job.succeeded.connect(partial(dialog.show_contents, look))
        job.failed.connect(lambda error: dialog.show_failure(look, str(error), guess))
        dialog.finished.connect(job.cancel)

    def _videos(self) -> list[tuple[Video, Path]]:
        """The project's videos whose files are there."""
        project = self.bridge.project
        assert project is not None, "the action needs a project"
        found = []
        for record in project.document.videos.values():
            with suppress(VideoError):
                found.append((record, project.find_video(record.id)))
        return found

    def _video_files(self) -> list[Path]:
        return [path for _, path in self._videos()]

    def export(self, format_: str, out: Path, options: Sequence[str] = ()) -> Job:
        """Write the project's annotations; options as words of ``stmask export``."""
        arguments = [str(self._project_path()), "--format", format_, "--out", str(out), *options]

        def done(_: object) -> None:
            self.said.emit(self.tr("Exported to {0}").format(out))
            self.exported.emit(str(out))

        return self._start(self.tr("Export"), partial(run_verb, "export", arguments), done)

    def import_file(self, format_: str, source: Path, video: Path, options: Sequence[str] = ()) -> Job:
        """Bring annotations of a file or folder into the project, one undo step."""
        place = self._project_path()
        frame, shown = self.view_state.frame, self.view_state.video
        arguments = [
            str(source),
            "--format",
            format_,
            "--video",
            str(video),
            "--project",
            str(place),
            *options,
        ]
        self._open_flow.close_project()

        def reopen() -> None:
            job_open = self._open_flow.open_project(place)
            if job_open is not None:
                job_open.ended.connect(lambda: self._return_to(shown, frame))

        work = partial(run_verb, "import", arguments)
        job = self._start(self.tr("Import"), work, lambda _: self.said.emit(self.tr("Imported.")))
        job.ended.connect(reopen)
        return job

    def _return_to(self, video: object | None, frame: int) -> None:
        if self.bridge.video(video) is not None:
            self._open_flow.show_video(VideoId(int(video)))  # type: ignore[call-overload]
            self.view_state.go_to(frame)

    def _project_path(self) -> Path:
        if self.bridge.project is None or self.view_state.video is None:
            raise DocumentError("There is no project to read.", "Open a video first.")
        return self.bridge.project.path

    def _start(self, name: str, work: Callable[[], Any], done: Callable[[Any], None]) -> Job:
        self.said.emit(f"{name}…")
        job = self._lane.start(name, in_one_step(work))
        job.succeeded.connect(done)
        job.failed.connect(lambda error: show_error(self._window, error))
        return job
