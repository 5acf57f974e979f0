"""Commands on tracks as a whole, each one undo step: create, rename, recolour, lock, hide, review, delete.

A locked track is changed by no command but ``set_locked`` and ``set_hidden``. Identity over frames (merge,
split, swap, …) is in ``identity``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from stmask_core.document.changes import Focus
from stmask_core.document.document import Document
from stmask_core.document.queries import the_track, the_video
from stmask_core.document.records import CategoryId, Colour, Track, TrackId, VideoId
from stmask_core.errors import DocumentError


def create_track(
    document: Document,
    video: VideoId,
    category: CategoryId,
    *,
    name: str = "",
    colour: Colour | None = None,
    frame: int | None = None,
) -> Track:
    """Add an empty track. frame: where undo takes the user."""
    the_video(document, video)
    with document.edit("Create track", focus=Focus(video, frame)):
        track = Track(TrackId(document.new_id("tracks")), video, category, name, colour)
        document.put(track)
    return track


def rename_track(document: Document, track: TrackId, name: str) -> None:
    """Give a track a name; empty takes it away."""
    _set(document, "Rename track", [track], name=name)


def recolour_tracks(document: Document, tracks: Iterable[TrackId], colour: Colour | None) -> None:
    """Give tracks a colour; None leaves it to the palette."""
    _set(document, "Recolour", tracks, colour=colour)


def set_category(document: Document, tracks: Iterable[TrackId], category: CategoryId) -> None:
    """Give tracks a category."""
    _set(document, "Set category", tracks, category=category)


def set_locked(document: Document, tracks: Iterable[TrackId], locked: bool) -> None:
    """Lock tracks against every change by commands and models, or unlock them."""
    _set(document, "Lock" if locked else "Unlock", tracks, even_locked=True, locked=locked)


def set_hidden(document: Document, tracks: Iterable[TrackId], hidden: bool) -> None:
    """Hide tracks from view, or show them."""
    _set(document, "Hide" if hidden else "Show", tracks, even_locked=True, hidden=hidden)


def set_track_reviewed(document: Document, tracks: Iterable[TrackId], reviewed: bool) -> None:
    """Mark tracks as confirmed by a person, or take the mark away."""
    edit_name = "Mark track reviewed" if reviewed else "Mark track unreviewed"
    _set(document, edit_name, tracks, even_locked=True, reviewed=reviewed)


def delete_tracks(document: Document, tracks: Iterable[TrackId]) -> int:
    """Delete tracks with all their masks; returns how many masks went. Locked masks refuse."""
    chosen = [unlocked_track(document, track) for track in dict.fromkeys(tracks)]
    for track in chosen:
        locked = sum(row.is_locked for _, row in document.annotations.rows(track.id))
        if locked:
            masks = "mask" if locked == 1 else "masks"
            raise DocumentError(f"{_said(track)} has {locked} locked {masks}.", "Unlock first.")
    count = sum(document.annotations.count(track.id) for track in chosen)
    with document.edit("Delete track" if len(chosen) == 1 else "Delete tracks", focus=focus_of(chosen)):
        for track in chosen:
            for frame in document.annotations.frames(track.id):
                document.remove_row(track.id, frame)
            document.remove(track)
    return count


def unlocked_track(document: Document, track: TrackId) -> Track:
    """The track, when it may be changed; DocumentError when it is locked."""
    record = the_track(document, track)
    if record.locked:
        raise DocumentError(f"{_said(record)} is locked.", "Unlock it first.")
    return record


def two_unlocked(document: Document, first: TrackId, second: TrackId) -> tuple[Track, Track]:
    """Two different tracks of one video that may be changed; DocumentError when they are not."""
    a, b = unlocked_track(document, first), unlocked_track(document, second)
    if first == second:
        raise DocumentError("Choose two different tracks.")
    if a.video != b.video:
        raise DocumentError("The two tracks belong to different videos.")
    return a, b


def focus_of(tracks: list[Track], frame: int | None = None) -> Focus | None:
    """Where an edit of these tracks happens."""
    return Focus(tracks[0].video, frame, tuple(track.id for track in tracks)) if tracks else None


def _set(
    document: Document,
    edit_name: str,
    tracks: Iterable[TrackId],
    *,
    even_locked: bool = False,
    **fields: Any,
) -> None:
    find = the_track if even_locked else unlocked_track
    chosen = [find(document, track) for track in dict.fromkeys(tracks)]
    with document.edit(edit_name, focus=focus_of(chosen)):
        for track in chosen:
            document.put(replace(track, **fields))


def _said(track: Track) -> str:
    return f"Track {track.name or track.id}"
