"""Door 5: image pixels to widget pixels and back. The only code of the canvas that knows zoom and pan."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QTransform

SMALLEST, LARGEST = 0.02, 64.0


@dataclass(frozen=True)
class Coordinates:
    """scale: widget pixels per image pixel. left, top: widget position of the image's corner (0, 0)."""

    scale: float = 1.0
    left: float = 0.0
    top: float = 0.0

    def to_widget(self, x: float, y: float) -> QPointF:
        """Image point to widget point."""
        return QPointF(x * self.scale + self.left, y * self.scale + self.top)

    def to_image(self, point: QPointF) -> tuple[float, float]:
        """Widget point to image point (continuous: pixel (0, 0) spans 0 to 1)."""
        return (point.x() - self.left) / self.scale, (point.y() - self.top) / self.scale

    def transform(self) -> QTransform:
        """The same as a painter transform."""
        return QTransform(self.scale, 0, 0, self.scale, self.left, self.top)

    def visible(self, width: float, height: float) -> QRectF:
        """The part of the image plane a widget of this size shows, in image pixels."""
        x, y = self.to_image(QPointF(0, 0))
        return QRectF(x, y, width / self.scale, height / self.scale)

    def moved(self, dx: float, dy: float) -> Coordinates:
        """Shifted by widget pixels."""
        return replace(self, left=self.left + dx, top=self.top + dy)

    def zoomed(self, factor: float, at: QPointF) -> Coordinates:
        """Scaled by ``factor`` with the image point under ``at`` staying where it is."""
        scale = min(LARGEST, max(SMALLEST, self.scale * factor))
        x, y = self.to_image(at)
        return Coordinates(scale, at.x() - x * scale, at.y() - y * scale)


def fitted(
    box: tuple[float, float, float, float], width: float, height: float, margin: float = 0.0
) -> Coordinates:
    """Coordinates that show the image box (x1, y1, x2, y2) whole and centred.

    margin: free border as a share of the box's size.
    """
    x1, y1, x2, y2 = box
    wide, high = max(1e-6, x2 - x1) * (1 + 2 * margin), max(1e-6, y2 - y1) * (1 + 2 * margin)
    scale = min(LARGEST, max(SMALLEST, min(width / wide, height / high)))
    centre_x, centre_y = (x1 + x2) / 2, (y1 + y2) / 2
    return Coordinates(scale, width / 2 - centre_x * scale, height / 2 - centre_y * scale)
