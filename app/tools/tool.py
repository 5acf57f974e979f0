"""What every tool is: it turns gestures into a draft, and the draft into one edit on release.

Escape drops the draft. A tool never touches the document: it hands the finished region to its ``EditTarget``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter, QPen, QPolygonF

from app.canvas.canvas_view import Gesture
from app.canvas.coordinates import Coordinates
from app.view_state import ViewState
from stmask_core.structures.masks import Mask

ADD, SUBTRACT = "add", "subtract"


class EditTarget(Protocol):
    """What tools ask of the window; each verb is one edit, one undo step."""

    view_state: ViewState

    def image(self) -> NDArray[np.uint8] | None:
        """The frame on the canvas, (H, W, 3) RGB."""

    def colour(self) -> tuple[int, int, int]:
        """Colour of the track that an edit goes to."""

    def mask(self) -> Mask | None:
        """The selected track's mask in this frame."""

    def track_at(self, x: float, y: float) -> int | None:
        """Track under an image point."""

    def apply_region(self, region: Mask, mode: str, edit_name: str) -> None:
        """Add a region to, or subtract it from, the selected mask; a new track when none is selected."""

    def slice_along(self, points: list[tuple[float, float]]) -> None:
        """Cut the selected mask along a line: the smaller part becomes a new track."""

    def join(self, track: int, other: int) -> None:
        """Put the other track's pixels of this frame into the first one's mask."""

    def pin(self, track: int) -> None:
        """Make this frame's mask of the track a human one."""

    def merge_requested(self, track: int, other: int) -> None:
        """Ask to merge two tracks, with a preview."""

    def in_background(self, name: str, work: Callable[[], Mask], done: Callable[[Mask], None]) -> None:
        """Compute a mask beside the window; ``done`` is called on the GUI thread."""

    def preview(self, name: str, work: Callable[[], Mask], done: Callable[[Mask], None]) -> None:
        """The same for a draft: repainted when it is done, and only the newest wish waits for its turn."""


def tr(text: str) -> str:
    """Translate a text of the tools."""
    return QCoreApplication.translate("tools", text)


class Tool:
    """A tool that does nothing; the base of all others."""

    name = "tool"
    cursor = Qt.CursorShape.ArrowCursor

    def __init__(self, target: EditTarget) -> None:
        self.target = target

    def press(self, gesture: Gesture) -> None:
        """A button went down."""

    def move(self, gesture: Gesture) -> None:
        """The pointer moved, with or without a button."""

    def release(self, gesture: Gesture) -> None:
        """A button went up."""

    def double_click(self, gesture: Gesture) -> None:
        """A second click came quickly."""

    def key(self, event: QKeyEvent) -> bool:
        """A key went down; True when the tool used it."""
        return False

    def cancel(self) -> None:
        """Drop the draft."""

    def paint(self, painter: QPainter, coordinates: Coordinates) -> None:
        """Paint the draft over the canvas."""

    def image_size(self) -> tuple[int, int]:
        """(height, width) of the frame."""
        image = self.target.image()
        assert image is not None, "tools only hear gestures while a frame is shown"
        return image.shape[0], image.shape[1]


def mode_of(gesture: Gesture) -> str:
    """Ctrl subtracts."""
    return SUBTRACT if gesture.modifiers & Qt.KeyboardModifier.ControlModifier else ADD


def paint_bits(
    painter: QPainter,
    coordinates: Coordinates,
    bits: NDArray[np.uint8],
    at: tuple[int, int],
    colour: QColor,
) -> None:
    """Paint a (h, w) array of 0 and 1 whose corner is the image pixel ``at`` = (x, y)."""
    if not bits.size:
        return
    bits = np.ascontiguousarray(bits, np.uint8)
    image = QImage(bits.data, bits.shape[1], bits.shape[0], bits.strides[0], QImage.Format.Format_Indexed8)
    image.setColorTable([0, colour.rgba()])
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    painter.setTransform(coordinates.transform(), True)
    painter.drawImage(QPointF(*at), image)
    painter.restore()


def paint_line(
    painter: QPainter, coordinates: Coordinates, points: list[tuple[float, float]], *, closed: bool
) -> None:
    """Paint a polyline of image points, readable on any background."""
    line = QPolygonF([coordinates.to_widget(x, y) for x, y in points])
    for pen in (QPen(QColor(0, 0, 0, 160), 3), QPen(QColor(255, 255, 255), 1.4, Qt.PenStyle.DashLine)):
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if closed:
            painter.drawPolygon(line)
        else:
            painter.drawPolyline(line)


def polygon_region(points: list[tuple[float, float]], height: int, width: int) -> Mask:
    """Pixels whose centres lie inside a polygon of image points (non-zero winding)."""
    corners = np.asarray(points, np.float64)
    top = max(0, int(np.ceil(corners[:, 1].min() - 0.5)))
    bottom = min(height, int(np.ceil(corners[:, 1].max() - 0.5)))
    left = max(0, int(np.floor(corners[:, 0].min())))
    right = min(width, int(np.ceil(corners[:, 0].max())) + 1)
    if bottom <= top or right <= left:
        return Mask.empty(height, width)
    turns = np.zeros((bottom - top, right - left + 1), np.int32)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y1 == y2:
            continue
        rows = np.arange(
            max(top, int(np.ceil(min(y1, y2) - 0.5))), min(bottom, int(np.ceil(max(y1, y2) - 0.5)))
        )
        crossing = x1 + (rows + 0.5 - y1) * (x2 - x1) / (y2 - y1)
        columns = np.clip(np.ceil(crossing - 0.5).astype(int) - left, 0, right - left)
        turns[rows - top, columns] += 1 if y2 > y1 else -1
    inside = np.cumsum(turns, axis=1)[:, :-1] != 0
    return Mask.from_crop(inside, y0=top, x0=left, height=height, width=width)
