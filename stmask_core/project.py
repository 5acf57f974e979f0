"""A project as users of the library meet it: its file, its document, and where its videos are.

with Project.create("clip.stm", video="clip.mp4") as project:
    project.document ...
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from stmask_core.document.commands.videos import add_video, move_video
from stmask_core.document.document import Document
from stmask_core.document.records import Video, VideoId
from stmask_core.errors import AnotherVideo, VideoError
from stmask_core.formats.project.places import stored_place
from stmask_core.formats.project_file import ProjectFile, remove_project


class Project:
    """An open project file with its document. Close it, or use it as a context manager."""

    def __init__(self, file: ProjectFile) -> None:
        self._file = file

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, video: str | os.PathLike[str] | None = None) -> Project:
        """Make a new project, with ``video`` (a file or a folder of images) in it when given.

        Nothing is left behind when the video cannot be read.
        """
        project = cls(ProjectFile.create(path))
        try:
            if video is not None:
                project.add_video(video)
        except BaseException:
            project.close()
            remove_project(path)
            raise
        return project

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, read_only: bool = False) -> Project:
        """Open a project; see ``ProjectFile.open`` for what a damaged, newer or busy file does."""
        return cls(ProjectFile.open(path, read_only=read_only))

    @property
    def document(self) -> Document:
        """Everything the project holds."""
        return self._file.document

    @property
    def file(self) -> ProjectFile:
        """The file itself: copies, compaction, whether it may be written."""
        return self._file

    @property
    def path(self) -> Path:
        """Where the project file is."""
        assert self._file.path is not None, "a Project always has a file"
        return self._file.path

    def add_video(self, path: str | os.PathLike[str]) -> Video:
        """Look at a video (a file or a folder of images) and add it."""
        from stmask_core.video.fingerprint import fingerprint
        from stmask_core.video.source import open_video

        place = Path(path)
        with open_video(place) as source:
            info = source.info
        return add_video(
            self.document,
            self.stored_path(place),
            width=info.width,
            height=info.height,
            frame_count=info.frame_count,
            frame_rate=float(info.frame_rate or 0),
            fingerprint=fingerprint(place),
        )

    def stored_path(self, path: Path) -> str:
        """How a video's place is written down: relative to the project where possible, forward slashes."""
        return stored_place(path, self.path.parent)

    def video_path(self, video: VideoId) -> Path:
        """Where a video should be. It may have moved since: see ``find_video``."""
        return self.path.absolute().parent / Path(self.document.videos[video].path)

    def find_video(self, video: VideoId, *, look_in: tuple[Path, ...] = ()) -> Path:
        """Where a video is now: at its place, else in the project's folder or one of ``look_in``, by content.

        A file found elsewhere is noted in the document. Another video that has taken its place is not taken
        for it. VideoError when it is nowhere: ask the user, then ``relink_video``.
        """
        place, record = self.video_path(video), self.document.videos[video]
        is_there = place.is_file() or place.is_dir()  # no device, no pipe: reading those may never end
        if is_there and _fits(record, place):
            return place
        for folder in (self.path.absolute().parent, place.parent, *look_in):
            found = _same_content(folder, record, place.suffix)
            if found is not None:
                if not self.document.read_only_reason:
                    move_video(self.document, video, path=self.stored_path(found))
                return found
        what = "is another video, not the one that was annotated" if is_there else "is not there"
        raise VideoError(
            f"The video {record.name} has moved: {place} {what}.",
            "Say where it is now, or put it beside the project.",
        )

    def relink_video(self, video: VideoId, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Note a video's new place. AnotherVideo when the content is another one, unless ``force``."""
        from stmask_core.video.fingerprint import fingerprint

        self.document.check_writable()  # before anything is asked about the file
        place, record = Path(path), self.document.videos[video]
        found = fingerprint(place)
        if record.fingerprint and found != record.fingerprint and not force:
            raise AnotherVideo(
                f"{place.name} is not the video that was annotated: its content differs.",
                "Choose the right file, or insist.",
            )
        move_video(self.document, video, path=self.stored_path(place), fingerprint=found)

    def close(self) -> None:
        """Close the file; does nothing the second time."""
        self._file.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _fits(record: Video, place: Path) -> bool:
    """True for the annotated video, and for one written anew with as many frames of the same size."""
    from stmask_core.video.fingerprint import fingerprint
    from stmask_core.video.source import open_video

    if not record.fingerprint or fingerprint(place) == record.fingerprint:
        return True
    with open_video(place) as source:
        info = source.info
    size = (record.width, record.height, record.frame_count)
    return (info.width, info.height, info.frame_count) == size


def _same_content(folder: Path, record: Video, suffix: str) -> Path | None:
    """A file or folder of images in ``folder`` with the video's fingerprint."""
    from stmask_core.video.fingerprint import fingerprint

    if not record.fingerprint or not folder.is_dir():
        return None
    likely = sorted(folder.iterdir(), key=lambda p: (p.name != Path(record.path).name, p.name))
    for candidate in likely:
        if candidate.suffix.lower() != suffix.lower() or (suffix == "" and not candidate.is_dir()):
            continue
        try:
            if fingerprint(candidate) == record.fingerprint:
                return candidate
        except (OSError, VideoError):
            continue
    return None
