"""Commands of review, each one undo step: notes anchored to frame, track and point; confirmed frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from stmask_core.document.changes import Focus
from stmask_core.document.document import Document
from stmask_core.document.queries import the_track, the_video
from stmask_core.document.records import (
    Comment,
    FrameState,
    NoteId,
    NoteState,
    ReviewNote,
    TrackId,
    VideoId,
)
from stmask_core.errors import DocumentError


def add_note(
    document: Document,
    video: VideoId,
    frame: int,
    text: str,
    *,
    author: str = "",
    time: str = "",
    track: TrackId | None = None,
    point: tuple[float, float] | None = None,
) -> ReviewNote:
    """Leave a remark. point: (x, y) in image pixels. time: ISO 8601 in UTC."""
    _check_frames(document, video, [frame])
    if track is not None and the_track(document, track).video != video:
        raise DocumentError("The track belongs to another video.")
    x, y = point if point is not None else (None, None)
    with document.edit("Add note", focus=Focus(video, frame, () if track is None else (track,))):
        number = NoteId(document.new_id("notes"))
        note = ReviewNote(number, video, frame, track, x, y, comments=(Comment(author, text, time),))
        document.put(note)
    return note


def comment_on_note(
    document: Document, note: NoteId, text: str, *, author: str = "", time: str = ""
) -> ReviewNote:
    """Add a comment to a note."""
    old = _the_note(document, note)
    return _put(document, "Comment", replace(old, comments=(*old.comments, Comment(author, text, time))))


def set_note_state(document: Document, note: NoteId, state: NoteState) -> ReviewNote:
    """Resolve a note, or open it again."""
    name = "Resolve note" if state == "resolved" else "Reopen note"
    return _put(document, name, replace(_the_note(document, note), state=state))


def delete_note(document: Document, note: NoteId) -> None:
    """Delete a note with its comments."""
    old = _the_note(document, note)
    with document.edit("Delete note", focus=Focus(old.video, old.frame)):
        document.remove(old)


def set_frames_reviewed(document: Document, video: VideoId, frames: Iterable[int], *, reviewed: bool) -> None:
    """Say that frames are confirmed, or take that back."""
    chosen = list(frames)
    _check_frames(document, video, chosen)
    name = "Mark reviewed" if reviewed else "Mark unreviewed"
    with document.edit(name, focus=Focus(video, chosen[0] if chosen else None)):
        for frame in chosen:
            state = FrameState(video, frame, reviewed=True)
            if reviewed:
                document.put(state)
            elif (video, frame) in document.frame_states:
                document.remove(state)


def _the_note(document: Document, note: NoteId) -> ReviewNote:
    if note not in document.notes:
        raise DocumentError(f"There is no note {note}.")
    return document.notes[note]


def _put(document: Document, name: str, note: ReviewNote) -> ReviewNote:
    with document.edit(name, focus=Focus(note.video, note.frame)):
        document.put(note)
    return note


def _check_frames(document: Document, video: VideoId, frames: list[int]) -> None:
    count = the_video(document, video).frame_count
    if any(not 0 <= frame < count for frame in frames):
        raise DocumentError(f"A frame is outside the video, which has {count} frames.")
