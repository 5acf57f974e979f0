"""Brush and eraser: a stroke is a draft of pixels; releasing the button makes it one edit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen

from app.canvas.canvas_view import Gesture
from app.canvas.coordinates import Coordinates
from app.tools.tool import ADD, SUBTRACT, EditTarget, Tool, mode_of, paint_bits, tr
from stmask_core.opencv import cv2
from stmask_core.structures.masks import Mask

ERASE_COLOUR = QColor(255, 80, 80, 150)


class BrushTool(Tool):
    """Paints discs of the brush size along the pointer's way; Ctrl erases."""

    name = "brush"
    cursor = Qt.CursorShape.BlankCursor
    own_mode = ADD

    def __init__(self, target: EditTarget) -> None:
        super().__init__(target)
        self._bits: NDArray[np.uint8] | None = None
        self._touched = (0, 0, 0, 0)  # x1, y1, x2, y2 of the stroke, image pixels
        self._at = (0.0, 0.0)
        self._mode = ADD

    def press(self, gesture: Gesture) -> None:
        """Begin a stroke."""
        if gesture.button != Qt.MouseButton.LeftButton:
            return
        self._mode = self._mode_of(gesture)
        self._bits = np.zeros(self.image_size(), np.uint8)
        x, y = int(gesture.x), int(gesture.y)
        self._touched = (x, y, x, y)
        self._at = (gesture.x, gesture.y)
        self._dab(gesture)

    def move(self, gesture: Gesture) -> None:
        """Go on with the stroke, or just show the brush."""
        if self._bits is not None:
            self._dab(gesture)
        else:
            self._mode = self._mode_of(gesture)
        self._at = (gesture.x, gesture.y)

    def release(self, gesture: Gesture) -> None:
        """End the stroke: one edit."""
        if self._bits is None or gesture.button != Qt.MouseButton.LeftButton:
            return
        bits, self._bits = self._bits, None
        height, width = bits.shape
        x1, y1, x2, y2 = self._inside(height, width)
        region = Mask.from_crop(bits[y1:y2, x1:x2], y0=y1, x0=x1, height=height, width=width)
        if not region.is_empty:
            self.target.apply_region(region, self._mode, tr("Brush") if self._mode == ADD else tr("Erase"))

    def key(self, event: QKeyEvent) -> bool:
        """Escape drops the stroke."""
        if event.key() == Qt.Key.Key_Escape and self._bits is not None:
            self.cancel()
            return True
        return False

    def cancel(self) -> None:
        """Drop the stroke."""
        self._bits = None

    def paint(self, painter: QPainter, coordinates: Coordinates) -> None:
        """The stroke so far and the brush's rim."""
        if self._bits is not None:
            x1, y1, x2, y2 = self._inside(*self._bits.shape)
            colour = QColor(*self.target.colour(), 150) if self._mode == ADD else ERASE_COLOUR
            paint_bits(painter, coordinates, self._bits[y1:y2, x1:x2], (x1, y1), colour)
        radius = self.target.view_state.brush_px / 2 * coordinates.scale
        centre = coordinates.to_widget(*self._at)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for pen in (QPen(QColor(0, 0, 0, 180), 3), QPen(QColor(255, 255, 255), 1.3)):
            painter.setPen(pen)
            painter.drawEllipse(centre, radius, radius)
            if self._mode == SUBTRACT:
                painter.drawLine(centre - QPointF(4, 0), centre + QPointF(4, 0))

    def _mode_of(self, gesture: Gesture) -> str:
        return SUBTRACT if self.own_mode == SUBTRACT else mode_of(gesture)

    def _dab(self, gesture: Gesture) -> None:
        assert self._bits is not None
        diameter = max(1.0, self.target.view_state.brush_px * gesture.pressure)
        radius = max(0, round((diameter - 1) / 2))
        here = (int(np.floor(gesture.x)), int(np.floor(gesture.y)))
        before = (int(np.floor(self._at[0])), int(np.floor(self._at[1])))
        if radius:
            cv2.line(self._bits, before, here, 1, 2 * radius)
            cv2.circle(self._bits, here, radius, 1, -1)
        else:
            cv2.line(self._bits, before, here, 1, 1)
        x1, y1, x2, y2 = self._touched
        self._touched = (
            min(x1, here[0] - radius - 1, before[0] - radius - 1),
            min(y1, here[1] - radius - 1, before[1] - radius - 1),
            max(x2, here[0] + radius + 2, before[0] + radius + 2),
            max(y2, here[1] + radius + 2, before[1] + radius + 2),
        )

    def _inside(self, height: int, width: int) -> tuple[int, int, int, int]:
        x1, y1, x2, y2 = self._touched
        return max(0, x1), max(0, y1), max(0, min(width, x2)), max(0, min(height, y2))


class EraserTool(BrushTool):
    """The brush, always subtracting."""

    name = "eraser"
    own_mode = SUBTRACT
