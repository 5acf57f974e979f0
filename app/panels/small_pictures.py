"""Small pictures of objects for lists: asked for when they are first painted, the newest of them kept."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QWidget

from app.panels.event_rows import ObjectView

KEPT = 200


def clear_pixmap(size: QSize, ratio: float) -> QPixmap:
    """Something transparent to paint on. size: in pixels of the window, each ``ratio`` of the screen."""
    pixmap = QPixmap(size * ratio)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    return pixmap


class SmallPictures(QObject):
    """Pictures of one size. Only those that were asked for here are taken."""

    wanted = Signal(object, object)  # ObjectView, (width, height) in pixels of the screen
    came = Signal(object)  # ObjectView: its picture is there, or cannot be had

    def __init__(self, view: QWidget) -> None:
        super().__init__(view)
        self._view = view
        self._pictures: OrderedDict[ObjectView, QPixmap | None] = OrderedDict()  # None: there is none
        self._asked: set[ObjectView] = set()

    def pixmap(self, view: ObjectView, size: QSize) -> QPixmap | None:
        """The picture, None as long as there is none; asks for it when nothing is known of it."""
        if view not in self._pictures:
            pixels = size * self._view.devicePixelRatioF()
            self._asked.add(view)
            self.wanted.emit(view, (pixels.width(), pixels.height()))
        return self._pictures.get(view)

    def has(self, view: ObjectView) -> bool:
        """Whether the picture is there."""
        return self._pictures.get(view) is not None

    def take(self, view: ObjectView, picture: NDArray[np.uint8] | None) -> None:
        """Take a picture, (H, W, 3) RGB; None: there is none to be had."""
        if view not in self._asked:
            return
        self._asked.discard(view)
        if picture is None:
            self._pictures[view] = None
        else:
            height, width, _ = picture.shape
            image = QImage(picture.data, width, height, 3 * width, QImage.Format.Format_RGB888)
            pixmap = QPixmap.fromImage(image)
            pixmap.setDevicePixelRatio(self._view.devicePixelRatioF())
            self._pictures[view] = pixmap
        while len(self._pictures) > KEPT:
            self._pictures.popitem(last=False)
        self.came.emit(view)

    def forget(self) -> None:
        """Another video has come."""
        self._pictures.clear()
        self._asked.clear()
