"""Between the document and the views: Qt signals out, display rows in, no cache that a diff can outdate.

The bridge owns the open project. Every view asks it; nobody else holds the document.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QObject, Signal

from app.canvas.items import CanvasItem
from app.panels.track_rows import TrackRow
from app.timeline.rows import HUMAN, KIND_OF_SOURCE, OUTSIDE, Lane, spans_of
from stmask_core.document.annotation_table import Columns
from stmask_core.document.changes import Diff
from stmask_core.document.document import Document
from stmask_core.document.queries import annotations_at, tracks_of_video
from stmask_core.document.records import SOURCES, MaskAnnotation, Track, TrackId, Video, VideoId
from stmask_core.project import Project
from stmask_core.structures.palette import track_colour

Colour = tuple[int, int, int]
# Okabe and Ito's palette: eight colours that people with any colour vision tell apart.
COLOURS_FOR_ALL: tuple[Colour, ...] = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66),
    (0, 114, 178), (213, 94, 0), (204, 121, 167), (200, 200, 200),
)  # fmt: skip
KINDS = np.array([KIND_OF_SOURCE[source] for source in SOURCES], np.uint8)


class DocumentBridge(QObject):
    """The open project, its signals, and what the views show of it."""

    project_changed = Signal(object)  # Project | None
    document_changed = Signal(object)  # Diff

    def __init__(self) -> None:
        super().__init__()
        self.project: Project | None = None
        self.colour_blind = False
        self._stop: Callable[[], None] | None = None
        self._lanes: dict[TrackId, Lane] = {}
        self._rows: dict[TrackId, TrackRow] = {}

    @property
    def document(self) -> Document:
        """The open project's document; only while a project is open."""
        assert self.project is not None, "no project is open"
        return self.project.document

    def open(self, project: Project) -> None:
        """Turn to another project; the old one is closed."""
        self.close()
        self.project = project
        self._stop = project.document.subscribe(self._on_diff)
        self.project_changed.emit(project)

    def close(self) -> None:
        """Close the project; everything is on disk already."""
        if self.project is None:
            return
        if self._stop is not None:
            self._stop()
        old, self.project = self.project, None
        self.forget()
        self.project_changed.emit(None)
        old.close()

    def forget(self) -> None:
        """Drop every cached row: the colours changed, or another project came."""
        self._lanes.clear()
        self._rows.clear()

    def video(self, video: object | None) -> Video | None:
        """The record of a video id; None when there is none (any more)."""
        if self.project is None or video is None:
            return None
        return self.document.videos.get(VideoId(int(video)))  # type: ignore[call-overload]

    def is_track(self, video: object | None, number: int) -> bool:
        """Whether a video of the open project has this track (still)."""
        track = None if self.project is None else self.document.tracks.get(TrackId(number))
        return track is not None and track.video == video

    def colour_of(self, track: Track) -> Colour:
        """The colour a track is drawn with: its own, else its category's, else the palette's."""
        own = track.colour
        if own is not None:
            return own
        if self.colour_blind:
            return COLOURS_FOR_ALL[(track.id - 1) % len(COLOURS_FOR_ALL)]
        return track_colour(track.id)

    def label_of(self, track: Track) -> str:
        """``#3 dog``, or the track's own name."""
        category = self.document.categories[track.category].name
        return f"#{track.id} {track.name or category}"

    def items_at(self, video: VideoId, frame: int) -> list[CanvasItem]:
        """What the canvas draws in a frame: every mask of tracks that are not hidden."""
        items = []
        for annotation in annotations_at(self.document, video, frame):
            track = self.document.tracks[annotation.track]
            if not track.hidden and not annotation.mask.is_empty:
                items.append(self._item(track, annotation))
        return items

    def lanes(self, video: VideoId) -> list[Lane]:
        """One lane per track, by number."""
        return [self._lane(track) for track in tracks_of_video(self.document, video)]

    def track_rows(self, video: VideoId) -> list[TrackRow]:
        """One row of the table per track."""
        return [self._row(track) for track in tracks_of_video(self.document, video)]

    def trail(self, track: TrackId, frame: int, reach: int = 30) -> list[tuple[float, float]]:
        """Centres of a track's boxes over the last ``reach`` frames, oldest first, image pixels."""
        points = []
        for at in self.document.annotations.frames(track, max(0, frame - reach), frame):
            annotation = self.document.annotation(track, at)
            if annotation is not None and annotation.mask.box is not None:
                x1, y1, x2, y2 = annotation.mask.box
                points.append(((x1 + x2) / 2, (y1 + y2) / 2))
        return points

    def count_strip(self, video: VideoId, frame_count: int) -> np.ndarray:
        """Number of tracks present per frame, (frame_count,)."""
        counts = np.zeros(frame_count, np.float64)
        for track in self.document.tracks.of_video(video):
            columns = self.document.annotations.columns(track)
            counts[columns.frames[~columns.outside]] += 1
        return counts

    def score_strip(self, video: VideoId, frame_count: int, tracks: tuple[int, ...]) -> np.ndarray:
        """Lowest score per frame over ``tracks`` (all of the video when empty), NaN where there is none."""
        lowest = np.full(frame_count, np.nan)
        for track in tracks or tuple(self.document.tracks.of_video(video)):
            columns = self.document.annotations.columns(TrackId(track))
            lowest[columns.frames] = np.fmin(lowest[columns.frames], columns.scores)
        return lowest

    def _item(self, track: Track, annotation: MaskAnnotation) -> CanvasItem:
        return CanvasItem(
            track=track.id,
            mask=annotation.mask,
            colour=self.colour_of(track),
            label=self.label_of(track),
            source=annotation.source,
            human=annotation.is_human,
            score=annotation.score,
        )

    def _lane(self, track: Track) -> Lane:
        lane = self._lanes.get(track.id)
        if lane is None:
            columns = self.document.annotations.columns(track.id)
            covered = (columns.occlusions > 0) & ~columns.outside
            lane = self._lanes[track.id] = Lane(
                track=track.id,
                name=self.label_of(track),
                colour=self.colour_of(track),
                spans=spans_of(columns.frames, _kinds(columns)),
                human=columns.frames[columns.human & ~columns.outside].astype(np.int64),
                hidden=track.hidden,
                locked=track.locked,
                occluded=spans_of(columns.frames[covered], columns.occlusions[covered]),
            )
        return lane

    def _row(self, track: Track) -> TrackRow:
        row = self._rows.get(track.id)
        if row is None:
            columns = self.document.annotations.columns(track.id)
            present = columns.frames[~columns.outside]
            scores = columns.scores[np.isfinite(columns.scores)]
            row = self._rows[track.id] = TrackRow(
                track=track.id,
                number=track.id,
                name=track.name,
                category=self.document.categories[track.category].name,
                colour=self.colour_of(track),
                frames=len(present),
                first=int(present[0]) if len(present) else -1,
                last=int(present[-1]) if len(present) else -1,
                gaps=int((np.diff(present) > 1).sum()),
                score=float(scores.mean()) if len(scores) else float("nan"),
                human=int(columns.human.sum()),
                locked=track.locked,
                hidden=track.hidden,
                reviewed=track.reviewed,
            )
        return row

    def _on_diff(self, diff: Diff) -> None:
        if "categories" in diff.tables:
            self.forget()
        for change in diff.changes:
            track = None
            if change.table == "annotations" and isinstance(change.key, tuple):
                track = TrackId(change.key[0])
            elif change.table == "tracks" and isinstance(change.key, int):
                track = TrackId(change.key)
            if track is not None:
                self._lanes.pop(track, None)
                self._rows.pop(track, None)
        self.document_changed.emit(diff)


def _kinds(columns: Columns) -> np.ndarray:
    """How the timeline shows each frame."""
    kinds = KINDS[columns.sources]
    kinds[columns.human & ~columns.outside] = HUMAN
    kinds[columns.outside] = OUTSIDE
    return kinds
