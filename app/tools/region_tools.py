"""Tools that draw a region's border: polygon, lasso, box, and the cutting line."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter

from app.canvas.canvas_view import Gesture
from app.canvas.coordinates import Coordinates
from app.tools.tool import ADD, EditTarget, Tool, mode_of, paint_line, polygon_region, tr

Point = tuple[float, float]
CLOSE_PX = 10  # a click this near to the first corner closes the polygon


class PolygonTool(Tool):
    """Click corners; Enter, a double click or the first corner again closes; Ctrl with the last subtracts."""

    name = "polygon"
    cursor = Qt.CursorShape.CrossCursor

    def __init__(self, target: EditTarget) -> None:
        super().__init__(target)
        self._corners: list[Point] = []
        self._pointer: Point = (0.0, 0.0)
        self._mode = ADD

    def press(self, gesture: Gesture) -> None:
        """Set a corner, or close at the first one; the right button takes the last corner back."""
        if gesture.button == Qt.MouseButton.RightButton and self._corners:
            self._corners.pop()
            return
        if gesture.button != Qt.MouseButton.LeftButton:
            return
        self._mode = mode_of(gesture)
        if len(self._corners) >= 3:
            first = self._corners[0]
            near = CLOSE_PX / gesture.scale
            if abs(first[0] - gesture.x) <= near and abs(first[1] - gesture.y) <= near:
                self._finish()
                return
        self._corners.append((gesture.x, gesture.y))

    def move(self, gesture: Gesture) -> None:
        """Show where the next side would go."""
        self._pointer = (gesture.x, gesture.y)

    def double_click(self, gesture: Gesture) -> None:
        """Close."""
        self._mode = mode_of(gesture)
        self._finish()

    def key(self, event: QKeyEvent) -> bool:
        """Enter closes, Backspace takes a corner back, Escape drops the draft."""
        if not self._corners:
            return False
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._mode = ADD
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self._mode = "subtract"
            self._finish()
        elif event.key() == Qt.Key.Key_Backspace:
            self._corners.pop()
        elif event.key() == Qt.Key.Key_Escape:
            self.cancel()
        else:
            return False
        return True

    def cancel(self) -> None:
        """Drop the corners."""
        self._corners = []

    def paint(self, painter: QPainter, coordinates: Coordinates) -> None:
        """The sides so far and the corners as handles."""
        if not self._corners:
            return
        paint_line(painter, coordinates, [*self._corners, self._pointer], closed=False)
        painter.setPen(QColor("black"))
        painter.setBrush(QColor("white"))
        for x, y in self._corners:
            painter.drawEllipse(coordinates.to_widget(x, y), 3.5, 3.5)

    def _finish(self) -> None:
        corners, self._corners = self._corners, []
        if len(corners) >= 3:
            height, width = self.image_size()
            self.target.apply_region(polygon_region(corners, height, width), self._mode, tr("Polygon"))


class DragTool(Tool):
    """Base of tools whose draft is the way of one drag."""

    cursor = Qt.CursorShape.CrossCursor

    def __init__(self, target: EditTarget) -> None:
        super().__init__(target)
        self.way: list[Point] = []

    def press(self, gesture: Gesture) -> None:
        """Begin."""
        if gesture.button == Qt.MouseButton.LeftButton:
            self.way = [(gesture.x, gesture.y)]

    def move(self, gesture: Gesture) -> None:
        """Go on."""
        if self.way:
            self.way.append((gesture.x, gesture.y))

    def release(self, gesture: Gesture) -> None:
        """Hand the way over."""
        way, self.way = self.way, []
        if len(way) >= 2 and gesture.button == Qt.MouseButton.LeftButton:
            self.finish([*way, (gesture.x, gesture.y)], mode_of(gesture))

    def key(self, event: QKeyEvent) -> bool:
        """Escape drops the draft."""
        if event.key() == Qt.Key.Key_Escape and self.way:
            self.cancel()
            return True
        return False

    def cancel(self) -> None:
        """Drop the way."""
        self.way = []

    def finish(self, way: list[Point], mode: str) -> None:
        """Make the edit."""
        raise NotImplementedError

    def paint(self, painter: QPainter, coordinates: Coordinates) -> None:
        """The way so far."""
        if self.way:
            paint_line(painter, coordinates, self.way, closed=False)


class LassoTool(DragTool):
    """Drag around a region; Ctrl subtracts."""

    name = "lasso"

    def finish(self, way: list[Point], mode: str) -> None:
        """Fill the way."""
        height, width = self.image_size()
        self.target.apply_region(polygon_region(way, height, width), mode, tr("Lasso"))


class BoxTool(DragTool):
    """Drag a rectangle; Ctrl subtracts."""

    name = "box"

    def finish(self, way: list[Point], mode: str) -> None:
        """Fill the rectangle between the first and the last point."""
        self.finish_box(box_of(way), mode)

    def finish_box(self, box: tuple[int, int, int, int], mode: str) -> None:
        """Fill the pixels of (x1, y1, x2, y2)."""
        height, width = self.image_size()
        corners = [(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])]
        self.target.apply_region(
            polygon_region([(float(x), float(y)) for x, y in corners], height, width), mode, tr("Box")
        )

    def paint(self, painter: QPainter, coordinates: Coordinates) -> None:
        """The rectangle."""
        if self.way:
            (x1, y1), (x2, y2) = self.way[0], self.way[-1]
            paint_line(painter, coordinates, [(x1, y1), (x2, y1), (x2, y2), (x1, y2)], closed=True)


class SliceTool(DragTool):
    """Drag a line through the selected mask: the smaller part becomes a track of its own."""

    name = "slice"

    def finish(self, way: list[Point], mode: str) -> None:
        """Cut from the first to the last point."""
        self.target.slice_along([way[0], way[-1]])

    def paint(self, painter: QPainter, coordinates: Coordinates) -> None:
        """The straight cut."""
        if self.way:
            paint_line(painter, coordinates, [self.way[0], self.way[-1]], closed=False)
            painter.setBrush(QColor("white"))
            painter.drawEllipse(coordinates.to_widget(*self.way[0]) + QPointF(0, 0), 3, 3)


def box_of(way: list[Point]) -> tuple[int, int, int, int]:
    """Whole pixels between the first and the last point, at least one."""
    (x1, y1), (x2, y2) = way[0], way[-1]
    left, right, top, bottom = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)
    return int(left), int(top), max(int(left) + 1, round(right)), max(int(top) + 1, round(bottom))
