"""The column left of the frames: names of lanes, titles and scales of strips; nothing lies over frames."""

from __future__ import annotations

from collections.abc import Callable

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.timeline.lanes_item import LanesItem

GUTTER_PX = 112
TEXT_PT = 7.5
SWATCH_PX, PAD_PX = 8, 6


class Gutter(pg.AxisItem):
    """The left axis of a plot, of one width everywhere so that all plots share their frames."""

    def __init__(self) -> None:
        super().__init__("left")
        self.setStyle(showValues=False, tickLength=0)
        self.setWidth(GUTTER_PX)
        self.faint, self.text = QColor("#8f939a"), QColor("#e3e4e6")

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget) -> None:
        """Paint within the column, whatever the axis would have painted."""
        area = QRectF(0, 0, self.size().width(), self.size().height())
        painter.setClipRect(area)
        font = painter.font()
        font.setPointSizeF(TEXT_PT)
        painter.setFont(font)
        self.write(painter, area)

    def write(self, painter: QPainter, area: QRectF) -> None:
        """Write what belongs beside the plot."""
        raise NotImplementedError


class LaneNames(Gutter):
    """A swatch and the name of each visible lane, beside it."""

    def __init__(self, lanes: LanesItem, rows: Callable[[], tuple[float, float]]) -> None:
        """rows: the heights of lanes that are visible, from and to."""
        super().__init__()
        self._lanes, self._rows = lanes, rows

    def write(self, painter: QPainter, area: QRectF) -> None:
        """The names; those of selected tracks on a bar of their own."""
        lanes, (low, high) = self._lanes, self._rows()
        scale = area.height() / max(1e-6, high - low)
        for row, lane in enumerate(lanes.lanes):
            top, bottom = float(lanes.offsets[row]), float(lanes.offsets[row + 1])
            if bottom <= low:
                continue
            if top >= high:
                break
            line = QRectF(0, (top - low) * scale, area.width(), (bottom - top) * scale)
            chosen = lane.track in lanes.selection
            if chosen:
                painter.fillRect(line, lanes.shade())
            swatch = QRectF(PAD_PX, line.center().y() - SWATCH_PX / 2, SWATCH_PX, SWATCH_PX)
            painter.fillRect(swatch, QColor(*lane.colour, 90 if lane.hidden else 255))
            words = line.adjusted(2 * PAD_PX + SWATCH_PX, 0, -PAD_PX, 0)
            painter.setPen(self.text if chosen else self.faint)
            name = painter.fontMetrics().elidedText(
                lane.name, Qt.TextElideMode.ElideRight, int(words.width())
            )
            painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, name)


class StripTitle(Gutter):
    """What a strip shows, and the values of its upper and lower edge."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title
        self.low, self.high = 0.0, 1.0

    def write(self, painter: QPainter, area: QRectF) -> None:
        """The title in the middle, the scale at the right, a line below."""
        painter.setPen(self.faint)
        inside = area.adjusted(PAD_PX, 0, -PAD_PX, 0)
        right = Qt.AlignmentFlag.AlignRight
        high, low = (f"{value:.3g}" for value in (self.high, self.low))
        metrics = painter.fontMetrics()
        painter.drawText(inside, right | Qt.AlignmentFlag.AlignTop, high)
        if inside.height() >= 2 * metrics.height():
            painter.drawText(inside, right | Qt.AlignmentFlag.AlignBottom, low)
        room = int(inside.width()) - max(map(metrics.horizontalAdvance, (high, low))) - PAD_PX
        title = metrics.elidedText(self.title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(inside, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, title)
        line = QColor(self.faint)
        line.setAlpha(60)
        painter.setPen(QPen(line, 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
