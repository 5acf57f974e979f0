"""Two small questions: which frame to go to, and what this program is."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QInputDialog, QMessageBox, QWidget

from app.dialogs.passing import passing


def tr(text: str) -> str:
    """Translate a text of this file."""
    return QCoreApplication.translate("about", text)


def ask_frame(parent: QWidget, frame: int, frame_count: int, then: Callable[[int], None]) -> None:
    """Ask for a frame number and go there."""
    dialog = passing(QInputDialog(parent))
    dialog.setWindowTitle(tr("Go to frame"))
    dialog.setLabelText(tr("Frame, 0 to {0}").format(frame_count - 1))
    dialog.setInputMode(QInputDialog.InputMode.IntInput)
    dialog.setIntRange(0, max(0, frame_count - 1))
    dialog.setIntValue(frame)
    dialog.intValueSelected.connect(then)
    dialog.open()


def show_about(parent: QWidget) -> None:
    """Name, version, licences of what the window stands on."""
    try:
        number = version("stmask-annotator")
    except PackageNotFoundError:
        number = tr("(not installed as a package)")
    box = passing(QMessageBox(parent))
    box.setWindowTitle(tr("About"))
    box.setText(tr("STMask Annotator {0}").format(number))
    box.setInformativeText(
        tr(
            "Finds, masks and tracks every object in a video with STMask (Li et al., CVPR 2021), "
            "and lets you repair what it found."
        )
    )
    box.setStandardButtons(QMessageBox.StandardButton.Ok)
    box.open()
