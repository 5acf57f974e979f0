"""Commands on videos and categories: each one undo step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stmask_core.document.changes import Focus
from stmask_core.document.document import Document
from stmask_core.document.queries import category_named, the_category, the_video
from stmask_core.document.records import Category, CategoryId, Colour, Video, VideoId
from stmask_core.errors import DocumentError


def add_video(
    document: Document,
    path: str,
    *,
    width: int,
    height: int,
    frame_count: int,
    name: str = "",
    frame_rate: float = 0.0,
    fingerprint: str = "",
    extra: Mapping[str, Any] | None = None,
) -> Video:
    """Add a video. name: the path's last part when empty."""
    with document.edit("Add video"):
        video = Video(
            id=VideoId(document.new_id("videos")),
            path=path,
            width=width,
            height=height,
            frame_count=frame_count,
            name=name or path.rstrip("/").rsplit("/", 1)[-1],
            frame_rate=frame_rate,
            fingerprint=fingerprint,
            extra=dict(extra or {}),
        )
        document.put(video)
    return video


def move_video(document: Document, video: VideoId, *, path: str, fingerprint: str = "") -> Video:
    """Note where a video's file is now."""
    old = the_video(document, video)
    moved = replace(old, path=path, fingerprint=fingerprint or old.fingerprint)
    with document.edit("Find video", focus=Focus(video)):
        document.put(moved)
    return moved


def remove_video(document: Document, video: VideoId) -> None:
    """Remove a video with its tracks, masks, notes, runs and review."""
    record = the_video(document, video)
    with document.edit("Remove video"):
        for track in list(document.tracks.of_video(video).values()):
            for frame in document.annotations.frames(track.id):
                document.remove_row(track.id, frame)
            document.remove(track)
        for note in list(document.notes.of_video(video).values()):
            document.remove(note)
        for run in list(document.runs.of_video(video).values()):
            document.remove(run)
        for state in list(document.frame_states.of_video(video).values()):
            document.remove(state)
        document.remove(record)


def create_category(
    document: Document, name: str, *, supercategory: str = "object", colour: Colour | None = None
) -> Category:
    """Add a category; DocumentError when the name is taken."""
    if category_named(document, name) is not None:
        raise DocumentError(f"There is a category {name!r} already.")
    with document.edit("Create category"):
        category = Category(CategoryId(document.new_id("categories")), name, supercategory, colour)
        document.put(category)
    return category


def rename_category(document: Document, category: CategoryId, name: str) -> Category:
    """Rename a category; DocumentError when the name is taken by another."""
    other = category_named(document, name)
    if other is not None and other.id != category:
        raise DocumentError(f"There is a category {name!r} already.")
    renamed = replace(the_category(document, category), name=name)
    with document.edit("Rename category"):
        document.put(renamed)
    return renamed


def remove_category(document: Document, category: CategoryId) -> None:
    """Remove a category that no track has."""
    old = the_category(document, category)
    with document.edit("Remove category"):
        document.remove(old)
