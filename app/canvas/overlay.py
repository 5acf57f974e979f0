"""What lies over the frame: outlines, onion skin, trails, the layers of other flows, and labels."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QPainter, QPainterPath, QPen, QTransform

from app.canvas.items import CanvasItem, Contours, Outline
from stmask_core.structures.palette import readable_on

if TYPE_CHECKING:
    from app.canvas.canvas_view import CanvasView

Colour = tuple[int, int, int]
Trail = tuple[Colour, Sequence[tuple[float, float]]]  # centres of boxes, oldest first, image pixels
EDGE_PX = 2.0  # plates keep this far from the edge of the canvas
STEPS = 6  # so many places further down are tried for a label before it lies over another


class Overlay:
    """Paints in widget pixels, so that lines and letters keep their size when one zooms."""

    def __init__(self, canvas: CanvasView) -> None:
        self._canvas = canvas
        self._contours = Contours()

    def paint(self, painter: QPainter, items: Sequence[CanvasItem]) -> None:
        """Everything that is switched on, of these masks."""
        layers, canvas = self._canvas.view_state.layers, self._canvas
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        transform = canvas.coordinates.transform()
        if layers.onion:
            for item in canvas.onion:
                pen = QPen(QColor(*item.colour, 130), 1, Qt.PenStyle.DotLine)
                painter.strokePath(transform.map(self._contours.path(item.mask)), pen)
        if layers.trails:
            for colour, points in canvas.trails:
                self._paint_trail(painter, colour, points)
        if layers.outlines and layers.masks:
            for item in items:
                path = transform.map(self._contours.path(item.mask))
                self._paint_outline(painter, item, path)
        self._paint_layers(painter, transform)
        if layers.labels and layers.masks:
            self._paint_labels(painter, items)

    def _paint_outline(self, painter: QPainter, item: CanvasItem, path: QPainterPath) -> None:
        state = self._canvas.view_state
        chosen = item.track in state.selection
        near = item.track == state.hover
        if chosen:
            painter.strokePath(path, QPen(QColor(255, 255, 255, 220), 4))
        width = 2.5 if chosen or item.human or near else 1.0  # one pixel is Qt's fast path, 14 times faster
        style = Qt.PenStyle.DashLine if item.source == "propagated" else Qt.PenStyle.SolidLine
        painter.strokePath(path, QPen(QColor(*item.colour), width, style))

    def _paint_trail(self, painter: QPainter, colour: Colour, points: Sequence[tuple[float, float]]) -> None:
        ends = [self._canvas.coordinates.to_widget(x, y) for x, y in points]
        for number, (a, b) in enumerate(itertools.pairwise(ends)):
            alpha = 40 + 180 * number // max(1, len(ends) - 1)
            painter.setPen(QPen(QColor(*colour, alpha), 2))
            painter.drawLine(a, b)

    # layers of other flows

    def _paint_layers(self, painter: QPainter, transform: QTransform) -> None:
        """Every layer's outlines, then their texts, none over another."""
        drawn = [
            (outline, transform.map(self._contours.path(outline.mask)))
            for outlines in self._canvas.outlines.values()
            for outline in outlines
        ]
        for outline, path in drawn:
            self._paint_layer(painter, outline, path)
        taken: list[QRectF] = []
        for outline, path in reversed(drawn):  # what lies on top says first what it is
            if outline.text and path.boundingRect().intersects(QRectF(self._canvas.rect())):
                taken.append(self._paint_text(painter, outline, path.boundingRect(), taken))

    def _paint_layer(self, painter: QPainter, outline: Outline, path: QPainterPath) -> None:
        colour = QColor(*outline.colour)
        if outline.filled:
            painter.fillPath(path, QBrush(colour, Qt.BrushStyle.BDiagPattern))
        if outline.bordered:
            painter.strokePath(path, QPen(QColor(0, 0, 0, 160), 4))  # seen on every ground
            style = Qt.PenStyle.DashLine if outline.dashed else Qt.PenStyle.SolidLine
            painter.strokePath(path, QPen(colour, 2, style))

    def _paint_text(
        self, painter: QPainter, outline: Outline, about: QRectF, taken: Sequence[QRectF]
    ) -> QRectF:
        """Say what an outline is on a plate below it; returns where, outside of what is taken."""
        metrics = painter.fontMetrics()
        plate = QRectF(0, 0, metrics.horizontalAdvance(outline.text) + 8, metrics.height() + 2)
        plate.moveTopLeft(about.bottomLeft() + QPointF(0, 4))
        plate = self._apart(plate, taken)
        painter.fillRect(plate, QColor(0, 0, 0, 170))
        painter.setPen(QColor(*outline.colour))
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, outline.text)
        return plate

    # labels

    def _paint_labels(self, painter: QPainter, items: Sequence[CanvasItem]) -> None:
        """A plate above each mask; where several would lie over one another they make room."""
        selection = self._canvas.view_state.selection
        font = QFont(self._canvas.font())
        font.setPointSizeF(max(7.0, font.pointSizeF() - 1))
        painter.setFont(font)
        placed: list[tuple[CanvasItem, QRectF]] = []
        for item in sorted(items, key=lambda item: (item.track not in selection, item.track)):
            if item.mask.box is not None:
                placed.append((item, self._place_of(painter, item, [plate for _, plate in placed])))
        for item, plate in reversed(placed):  # what is selected lies on top
            self._paint_label(painter, item, plate)

    def _place_of(self, painter: QPainter, item: CanvasItem, taken: Sequence[QRectF]) -> QRectF:
        assert item.mask.box is not None
        x1, y1, x2, _ = item.mask.box
        metrics = painter.fontMetrics()
        at = self._canvas.coordinates.to_widget((x1 + x2) / 2, y1)
        plate = QRectF(0, 0, metrics.horizontalAdvance(_text_of(item)) + 10, metrics.height() + 2)
        plate.moveCenter(QPointF(at.x(), at.y() - plate.height() / 2 - 3))
        return self._apart(plate, taken)

    def _paint_label(self, painter: QPainter, item: CanvasItem, plate: QRectF) -> None:
        selection = self._canvas.view_state.selection
        colour = QColor(*item.colour)
        colour.setAlpha(235 if item.track in selection or not selection else 150)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawRoundedRect(plate, 3, 3)
        painter.setPen(QColor(*readable_on(item.colour)))
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, _text_of(item))

    def _apart(self, plate: QRectF, taken: Sequence[QRectF]) -> QRectF:
        """The plate inside the canvas, and so far down that it covers no other, if that is not far."""
        width, height = self._canvas.width(), self._canvas.height()
        plate.moveLeft(min(max(EDGE_PX, plate.left()), max(EDGE_PX, width - plate.width() - EDGE_PX)))
        plate.moveTop(min(max(EDGE_PX, plate.top()), max(EDGE_PX, height - plate.height() - EDGE_PX)))
        for step in range(STEPS):
            moved = plate.translated(0, step * (plate.height() + 1))
            if not any(moved.intersects(other) for other in taken):
                return moved
        return plate


def _text_of(item: CanvasItem) -> str:
    return ("◆ " if item.human else "") + item.label
