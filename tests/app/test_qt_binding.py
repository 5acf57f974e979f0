"""The Qt binding itself: a fault here would abort the window after minutes of work."""

import sys

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter


def test_calls_that_return_nothing_leave_none_alone():
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    painter, colour, rectangle = QPainter(image), QColor("red"), QRectF(0, 0, 4, 4)
    before = sys.getrefcount(None)
    for _ in range(2000):
        painter.fillRect(rectangle, colour)
    lost = before - sys.getrefcount(None)
    painter.end()
    assert lost < 1000, "this PySide6 takes references from None (see decision 0090)"
