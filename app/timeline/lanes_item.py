"""The lanes: one item that paints only what is visible, at most one rectangle a pixel and lane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.timeline.rows import HUMAN, IMPORTED, OUTSIDE, PROPAGATED, Lane

LANE_PX, SELECTED_LANE_PX = 14, 42


class LanesItem(pg.GraphicsObject):
    """Paints lanes top down; x is the frame, y is pixels from the top lane (see ``offsets``)."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes: Sequence[Lane] = ()
        self.selection: tuple[int, ...] = ()
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

    def lane_at(self, y: float) -> Lane | None:
        """The lane at height ``y``."""
        row = int(np.searchsorted(self.offsets, y, "right")) - 1
        return self.lanes[row] if 0 <= row < len(self.lanes) else None

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
        first_row = max(0, int(np.searchsorted(self.offsets, view.top(), "right")) - 1)
        for row in range(first_row, len(self.lanes)):
            if self.offsets[row] > view.bottom():
                break
            top = transform.map(QPointF(0, float(self.offsets[row]))).y()
            bottom = transform.map(QPointF(0, float(self.offsets[row + 1]))).y()
            self._paint_lane(painter, self.lanes[row], transform, view, top, bottom - top)

    def _paint_lane(self, painter, lane, transform, view, top, height) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        first = max(0, int(np.floor(view.left())))
        last = min(self.frame_count - 1, int(np.ceil(view.right())))
        if lane.track in self.selection:
            left = transform.map(QPointF(first, 0)).x()
            right = transform.map(QPointF(last + 1, 0)).x()
            shade = QColor(self.accent)
            shade.setAlpha(40)
            painter.fillRect(QRectF(left, top, right - left, height), shade)
        inner_top, inner = top + 2, height - 4
        for start, stop, kind in self._runs(lane, transform, first, last):
            left = transform.map(QPointF(start, 0)).x()
            right = transform.map(QPointF(stop, 0)).x()
            rect = QRectF(left, inner_top, max(1.0, right - left), inner)
            self._paint_run(painter, rect, QColor(*lane.colour), kind, lane.hidden)
        self._paint_human_marks(painter, lane, transform, first, last, top + height / 2)

    def _runs(self, lane, transform, first, last):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        """Runs to paint: the visible spans, or one sample a pixel where there are more spans than pixels."""
        part = lane.spans.visible(first, last)
        pixels = transform.m11() * (last - first + 1)
        if part.stop - part.start <= max(50.0, pixels):
            spans = lane.spans
            yield from zip(
                spans.starts[part].tolist(),
                spans.stops[part].tolist(),
                spans.kinds[part].tolist(),
                strict=True,
            )
            return
        edges = np.linspace(first, last + 1, int(pixels) + 1)
        kinds = lane.spans.kind_at(edges[:-1].astype(np.int64))
        breaks = np.flatnonzero(np.diff(kinds)) + 1
        starts = np.concatenate(([0], breaks))
        stops = np.concatenate((breaks, [len(kinds)]))
        for start, stop in zip(starts, stops, strict=True):
            if kinds[start] >= 0:
                yield edges[start], edges[stop], int(kinds[start])

    def _paint_run(self, painter: QPainter, rect: QRectF, colour: QColor, kind: int, hidden: bool) -> None:
        if hidden:
            colour.setAlpha(70)
        if kind == OUTSIDE:
            painter.setPen(QPen(colour, 1, Qt.PenStyle.DotLine))
            middle = rect.center().y()
            painter.drawLine(QPointF(rect.left(), middle), QPointF(rect.right(), middle))
            return
        if kind == PROPAGATED:
            pale = QColor(colour)
            pale.setAlpha(60)
            painter.fillRect(rect, pale)
            painter.fillRect(rect, QBrush(colour, Qt.BrushStyle.BDiagPattern))
            return
        painter.fillRect(rect, colour)
        if kind == HUMAN:
            painter.fillRect(QRectF(rect.left(), rect.bottom() - 2, rect.width(), 2), self.text)
        elif kind == IMPORTED:
            painter.fillRect(QRectF(rect.left(), rect.top(), rect.width(), 1), self.faint)

    def _paint_human_marks(self, painter, lane, transform, first, last, middle) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        low, high = np.searchsorted(lane.human, [first, last + 1])
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
