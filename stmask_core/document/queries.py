"""Read-only questions about a document. What is asked per frame goes through indexes, never a scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stmask_core.document.annotation_table import ACCEPTED, Row
from stmask_core.document.document import Document
from stmask_core.document.records import (
    SOURCES,
    Category,
    CategoryId,
    MaskAnnotation,
    ModelRun,
    ReviewNote,
    RunId,
    Track,
    TrackId,
    Video,
    VideoId,
)
from stmask_core.errors import DocumentError
from stmask_core.structures.spans import Span, gaps_between, spans_of_frames, union_of_spans


def the_video(document: Document, video: VideoId) -> Video:
    """The video with this id; DocumentError when there is none."""
    if video not in document.videos:
        raise DocumentError(f"There is no video {video}.")
    return document.videos[video]


def the_track(document: Document, track: TrackId) -> Track:
    """The track with this id; DocumentError when there is none."""
    if track not in document.tracks:
        raise DocumentError(f"There is no track {track}.")
    return document.tracks[track]


def the_category(document: Document, category: CategoryId) -> Category:
    """The category with this id; DocumentError when there is none."""
    if category not in document.categories:
        raise DocumentError(f"There is no category {category}.")
    return document.categories[category]


def the_run(document: Document, run: RunId) -> ModelRun:
    """The model run with this id; DocumentError when there is none."""
    if run not in document.runs:
        raise DocumentError(f"There is no model run {run}.")
    return document.runs[run]


def tracks_of_video(document: Document, video: VideoId) -> list[Track]:
    """Every track of a video, by id."""
    return [track for _, track in sorted(document.tracks.of_video(video).items())]


def tracks_at(document: Document, video: VideoId, frame: int) -> list[TrackId]:
    """Tracks that have an annotation in a frame, by id."""
    has = document.annotations.has
    return sorted(track for track in document.tracks.of_video(video) if has(track, frame))


def rows_at(document: Document, video: VideoId, frame: int) -> list[tuple[TrackId, Row]]:
    """Annotations of a frame without their pixels, by track."""
    rows = document.annotations.row
    found = ((track, rows(track, frame)) for track in tracks_at(document, video, frame))
    return [(track, row) for track, row in found if row is not None]


def annotations_at(document: Document, video: VideoId, frame: int) -> list[MaskAnnotation]:
    """Annotations of a frame with their pixels, by track."""
    return [document.materialise(track, frame, row) for track, row in rows_at(document, video, frame)]


def annotations_of_track(document: Document, track: TrackId) -> list[MaskAnnotation]:
    """Every annotation of a track with its pixels, in order of frames."""
    rows = document.annotations.rows(track)
    return [document.materialise(track, frame, row) for frame, row in rows]


def category_of(document: Document, track: TrackId) -> Category:
    """The category of a track."""
    return document.categories[the_track(document, track).category]


def category_named(document: Document, name: str) -> Category | None:
    """The category of this name, whatever its case; None when there is none."""
    wanted = name.casefold()
    return next((c for c in document.categories.values() if c.name.casefold() == wanted), None)


def spans_of_track(document: Document, track: TrackId) -> list[Span]:
    """Runs of frames (start, stop), half open, in which the track is present (not marked outside)."""
    columns = document.annotations.columns(track)
    return spans_of_frames(columns.frames[~columns.outside])


def gaps_of_track(document: Document, track: TrackId) -> list[Span]:
    """Runs of frames between the first and the last in which nobody said anything about the track.

    Frames marked outside are no gap: a person said that the object is not there.
    """
    return gaps_between(spans_of_frames(document.annotations.columns(track).frames))


def human_frames(document: Document, track: TrackId) -> NDArray[np.int32]:
    """Frames whose annotation a person made, confirmed or locked, ascending."""
    columns = document.annotations.columns(track)
    return columns.frames[columns.human]


def key_frames(document: Document, track: TrackId) -> NDArray[np.int32]:
    """Frames whose mask a person drew or confirmed, ascending: what interpolation goes between."""
    columns = document.annotations.columns(track)
    drawn = columns.sources == SOURCES.index("manual")
    confirmed = (columns.flags & ACCEPTED) != 0
    return columns.frames[(drawn | confirmed) & ~columns.outside]


def masks_per_frame(document: Document, video: VideoId) -> NDArray[np.int32]:
    """How many tracks are present in each frame, (frame_count,)."""
    counts = np.zeros(the_video(document, video).frame_count, np.int32)
    for track in document.tracks.of_video(video):
        columns = document.annotations.columns(track)
        counts[columns.frames[~columns.outside]] += 1
    return counts


def reviewed_frames(document: Document, video: VideoId) -> NDArray[np.int64]:
    """Frames that a person has confirmed, ascending."""
    states = document.frame_states.of_video(video)
    return np.array(sorted(frame for (_, frame), state in states.items() if state.reviewed), np.int64)


def is_reviewed(document: Document, video: VideoId, frame: int) -> bool:
    """True when a person has confirmed the frame."""
    state = document.frame_states.get((video, frame))
    return state is not None and state.reviewed


def inferred_spans(document: Document, video: VideoId) -> list[Span]:
    """Runs of frames (start, stop) that a model has gone over."""
    runs = document.runs.of_video(video).values()
    return union_of_spans((first, last + 1) for run in runs for first, last in run.done)


def next_frame_after(frames: NDArray, frame: int) -> int | None:
    """The first of some ascending frames behind ``frame``."""
    at = int(np.searchsorted(frames, frame, "right"))
    return int(frames[at]) if at < len(frames) else None


def last_frame_before(frames: NDArray, frame: int) -> int | None:
    """The last of some ascending frames ahead of ``frame``."""
    at = int(np.searchsorted(frames, frame, "left")) - 1
    return int(frames[at]) if at >= 0 else None


def next_unreviewed(document: Document, video: VideoId, frame: int) -> int | None:
    """The first frame behind ``frame`` that nobody confirmed."""
    for later in range(frame + 1, the_video(document, video).frame_count):
        if not is_reviewed(document, video, later):
            return later
    return None


def notes_at(document: Document, video: VideoId, frame: int) -> list[ReviewNote]:
    """Review notes of a frame, by id."""
    notes = document.notes.of_video(video)
    return [note for _, note in sorted(notes.items()) if note.frame == frame]


def common_frames(document: Document, a: TrackId, b: TrackId) -> NDArray[np.int32]:
    """Frames in which both tracks have an annotation."""
    columns = document.annotations.columns
    return np.intersect1d(columns(a).frames, columns(b).frames, assume_unique=True)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work on a video is: counts of frames, tracks, masks and notes."""

    frames: int
    inferred_frames: int
    reviewed_frames: int
    tracks: int
    reviewed_tracks: int
    masks: int
    human_masks: int
    open_notes: int


def progress_of(document: Document, video: VideoId) -> Progress:
    """Counts over one video."""
    tracks = tracks_of_video(document, video)
    return Progress(
        frames=the_video(document, video).frame_count,
        inferred_frames=sum(stop - start for start, stop in inferred_spans(document, video)),
        reviewed_frames=len(reviewed_frames(document, video)),
        tracks=len(tracks),
        reviewed_tracks=sum(track.reviewed for track in tracks),
        masks=sum(document.annotations.count(track.id) for track in tracks),
        human_masks=sum(len(human_frames(document, track.id)) for track in tracks),
        open_notes=sum(note.state == "open" for note in document.notes.of_video(video).values()),
    )
