"""Start of the window: ``python main.py [VIDEO, FOLDER or PROJECT]``, the same as ``stmask annotate``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication

from app.panel_wiring import start_tour
from app.wiring import Window, build_window

LAST_PATIENCE_S = 30.0  # a batch of frames on a slow processor


def application() -> QApplication:
    """The one application object of this process."""
    found = QApplication.instance() or QApplication([sys.argv[0]])
    assert isinstance(found, QApplication)
    found.setApplicationName("STMask Annotator")
    found.setOrganizationName("stmask")
    return found


def start(arguments: Sequence[str], settings: QSettings | None = None) -> Window:
    """Build the window, show it, and open what was asked for. The caller runs the event loop."""
    window = build_window(application(), settings)
    window.main.show()
    if arguments:
        QTimer.singleShot(
            0, lambda: window.open_flow.open_dropped([str(Path(a).absolute()) for a in arguments])
        )
    return window


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the window until it is closed; returns the exit status."""
    window = start(sys.argv[1:] if arguments is None else arguments)
    if not window.settings.preferences.tour_seen:
        QTimer.singleShot(0, lambda: start_tour(window))
    try:
        return QApplication.exec()
    finally:
        window.close(LAST_PATIENCE_S)
