"""Opening things: videos, folders, projects, datasets, the sample, and whatever is dropped on the window.

A project opens or nothing changes: the old one stays until the new one is there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QStandardPaths, QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.dialogs.passing import passing
from app.document_bridge import DocumentBridge
from app.errors import show_error
from app.flows.recovery import Recovery
from app.jobs.job import Job, in_one_step
from app.jobs.lane import JobLane
from app.playback.frame_loader import FrameLoader, FrameSource
from app.playback.player import Player
from app.settings import Settings
from app.view_state import ViewState
from stmask_core.document.changes import Focus
from stmask_core.document.records import VideoId
from stmask_core.errors import StmaskError, VideoError
from stmask_core.project import Project

PROJECT_SUFFIX = ".stm"
VIDEO_SUFFIXES = (
    ".mp4",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".m4v",
    ".mpg",
    ".mpeg",
    ".ts",
    ".wmv",
    ".gif",
    ".ogv",
)
SAMPLE = Path(__file__).resolve().parents[2] / "resources" / "sample" / "sample.mp4"


class OpenFlow(QObject):
    """Everything that puts another video on the canvas."""

    import_wanted = Signal(str)  # a JSON file was dropped while a project is open
    busy = Signal(str)  # what is being opened; empty when done

    def __init__(
        self,
        view_state: ViewState,
        bridge: DocumentBridge,
        loader: FrameLoader,
        player: Player,
        settings: Settings,
        lane: JobLane,
        window: QWidget,
    ) -> None:
        super().__init__()
        self._lane = lane
        self.view_state, self.bridge, self.settings = view_state, bridge, settings
        self._loader, self._player = loader, player
        self._waiting: list[Path] = []  # dropped together with the one being opened
        self.window = window
        self._recovery = Recovery(bridge, lane, window)
        self._recovery.rescued.connect(self.open_project)
        self._recovery.found.connect(self.show_video)
        self._recovery.busy.connect(self.busy)
        self.may_leave: Callable[[], bool] = lambda: True  # asks about a running model

    # asking for a path

    def ask_video(self) -> None:
        """Choose a video file."""
        names = " ".join(f"*{suffix}" for suffix in VIDEO_SUFFIXES)
        self._ask_file(
            self.tr("Open video"), self.tr("Videos ({0});;All files (*)").format(names), self.open_video
        )

    def ask_folder(self) -> None:
        """Choose a folder of images."""
        dialog = self._dialog(self.tr("Open folder of images"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda path: self.open_video(Path(path)))
        dialog.open()

    def ask_project(self) -> None:
        """Choose a project."""
        self._ask_file(
            self.tr("Open project"), self.tr("Projects (*{0})").format(PROJECT_SUFFIX), self.open_project
        )

    def ask_dataset(self) -> None:
        """Choose the JSON file of a YouTube-VIS dataset."""
        self._ask_file(self.tr("Open YouTube-VIS dataset"), self.tr("JSON files (*.json)"), self.open_dataset)

    def ask_add_video(self) -> None:
        """Choose a video to add to the open project."""
        names = " ".join(f"*{suffix}" for suffix in VIDEO_SUFFIXES)
        self._ask_file(
            self.tr("Add a video"), self.tr("Videos ({0});;All files (*)").format(names), self.add_video
        )

    def ask_copy(self) -> None:
        """Choose where a copy of the project goes."""
        dialog = self._dialog(self.tr("Save a named copy"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(PROJECT_SUFFIX)
        dialog.fileSelected.connect(lambda path: self._guarded(lambda: self._save_copy(Path(path))))
        dialog.open()

    # opening

    def open_path(self, path: Path) -> None:
        """Open whatever a path is: project, video, folder of images, dataset JSON."""
        if path.suffix.lower() == PROJECT_SUFFIX:
            self.open_project(path)
        elif path.suffix.lower() == ".json":
            if self.bridge.project is not None and self.view_state.video is not None:
                self.import_wanted.emit(str(path))
            else:
                self.open_dataset(path)
        else:
            self.open_video(path)

    def open_dropped(self, paths: Sequence[str]) -> None:
        """Open what was dropped; several videos go into one project."""
        if not paths:
            return
        self.open_path(Path(paths[0]))
        self._waiting = [Path(path) for path in paths[1:]]

    def open_video(self, path: Path) -> None:
        """Open the project beside a video, or make one there (elsewhere when the folder is read-only)."""
        self._open(path, lambda: _project_for(path, _place_for(path)))

    def open_project(self, path: Path) -> Job | None:
        """Open a project file; the job that does it, None when it is open already."""
        return self._open(path, lambda: Project.open(path))

    def open_sample(self) -> None:
        """Open the bundled clip in a project of its own."""
        self._open(SAMPLE, lambda: _project_for(SAMPLE, _writable_place(SAMPLE.stem)))

    def open_dataset(self, path: Path) -> None:
        """Open a YouTube-VIS JSON: every video whose frames are found, with its annotations."""
        self._open(path, lambda: _project_of_dataset(path))

    def add_video(self, path: Path) -> None:
        """Add a video to the open project and show it."""

        def act() -> None:
            assert self.bridge.project is not None, "the action needs a project"
            self.show_video(self._add(self.bridge.project, path))

        self._guarded(act)

    def close_project(self) -> None:
        """Back to the start page."""
        if self.may_leave():
            self.view_state.show_video(None, 0)
            self._loader.show(None)
            self.bridge.close()

    def show_video(self, video: VideoId) -> None:
        """Put a video of the project on the canvas; asks for its file when it has moved."""
        project = self.bridge.project
        assert project is not None, "a video belongs to an open project"
        record = project.document.videos[video]
        try:
            path = project.find_video(video)
        except VideoError as error:
            self._recovery.ask_where(record, error)
            path = None
        if record.frame_rate > 0:
            self._player.frame_rate = record.frame_rate
        self.view_state.set_playing(False)
        self._loader.show(None if path is None else lambda: _source(path))
        self.view_state.show_video(video, record.frame_count)
        self._loader.request(0)

    def show_focus(self, focus: Focus | None) -> None:
        """Go to where an edit happened: its video, frame and tracks."""
        if focus is None or focus.video not in self.bridge.document.videos:
            return
        if focus.video != self.view_state.video:
            self.show_video(focus.video)
        if focus.frame is not None:
            self.view_state.go_to(focus.frame)
        there = tuple(track for track in focus.tracks if track in self.bridge.document.tracks)
        if there:
            self.view_state.select(there)

    def turn_video(self, step: int) -> None:
        """Show the next or previous video of the project."""
        videos = sorted(self.bridge.document.videos)
        if self.view_state.video in videos:
            at = videos.index(VideoId(int(self.view_state.video)))  # type: ignore[call-overload]
            if 0 <= at + step < len(videos):
                self.show_video(videos[at + step])

    # inside

    def _open(self, path: Path, make: Callable[[], Project]) -> Job | None:
        """Make or open a project beside the window: a long video takes a moment to index."""
        if self.bridge.project is not None and self.bridge.project.path == path.absolute():
            return None
        self.busy.emit(self.tr("Opening {0}…").format(path.name))
        job = self._lane.start(f"open {path.name}", in_one_step(make))
        job.succeeded.connect(self._turn_to)
        job.failed.connect(partial(self._recovery.explain, path))
        job.ended.connect(lambda: self.busy.emit(""))
        return job

    def _turn_to(self, project: Project) -> None:
        old = self.bridge.project
        if old is not None and old.path == project.path:
            project.close()
            return
        if not self.may_leave():
            project.close()
            return
        self.view_state.show_video(None, 0)
        self.bridge.open(project)
        self.settings.note_recent(str(project.path))
        waiting, self._waiting = self._waiting, []
        for more in waiting:
            self._guarded(partial(self._add, project, more))
        videos = sorted(project.document.videos)
        if videos:
            self.show_video(videos[0])
        if project.document.read_only_reason:
            tell = self._recovery.tell_read_only
            QTimer.singleShot(0, partial(tell, project.path, project.document.read_only_reason))

    def _add(self, project: Project, path: Path) -> VideoId:
        return project.add_video(path).id

    def _save_copy(self, path: Path) -> None:
        assert self.bridge.project is not None, "the action needs a project"
        self.bridge.project.file.save_copy(path)

    def _ask_file(self, title: str, kinds: str, then: Callable[[Path], object]) -> None:
        dialog = self._dialog(title)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        if kinds:
            dialog.setNameFilter(kinds)
        dialog.fileSelected.connect(lambda path: then(Path(path)))
        dialog.open()

    def _dialog(self, title: str) -> QFileDialog:
        dialog = passing(QFileDialog(self.window, title))
        if self.bridge.project is not None:
            dialog.setDirectory(str(self.bridge.project.path.parent))
        return dialog

    def _guarded(self, act: Callable[[], object]) -> None:
        try:
            act()
        except StmaskError as error:
            show_error(self.window, error)


def _place_for(video: Path) -> Path:
    """Where a video's project goes: beside it, or in the user's data folder when that cannot be written."""
    name = video.stem if video.is_file() else video.name
    beside = video.parent / f"{name}{PROJECT_SUFFIX}"
    return beside if beside.exists() or _can_write(video.parent) else _writable_place(name)


def _project_for(video: Path, place: Path) -> Project:
    return Project.open(place) if place.exists() else Project.create(place, video=video)


def _project_of_dataset(path: Path) -> Project:
    from stmask_core.cli import run_verb

    place = _place_for(path)
    if not place.exists():
        root = str(_root_of_dataset(path))
        words = [str(path), "--format", "ytvis", "--video", root, "--project", str(place), "--skip-missing"]
        run_verb("import", words)
    return Project.open(place)


def _root_of_dataset(path: Path) -> Path:
    """The folder that holds ``JPEGImages``: beside the JSON file or one above, else the file's own folder."""
    for folder in (path.parent, path.parent / path.stem, path.parent.parent):
        if (folder / "JPEGImages").is_dir():
            return folder
    return path.parent


def _source(path: Path) -> FrameSource:
    from stmask_core.video.source import open_video

    return open_video(path)


def _can_write(folder: Path) -> bool:
    """Whether files can be made in a folder; asks the system by doing it, access bits lie on shares."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _writable_place(stem: str) -> Path:
    """A project path in the user's own data folder."""
    base = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppDataLocation)
    folder = Path(base) / "projects"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{stem}{PROJECT_SUFFIX}"
