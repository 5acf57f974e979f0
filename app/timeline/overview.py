"""The overview: the whole video in one bar: what is cached, inferred, reviewed, and where the view is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

ROWS = (("cached", "#6a7078"), ("inferred", "#4c9be8"), ("reviewed", "#57b26a"))
ROW_PX = 4


class Overview(QWidget):
    """Three thin rows over all frames, issue ticks, the playhead and the visible window; drag to seek."""

    seek_requested = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.frame_count = 1
        self.frame = 0
        self.view = (0.0, 1.0)  # frames visible in the lanes below
        self._rows: dict[str, np.ndarray] = {}
        self._issues: Sequence[int] = ()
        self.left = 0  # pixels where the first frame begins, as in the lanes below
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(len(ROWS) * (ROW_PX + 1) + 12)
        self.setAccessibleName(self.tr("Overview of the video"))
        self.setToolTip(self.tr("Grey: in memory. Blue: the model has run. Green: reviewed. Red: problems."))

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(400, self.height())

    def show_frames(self, name: str, frames: Sequence[int] | np.ndarray) -> None:
        """Mark the frames of one row (``cached``, ``inferred`` or ``reviewed``)."""
        self._rows[name] = np.asarray(frames, np.int64)
        self.update()

    def show_issues(self, frames: Sequence[int]) -> None:
        """Mark frames with problems."""
        self._issues = frames
        self.update()

    def show_position(self, frame: int, view: tuple[float, float]) -> None:
        """Move the playhead and the window."""
        self.frame, self.view = frame, view
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint rows, problems, the visible window and the playhead."""
        painter = QPainter(self)
        palette = self.palette()
        painter.fillRect(self.rect(), palette.base())
        painter.translate(self.left, 0)
        width = self._width()
        top = 5
        for name, colour in ROWS:
            painter.fillRect(QRectF(0, top, width, ROW_PX), palette.button())
            frames = self._rows.get(name)
            if frames is not None and len(frames):
                for left, right in self._runs(frames, width):
                    painter.fillRect(QRectF(left, top, max(1.0, right - left), ROW_PX), QColor(colour))
            top += ROW_PX + 1
        for frame in self._issues:
            painter.fillRect(QRectF(frame * width / self.frame_count, top, 2, 6), QColor("#ef6b6b"))
        painter.setPen(palette.highlight().color())
        painter.setBrush(Qt.BrushStyle.NoBrush)
        left, right = (max(0.0, min(1.0, v / self.frame_count)) * width for v in self.view)
        painter.drawRect(QRectF(left, 1, max(3.0, right - left) - 1, self.height() - 3))
        x = (self.frame + 0.5) * width / self.frame_count
        painter.fillRect(QRectF(x - 1, 0, 2, self.height()), palette.text())

    def _width(self) -> int:
        return max(1, self.width() - self.left)

    def _runs(self, frames: np.ndarray, width: int) -> list[tuple[float, float]]:
        """Pixels (left, right) of each unbroken run of frames; runs closer than a pixel are one."""
        scale = width / self.frame_count
        apart = np.flatnonzero(np.diff(frames) * scale > 1 + scale) + 1
        lefts, rights = frames[np.concatenate(([0], apart))], frames[np.concatenate((apart - 1, [-1]))] + 1
        return list(zip((lefts * scale).tolist(), (rights * scale).tolist(), strict=True))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go there."""
        self._seek(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Scrub."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._seek(event)

    def _seek(self, event: QMouseEvent) -> None:
        frame = int((event.position().x() - self.left) / self._width() * self.frame_count)
        self.seek_requested.emit(max(0, min(self.frame_count - 1, frame)))
