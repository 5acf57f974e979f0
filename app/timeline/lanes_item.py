"""The lanes: one item that paints only what is visible, at most one rectangle a pixel and lane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF, QTransform
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.timeline.lane_evidence import NOTHING, LaneEvidence
from app.timeline.rows import HUMAN, IMPORTED, OUTSIDE, PROPAGATED, Lane, Spans

LANE_PX, SELECTED_LANE_PX = 15, 24
HATCH_PX = 6  # from one line of the hatch to the next
OLD = 10  # frames; the hatch of a mask carried this long is as faint as it gets
COVERED = {1: 0.35, 2: 0.65}  # occlusion slight, severe: so much of the bar's height is missing
CONTESTED = (255, 255, 255, 255), (0, 0, 0, 255)


class LanesItem(pg.GraphicsObject):
    """Paints lanes top down; x is the frame, y is pixels from the top lane (see ``offsets``)."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes: Sequence[Lane] = ()
        self.selection: tuple[int, ...] = ()
        self.evidence: Mapping[int, LaneEvidence] = {}
        self.frame_count = 1
        self.offsets = np.zeros(1)  # top of each lane, and the bottom of the last
        self.text = QColor("#e3e4e6")
        self.faint = QColor("#8f939a")
        self.accent = QColor("#4c9be8")

    def show(self, lanes: Sequence[Lane], selection: tuple[int, ...], frame_count: int) -> None:
        """Show these lanes in this order."""
        self.prepareGeometryChange()
        self.lanes, self.selection, self.frame_count = lanes, selection, max(1, frame_count)
        primary = selection[0] if selection else None
        heights = [SELECTED_LANE_PX if lane.track == primary else LANE_PX for lane in lanes]
        self.offsets = np.concatenate(([0], np.cumsum(heights)))
        self.update()

    def show_evidence(self, evidence: Mapping[int, LaneEvidence]) -> None:
        """Mark what the runs knew of these tracks beside their masks; none: no marks."""
        self.evidence = evidence
        self.update()

    def lane_at(self, y: float) -> Lane | None:
        """The lane at height ``y``."""
        row = int(np.searchsorted(self.offsets, y, "right")) - 1
        return self.lanes[row] if 0 <= row < len(self.lanes) else None

    def shade(self) -> QColor:
        """The ground of selected lanes."""
        shade = QColor(self.accent)
        shade.setAlpha(40)
        return shade

    def boundingRect(self) -> QRectF:
        """All frames, all lanes."""
        return QRectF(0, 0, self.frame_count, max(1.0, float(self.offsets[-1])))

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Paint the visible lanes, in device pixels so that nothing is stretched."""
        view = self.getViewBox().viewRect()
        transform = painter.transform()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        ratio = painter.device().devicePixelRatioF()
        left, right = (transform.map(QPointF(x, 0)).x() for x in (max(0.0, view.left()), self._end(view)))
        edges = np.linspace(max(0.0, view.left()), self._end(view), max(2, round((right - left) * ratio) + 1))
        first_row = max(0, int(np.searchsorted(self.offsets, view.top(), "right")) - 1)
        for row in range(first_row, len(self.lanes)):
            if self.offsets[row] > view.bottom():
                break
            top = transform.map(QPointF(0, float(self.offsets[row]))).y()
            bottom = transform.map(QPointF(0, float(self.offsets[row + 1]))).y()
            lane, area = self.lanes[row], QRectF(left, top, right - left, bottom - top)
            if lane.track in self.selection:
                painter.fillRect(area, self.shade())
            pixels = self._pixels(lane, edges, max(1, round((area.height() - 4) * ratio)))
            height, width, _ = pixels.shape
            image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
            painter.drawImage(area.adjusted(0, 2, 0, -2), image)
            self._paint_human_marks(painter, lane, transform, view, area.center().y())

    def _end(self, view: QRectF) -> float:
        return max(max(0.0, view.left()) + 1e-6, min(float(self.frame_count), view.right()))

    def _pixels(self, lane: Lane, edges: NDArray[np.float64], height: int) -> NDArray[np.uint8]:
        """A lane as (height, len(edges) - 1, 4) RGBA: solid, hatched if propagated, a thread if outside.

        Where the object is occluded the bar is lower. The hatch is fainter the longer ago a detection was.
        Hidden: dots; contested: a mark at the top. Every span that touches a pixel's frames is seen, however
        short: of several the last one wins.
        """
        spans, evidence = lane.spans, self.evidence.get(lane.track, NOTHING)
        run, touched = _touched(spans.starts, spans.stops, edges)
        kinds = np.full(len(run), -1, np.int16)
        kinds[touched] = spans.kinds[run[touched]]
        rows, columns = np.arange(height)[:, None], np.arange(len(run))[None, :]
        alpha = np.where(kinds >= 0, 255, 0).astype(np.uint8)[None, :].repeat(height, 0)
        carried = np.flatnonzero(kinds == PROPAGATED)
        if len(carried):
            worn = _wear(spans, run[carried], edges[1:][carried])
            hatched = (rows + carried) % HATCH_PX >= HATCH_PX // 2
            alpha[:, carried] = np.where(hatched, 110 - 90 * worn, 255 - 115 * worn)
        for level, share in COVERED.items():
            run_of, here = _touched(lane.occluded.starts, lane.occluded.stops, edges)
            here[here] = lane.occluded.kinds[run_of[here]] == level
            alpha[: max(1, round(share * height)), here & (kinds >= 0)] = 0
        thread = (np.abs(rows - height // 2) < 1) & (columns % 4 < 2)
        alpha[~thread & (kinds == OUTSIDE)] = 0
        _, hidden = _touched(evidence.hidden_starts, evidence.hidden_stops, edges)
        alpha[height // 2, hidden & (kinds < 0) & (columns[0] % 6 < 2)] = 190
        pixels = np.zeros((height, len(run), 4), np.uint8)
        pixels[..., :3] = lane.colour
        pixels[..., 3] = alpha // 3 if lane.hidden else alpha
        line = self.text if not lane.hidden else self.faint
        pixels[-2:, kinds == HUMAN] = line.red(), line.green(), line.blue(), line.alpha()
        pixels[:1, kinds == IMPORTED] = self.faint.red(), self.faint.green(), self.faint.blue(), 255
        _, contested = _touched(evidence.contested_starts, evidence.contested_stops, edges)
        pixels[:2, contested], pixels[2:4, contested] = CONTESTED  # seen on every colour
        return pixels

    def _paint_human_marks(
        self, painter: QPainter, lane: Lane, transform: QTransform, view: QRectF, middle: float
    ) -> None:
        low, high = np.searchsorted(lane.human, [int(view.left()) - 1, int(view.right()) + 1])
        frames = lane.human[low:high]
        if not len(frames) or transform.m11() * len(frames) < 1:
            return
        step = max(1, int(np.ceil(6 / max(transform.m11(), 1e-6))))  # marks at least 6 px apart
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(QPen(QColor(*lane.colour).darker(200), 1))
        painter.setBrush(self.text)
        previous = -(10**9)
        for frame in frames.tolist():
            if frame - previous < step:
                continue
            previous = frame
            x = transform.map(QPointF(frame + 0.5, 0)).x()
            painter.drawPolygon(
                QPolygonF(
                    [
                        QPointF(x, middle - 4),
                        QPointF(x + 4, middle),
                        QPointF(x, middle + 4),
                        QPointF(x - 4, middle),
                    ]
                )
            )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _touched(
    starts: NDArray[np.int64], stops: NDArray[np.int64], edges: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Per pixel the last span [start, stop) that begins before its right edge, and whether it touches it."""
    run = np.searchsorted(starts, edges[1:], "left") - 1
    touched = run >= 0
    touched[touched] = stops[run[touched]] > edges[:-1][touched]
    return run, touched


def _wear(spans: Spans, run: NDArray[np.int64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the age of the last mask before the frame positions ``right`` is on its way to OLD, 0 to 1."""
    last = np.minimum(np.ceil(right) - 1, spans.stops[run] - 1)
    return np.clip((last - spans.ages_from[run] - 1) / (OLD - 1), 0, 1)
