"""The timeline: overview, strips and lanes over one frame axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QColor, QCursor, QMouseEvent, QPainter, QPixmap, QWheelEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.timeline.gutter import GUTTER_PX, Gutter, LaneNames
from app.timeline.lane_evidence import LaneEvidence
from app.timeline.lanes_item import LanesItem
from app.timeline.overview import Overview
from app.timeline.rows import Lane
from app.timeline.strips import STRIP_LEAST_PX, Strips
from app.view_state import ViewState

AXIS_PX = 20
LANES_LEAST_PX = 84  # five lanes, one of them selected
EDGE_PX = 5  # this near to the end of a span a drag moves the end


@dataclass(frozen=True)
class Drag:
    """A drag that began at ``frame``. track, end: what a trim moves. x, left, right: where a pan began."""

    kind: str  # scrub, range, pan, trim
    frame: int
    track: int = -1
    end: str = ""  # start or end
    x: float = 0.0
    left: float = 0.0
    right: float = 0.0


class TimelineView(QWidget):
    """Shows lanes and strips; every gesture becomes a request."""

    track_clicked = Signal(int, object)  # track, keyboard modifiers
    trim_requested = Signal(int, int, int)  # track, old end frame, new end frame (both included)
    thumbnail_requested = Signal(int)
    context_menu_requested = Signal(QPoint, object, int)  # global position, track | None, frame

    def __init__(self, view_state: ViewState) -> None:
        super().__init__()
        self.view_state = view_state
        self.overview = Overview()
        self.overview.left = GUTTER_PX
        self.graphics = pg.GraphicsLayoutWidget()
        self.graphics.ci.layout.setSpacing(0)
        self.graphics.ci.layout.setContentsMargins(0, 0, 0, 0)
        self.lanes = LanesItem()
        self._strips = Strips(self._make_strip)
        self.strips = self._strips.plots
        self._playheads: list[pg.InfiniteLine] = []
        self._drag: Drag | None = None
        self._thumbnail = QLabel(self, Qt.WindowType.ToolTip)
        self._thumbnail.hide()
        self._hovered: tuple[int, str | None] | None = None  # frame and strip under the pointer
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.overview)
        layout.addWidget(self.graphics, 1)
        self._names = LaneNames(self.lanes, lambda: tuple(sorted(self._plot.viewRange()[1])))
        self._plot = self._make_plot(100, self._names)
        self._plot.addItem(self.lanes)
        self._plot.getViewBox().invertY(True)
        self._plot.showAxis("bottom")
        self._plot.getAxis("bottom").setHeight(AXIS_PX)
        self._range_item = pg.LinearRegionItem(movable=False, brush=(76, 155, 232, 45))
        self._range_item.setZValue(-5)
        self._range_item.hide()
        self._plot.addItem(self._range_item)
        self.graphics.viewport().installEventFilter(self)
        self.graphics.viewport().setMouseTracking(True)
        self.setMinimumHeight(120)
        for part in (self, self.graphics):
            part.setAccessibleName(self.tr("Timeline"))
        self._connect()

    def _connect(self) -> None:
        self.overview.seek_requested.connect(self.view_state.go_to)
        self.view_state.frame_changed.connect(self._on_frame)
        self.view_state.range_changed.connect(self._on_range)
        self._plot.getViewBox().sigXRangeChanged.connect(lambda *_: self._show_position())
        self._plot.getViewBox().sigResized.connect(lambda *_: self._limit())

    def _make_strip(self, row: int, title: Gutter) -> pg.PlotItem:
        plot = self._make_plot(row, title)
        plot.setXLink(self._plot)
        return plot

    def _make_plot(self, row: int, beside: Gutter) -> pg.PlotItem:
        plot = self.graphics.addPlot(row=row, col=0, axisItems={"left": beside})
        plot.showAxis("left")
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.setMouseEnabled(x=False, y=False)
        plot.disableAutoRange()
        plot.hideAxis("bottom")
        plot.setContentsMargins(0, 0, 0, 0)
        playhead = pg.InfiniteLine(
            self.view_state.frame + 0.5, angle=90, pen=pg.mkPen(self.lanes.text, width=1.5)
        )
        plot.addItem(playhead)
        self._playheads.append(playhead)
        return plot

    def use_colours(self, named: Mapping[str, str]) -> None:
        """Take the theme's colours."""
        self.graphics.setBackground(named["base"])
        self.lanes.text, self.lanes.faint = QColor(named["text"]), QColor(named["faint"])
        self.lanes.accent = QColor(named["accent"])
        for line in self._playheads:
            line.setPen(pg.mkPen(named["text"], width=1.5))
        axis = self._plot.getAxis("bottom")
        axis.setPen(named["line"])
        axis.setTextPen(named["faint"])
        self._names.text, self._names.faint = self.lanes.text, self.lanes.faint
        self._strips.use_colours(self.lanes.faint, self.lanes.accent)
        self._names.update()
        self.lanes.update()

    def show_video(self, frame_count: int) -> None:
        """Show all frames of a video of this length."""
        self.overview.frame_count = max(1, frame_count)
        self.show_lanes(())
        self.fit()

    def show_lanes(self, lanes: Sequence[Lane]) -> None:
        """Show these tracks."""
        self.lanes.show(lanes, self.view_state.selection, self.view_state.frame_count)
        self._share_room()
        self._limit()
        self._names.update()

    def show_evidence(self, evidence: Mapping[int, LaneEvidence]) -> None:
        """Mark on the lanes where tracks were hidden and contested; none: no marks."""
        self.lanes.show_evidence(evidence)

    def show_strips(self, strips: Mapping[str, np.ndarray]) -> None:
        """Show curves over the frames, as many as there is room for; NaN where a value is undefined."""
        self._strips.offer(strips)
        self._share_room()

    @property
    def strips_offered(self) -> int:
        """How many strips there are to show, whether or not there is room."""
        return len(self._strips.offered)

    def height_for_strips(self, count: int) -> int:
        """How tall the timeline has to be for so many strips above a few lanes."""
        lanes = min(self._lanes_px(), LANES_LEAST_PX)
        return self.height() - self.graphics.height() + AXIS_PX + lanes + count * STRIP_LEAST_PX

    def _share_room(self) -> None:
        """Lanes come first: strips get what a few lanes leave over, and stay low where there is more."""
        room = self.graphics.height() - AXIS_PX
        self._strips.fit(room - min(self._lanes_px(), LANES_LEAST_PX))

    def _lanes_px(self) -> int:
        return int(self.lanes.offsets[-1])

    def show_thumbnail(self, frame: int, picture: QPixmap) -> None:
        """Show the picture of the frame under the pointer, its number, and the strip's value there."""
        if self._hovered is None or self._hovered[0] != frame:
            return  # the pointer has moved on meanwhile
        words = str(frame)
        strip = self._hovered[1]
        if strip is not None:
            value = self._strips.values[strip][frame]
            words += f"   {strip} {value:.3g}" if np.isfinite(value) else f"   {strip} –"
        painter = QPainter(picture)
        plate = QRect(0, picture.height() - 18, picture.width(), 18)
        painter.fillRect(plate, QColor(0, 0, 0, 170))
        painter.setPen(QColor("white"))
        painter.drawText(plate.adjusted(6, 0, -6, 0), Qt.AlignmentFlag.AlignVCenter, words)
        painter.end()
        self._thumbnail.setPixmap(picture)
        self._thumbnail.adjustSize()
        top = self.mapToGlobal(QPoint(0, 0)).y()
        self._thumbnail.move(QCursor.pos().x() - picture.width() // 2, top - picture.height() - 6)
        self._thumbnail.show()

    def fit(self) -> None:
        """Show the whole video."""
        self._plot.setXRange(0, max(1, self.view_state.frame_count), padding=0)
        self._limit()

    def zoom(self, factor: float, around: float) -> None:
        """Zoom the frame axis so that ``around`` stays where it is."""
        left, right = self._plot.viewRange()[0]
        width = min(max(4.0, (right - left) / factor), max(4.0, float(self.view_state.frame_count)))
        share = (around - left) / max(1e-9, right - left)
        start = min(max(0.0, around - share * width), max(0.0, self.view_state.frame_count - width))
        self._plot.setXRange(start, start + width, padding=0)

    def reveal(self, track: int) -> None:
        """Scroll so that a track's lane is visible."""
        for row, lane in enumerate(self.lanes.lanes):
            if lane.track == track:
                top, bottom = float(self.lanes.offsets[row]), float(self.lanes.offsets[row + 1])
                low, high = self._plot.viewRange()[1]
                if top < low or bottom > high:
                    self._scroll_to(top - (high - low) / 3)
                return

    def _limit(self) -> None:
        height = max(1.0, float(self._plot.getViewBox().height()))
        low = min(self._plot.viewRange()[1])
        self._scroll_to(low, height)

    def _scroll_to(self, top: float, height: float | None = None) -> None:
        height = height or max(1.0, float(self._plot.getViewBox().height()))
        most = max(0.0, float(self.lanes.offsets[-1]) - height)
        top = min(max(0.0, top), most)
        self._plot.setYRange(top, top + height, padding=0)

    def _on_frame(self, frame: int) -> None:
        for line in self._playheads:
            line.setPos(frame + 0.5)
        left, right = self._plot.viewRange()[0]
        if not left <= frame < right:
            width = right - left
            start = max(0.0, frame - width * 0.1)
            self._plot.setXRange(start, start + width, padding=0)
        self._show_position()

    def _on_range(self, span: tuple[int, int] | None) -> None:
        self._range_item.setVisible(span is not None)
        if span is not None:
            self._range_item.setRegion((span[0], span[1] + 1))

    def _show_position(self) -> None:
        left, right = self._plot.viewRange()[0]
        self.overview.show_position(self.view_state.frame, (left, right))

    # gestures over the plots

    def _at(self, event: QMouseEvent | QWheelEvent) -> tuple[int, float, float]:
        """Frame, exact frame position and lane height under the pointer."""
        scene = self.graphics.mapToScene(event.position().toPoint())
        point = self._plot.getViewBox().mapSceneToView(scene)
        frame = max(0, min(self.view_state.frame_count - 1, int(np.floor(point.x()))))
        return frame, float(point.x()), float(point.y())

    def _beside(self, event: QMouseEvent) -> bool:
        """Whether the pointer is over the names, left of the frames."""
        return event.position().x() < GUTTER_PX

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Turn pointer events over the plots into requests."""
        kind = event.type()
        if kind == QEvent.Type.Resize:
            self._share_room()
        elif self.view_state.frame_count and isinstance(event, QWheelEvent):
            self._wheel(event)
            return True
        elif self.view_state.frame_count and isinstance(event, QMouseEvent):
            if kind == QEvent.Type.MouseButtonPress:
                return self._press(event)
            if kind == QEvent.Type.MouseMove:
                return self._move(event)
            if kind == QEvent.Type.MouseButtonRelease:
                return self._release(event)
        elif kind == QEvent.Type.Leave:
            self._hovered = None
            self._thumbnail.hide()
            self.view_state.set_hover(None)
        return super().eventFilter(watched, event)

    def _wheel(self, event: QWheelEvent) -> None:
        turns = (event.angleDelta().y() or event.angleDelta().x()) / 120
        _, x, _ = self._at(event)
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(1.25**turns, x)
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            left, right = self._plot.viewRange()[0]
            step = -(right - left) * 0.15 * turns
            most = max(0.0, self.view_state.frame_count - (right - left))
            start = min(max(0.0, left + step), most)
            self._plot.setXRange(start, start + right - left, padding=0)
        else:
            self._scroll_to(min(self._plot.viewRange()[1]) - 42 * turns)

    def _press(self, event: QMouseEvent) -> bool:
        frame, x, y = self._at(event)
        lane = self.lanes.lane_at(y)
        if event.button() == Qt.MouseButton.RightButton:
            self.context_menu_requested.emit(event.globalPosition().toPoint(), lane and lane.track, frame)
            return True
        if event.button() == Qt.MouseButton.MiddleButton:
            left, right = self._plot.viewRange()[0]
            self._drag = Drag("pan", frame, x=x, left=left, right=right)
            return True
        if event.button() != Qt.MouseButton.LeftButton:
            return False
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._drag = Drag("range", frame)
            self.view_state.set_range((frame, frame))
            return True
        if self._beside(event):
            if lane is not None:
                self.track_clicked.emit(lane.track, event.modifiers())
            return True
        edge = self._edge_at(lane, x)
        if lane is not None and edge is not None:
            self._drag = Drag("trim", edge[0], track=lane.track, end=edge[1])
            return True
        if lane is not None:
            self.track_clicked.emit(lane.track, event.modifiers())
        self._drag = Drag("scrub", frame)
        self.view_state.go_to(frame)
        return True

    def _move(self, event: QMouseEvent) -> bool:
        frame, x, y = self._at(event)
        if self._drag is None:
            lane = self.lanes.lane_at(y)
            self.view_state.set_hover(lane.track if lane else None)
            over_edge = self._edge_at(lane, x) is not None
            shape = Qt.CursorShape.SizeHorCursor if over_edge else Qt.CursorShape.ArrowCursor
            self.graphics.viewport().setCursor(shape)
            self._hover(event, frame)
            return False
        if self._drag.kind == "scrub":
            self.view_state.go_to(frame)
        elif self._drag.kind == "range":
            self.view_state.set_range((self._drag.frame, frame))
        elif self._drag.kind == "pan":
            self._pan(self._drag, event)
        return True

    def _hover(self, event: QMouseEvent, frame: int) -> None:
        scene = self.graphics.mapToScene(event.position().toPoint())
        self._hovered = None if self._beside(event) else (frame, self._strips.at(scene.y()))
        if self._hovered is None:
            self._thumbnail.hide()
        else:
            self.thumbnail_requested.emit(frame)

    def _pan(self, drag: Drag, event: QMouseEvent) -> None:
        scale = self._plot.getViewBox().viewPixelSize()[0]
        moved = (event.position().x() - self._pixel(drag.x, drag.left, drag.right)) * scale
        width = drag.right - drag.left
        start = min(max(0.0, drag.left - moved), max(0.0, self.view_state.frame_count - width))
        self._plot.setXRange(start, start + width, padding=0)

    def _pixel(self, x: float, left: float, right: float) -> float:
        box = self._plot.getViewBox().sceneBoundingRect()
        return box.left() + (x - left) / max(1e-9, right - left) * box.width()

    def _release(self, event: QMouseEvent) -> bool:
        if self._drag is None:
            return False
        drag, self._drag = self._drag, None
        if drag.kind == "trim":
            frame, x, _ = self._at(event)
            new = frame if drag.end == "start" else max(0, int(np.ceil(x)) - 1)
            if new != drag.frame:
                self.trim_requested.emit(drag.track, drag.frame, new)
        return True

    def _edge_at(self, lane: Lane | None, x: float) -> tuple[int, str] | None:
        """The first or last frame of the selected lane when the pointer is at that end."""
        if lane is None or lane.track != self.view_state.track or not len(lane.spans.starts):
            return None
        near = EDGE_PX * self._plot.getViewBox().viewPixelSize()[0]
        first, last = int(lane.spans.starts[0]), int(lane.spans.stops[-1])
        if abs(x - last) <= near:
            return last - 1, "end"
        if abs(x - first) <= near:
            return first, "start"
        return None
