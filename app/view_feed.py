"""Keeps canvas, timeline and track table in step with the view state, the decoded frames and the document.

The frame and its masks reach the canvas together; until a wished frame is decoded the old one stays, and
``shown_frame`` says which that is, because a stroke belongs to the frame the user sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QPixmap

from app.canvas.canvas_view import CanvasView
from app.canvas.items import CanvasItem
from app.document_bridge import DocumentBridge
from app.panels.event_rows import ObjectView
from app.panels.tracks_panel import TracksPanel
from app.playback.frame_loader import FrameLoader
from app.timeline.diagnostic_strips import BY_DEFAULT, look_strips
from app.timeline.timeline_view import TimelineView
from app.view_state import ViewState
from stmask_core.document.changes import Diff
from stmask_core.document.queries import inferred_spans, reviewed_frames
from stmask_core.document.records import TrackId, VideoId
from stmask_core.errors import StmaskError

if TYPE_CHECKING:
    from stmask_core.review.inspection import Inspection

LANES_MS = 80  # the lanes and the table follow a burst of edits at this pace
STRIPS_MS = 400
MOST_STRIP_MASKS = 2_000_000  # beyond this the score strip shows the selection only
THUMBNAIL_PX = 160
BY_ITSELF = (-1, -1, -1)  # no colour: tells the timeline's wishes from those of the queue of failures


class ViewFeed(QObject):
    """Listens to everything that changes, shows what follows from it."""

    shown = Signal(int)  # the canvas shows this frame now
    thumbnail_wanted = Signal(object, object)  # ObjectView, (width, height): decode it beside the window

    def __init__(
        self,
        view_state: ViewState,
        bridge: DocumentBridge,
        loader: FrameLoader,
        canvas: CanvasView,
        timeline: TimelineView,
        tracks: TracksPanel,
    ) -> None:
        super().__init__()
        self.view_state, self.bridge, self.loader = view_state, bridge, loader
        self.canvas, self.timeline, self.tracks = canvas, timeline, tracks
        self.shown_frame = -1
        self._last_frame = 0
        self._hovered = -1  # frame under the pointer on the timeline
        self._inspection: Inspection | None = None
        self._chosen: tuple[str, ...] = BY_DEFAULT
        self._strips_of: tuple[int | None, tuple[str, ...]] | None = None  # what ``_found_strips`` are of
        self._found_strips: dict[str, np.ndarray] = {}
        self._lanes_timer = self._timer(LANES_MS, self.show_lanes)
        self._strips_timer = self._timer(STRIPS_MS, self.show_strips)
        self._cached_timer = self._timer(200, self._show_cached)
        view_state.video_changed.connect(self._on_video)
        view_state.frame_changed.connect(self._on_frame)
        view_state.selection_changed.connect(self._on_selection)
        view_state.layers_changed.connect(self.show_masks)
        bridge.document_changed.connect(self._on_diff)
        loader.frame_ready.connect(self._on_image)
        loader.frame_failed.connect(self._on_failed)
        loader.cached_changed.connect(self._cached_timer.start)
        timeline.thumbnail_requested.connect(self._on_thumbnail)

    def stop(self) -> None:
        """Show nothing any more: the window is closed."""
        for timer in (self._lanes_timer, self._strips_timer, self._cached_timer):
            timer.stop()

    def show_all(self) -> None:
        """Show everything again, now."""
        self.show_masks()
        self.show_lanes()
        self.show_strips()

    def show_masks(self) -> None:
        """Masks, onion skin and trails of the frame on the canvas."""
        video = self._video()
        if video is None or self.shown_frame < 0:
            return
        self._prepare_layers(video)
        self.canvas.show_items(self.bridge.items_at(video, self.shown_frame))

    def show_lanes(self) -> None:
        """Timeline lanes, overview rows and the track table."""
        video = self._video()
        if video is None:
            self.timeline.show_lanes(())
            self.tracks.show_rows(())
            return
        self.timeline.show_lanes(self.bridge.lanes(video))
        self.tracks.show_rows(self.bridge.track_rows(video))
        document = self.bridge.document
        spans = [np.arange(start, stop) for start, stop in inferred_spans(document, video)]
        inferred = np.concatenate(spans) if spans else np.zeros(0, np.int64)
        self.timeline.overview.show_frames("inferred", inferred)
        self.timeline.overview.show_frames("reviewed", reviewed_frames(document, video))

    def show_strips(self) -> None:
        """Score and count strips; between them why tracks look wrong, once that was looked for."""
        video = self._video()
        if video is None:
            self.timeline.show_strips({})
            return
        count = self.view_state.frame_count
        few = len(self.bridge.document.annotations) <= MOST_STRIP_MASKS
        strips = {}
        if few or self.view_state.selection:
            strips[self.tr("score")] = self.bridge.score_strip(video, count, self.view_state.selection)
        strips |= self._look_strips()
        if self.bridge.document.tracks.of_video(video):
            strips[self.tr("count")] = self.bridge.count_strip(video, count)
        self.timeline.show_strips(strips)

    def _look_strips(self) -> dict[str, np.ndarray]:
        """Curves of the last look; worked out once for each track that is selected."""
        if self._inspection is None:
            return {}
        track = self.view_state.track
        if self._strips_of != (track, self._chosen):
            count = self.view_state.frame_count
            self._found_strips = look_strips(self._inspection, track, count, self._chosen)
            self._strips_of = track, self._chosen
        return self._found_strips

    @property
    def inspection(self) -> Inspection | None:
        """What the last look at the video on the canvas found."""
        return self._inspection

    def show_inspection(self, inspection: Inspection) -> None:
        """Show strips of what a look at the video on the canvas found, until another video comes."""
        self._inspection, self._strips_of = inspection, None
        self.show_strips()

    def choose_strips(self, names: tuple[str, ...]) -> None:
        """Show these diagnostics of a look as strips."""
        if names != self._chosen:
            self._chosen = names
            self.show_strips()

    def _video(self) -> VideoId | None:
        record = self.bridge.video(self.view_state.video)
        return None if record is None else record.id

    def _timer(self, interval_ms: int, shows) -> QTimer:  # type: ignore[no-untyped-def]  # noqa: ANN001
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval_ms)
        timer.timeout.connect(shows)
        return timer

    def _on_video(self, video: object | None) -> None:
        self.shown_frame = -1
        self._last_frame = 0
        self._inspection, self._strips_of = None, None
        self.canvas.show_message("" if video is None else self.tr("Reading the video…"))
        self.timeline.show_video(self.view_state.frame_count)
        self.show_lanes()
        self.show_strips()

    def _on_frame(self, frame: int) -> None:
        if self.view_state.video is not None:
            direction = 1 if frame >= self._last_frame else -1
            self._last_frame = frame
            self.loader.request(frame, direction)

    def _on_image(self, frame: int, image: object) -> None:
        video = self._video()
        if frame != self.view_state.frame or video is None:
            return
        self.shown_frame = frame
        self._prepare_layers(video)
        self.canvas.show_frame(image, self.bridge.items_at(video, frame))  # type: ignore[arg-type]
        self.shown.emit(frame)

    def _on_failed(self, frame: int, error: StmaskError) -> None:
        if frame == self.view_state.frame or self.shown_frame < 0:
            self.shown_frame = -1
            self.canvas.show_message(f"{error.message}\n{error.hint}")

    def _on_selection(self, tracks: tuple[int, ...]) -> None:
        self._lanes_timer.start()
        self._strips_timer.start()
        if tracks:
            self.timeline.reveal(tracks[0])
        if self.view_state.layers.onion or self.view_state.layers.trails:
            self.show_masks()

    def _on_diff(self, diff: Diff) -> None:
        gone = [t for t in self.view_state.selection if t not in self.bridge.document.tracks]
        if gone:
            self.view_state.select(tuple(t for t in self.view_state.selection if t not in gone))
        here = any(frame == self.shown_frame for _, frame in diff.annotation_keys)
        if here or diff.tables & {"tracks", "categories"} or self.view_state.layers.onion:
            self.show_masks()
        if not self._lanes_timer.isActive():
            self._lanes_timer.start()
        if not self._strips_timer.isActive():
            self._strips_timer.start()

    def _prepare_layers(self, video: VideoId) -> None:
        """Neighbouring masks and trails, only while they are asked for."""
        layers, track, frame = self.view_state.layers, self.view_state.track, self.shown_frame
        onion: list[CanvasItem] = []
        if layers.onion and track is not None:
            for neighbour in (frame - 1, frame + 1):
                if 0 <= neighbour < self.view_state.frame_count:
                    items = self.bridge.items_at(video, neighbour)
                    onion += [item for item in items if item.track == track]
        self.canvas.onion = onion
        trails = []
        if layers.trails:
            for chosen in self.view_state.selection or tuple(self.bridge.document.tracks.of_video(video)):
                record = self.bridge.document.tracks[TrackId(chosen)]
                points = self.bridge.trail(record.id, frame)
                if len(points) > 1:
                    trails.append((self.bridge.colour_of(record), points))
        self.canvas.trails = trails

    def _show_cached(self) -> None:
        self.timeline.overview.show_frames("cached", self.loader.cached_frames())

    def _on_thumbnail(self, frame: int) -> None:
        """The frame under the pointer: at once when it is in memory, else when it has been decoded."""
        self._hovered = frame
        image = self.loader.cached(frame)
        if image is None:
            self.thumbnail_wanted.emit(ObjectView(frame, None, BY_ITSELF), self._thumbnail_size())
            return
        height, width, _ = image.shape
        picture = QImage(image.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        small = picture.scaledToWidth(THUMBNAIL_PX, Qt.TransformationMode.SmoothTransformation)
        self.timeline.show_thumbnail(frame, QPixmap.fromImage(small))

    def take_thumbnail(self, view: ObjectView, picture: np.ndarray | None) -> None:
        """A picture that was wished for; passed over when the pointer has moved on."""
        if view.colour != BY_ITSELF or view.frame != self._hovered or picture is None:
            return
        height, width, _ = picture.shape
        image = QImage(picture.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self.timeline.show_thumbnail(view.frame, QPixmap.fromImage(image))

    def _thumbnail_size(self) -> tuple[int, int]:
        record = self.bridge.video(self.view_state.video)
        if record is None:
            return THUMBNAIL_PX, THUMBNAIL_PX
        return THUMBNAIL_PX, max(1, round(THUMBNAIL_PX * record.height / record.width))
