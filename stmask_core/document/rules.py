"""What holds between the records of a document: who breaks it gets a DocumentError, nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stmask_core.document.records import Category, Record, Track, Video
from stmask_core.errors import DocumentError

if TYPE_CHECKING:
    from stmask_core.document.document import Document


def check_references(document: Document, record: Record) -> None:
    """Everything a record points to exists, and a video still holds its masks."""
    video = getattr(record, "video", None)
    if video is not None and video not in document.videos:
        raise DocumentError(f"There is no video {video}.")
    if isinstance(record, Track):
        if record.category not in document.categories:
            raise DocumentError(f"There is no category {record.category}.")
        old = document.tracks.get(record.id)
        if old is not None and old.video != record.video and document.annotations.count(record.id):
            raise DocumentError("A track with masks cannot move to another video.")
    if isinstance(record, Video):
        _check_video(document, record)


def _check_video(document: Document, video: Video) -> None:
    old = document.videos.get(video.id)
    if old is None:
        return
    extents = [document.annotations.extent(track) for track in document.tracks.of_video(video.id)]
    last = max((extent[1] for extent in extents if extent), default=-1)
    resized = (old.width, old.height) != (video.width, video.height)
    if last >= video.frame_count or (resized and last >= 0):
        raise DocumentError(f"The masks of video {video.id} do not fit its new size or length.")


def check_unused(document: Document, record: Record) -> None:
    """Nothing points to a record that is to go."""
    if isinstance(record, Track):
        used = document.annotations.count(record.id) > 0
    elif isinstance(record, Category):
        used = any(track.category == record.id for track in document.tracks.values())
    elif isinstance(record, Video):
        tables = (document.tracks, document.notes, document.runs, document.frame_states)
        used = any(table.of_video(record.id) for table in tables)
    else:
        used = False
    if used:
        raise DocumentError(f"This {type(record).__name__.lower()} is still in use and cannot be removed.")
