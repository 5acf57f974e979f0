"""Errors on the screen: what happened, what to do, and a report that can be copied."""

from __future__ import annotations

import platform
import sys
import threading
import traceback
from types import TracebackType

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox, QWidget

from stmask_core.errors import DocumentError, StmaskError


def tr(text: str) -> str:
    """Translate a text of this file."""
    return QCoreApplication.translate("errors", text)


def show_error(parent: QWidget | None, error: BaseException) -> None:
    """Show an expected error in words, or a bug with its report. Never blocks the event loop."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    if isinstance(error, StmaskError):
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle(tr("That did not work"))
        box.setText(error.message)
        box.setInformativeText(error.hint)
    else:
        box.setIcon(QMessageBox.Icon.Critical)
        box.setWindowTitle(tr("Something broke"))
        box.setText(tr("The program met an error it did not expect. Your work is on disk."))
        box.setInformativeText(f"{type(error).__name__}: {error}")
        report = report_text(error)
        box.setDetailedText(report)
        copy = box.addButton(tr("Copy report"), QMessageBox.ButtonRole.ActionRole)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(report))
    box.addButton(QMessageBox.StandardButton.Ok)
    box.open()


def report_text(error: BaseException) -> str:
    """Versions and traceback, for a bug report."""
    lines = [f"Python {platform.python_version()} on {platform.platform()}"]
    lines += traceback.format_exception(error)
    return "\n".join(lines)


class UncaughtErrors(QObject):
    """The one door for errors of slots, gestures and threads: they are shown on the GUI thread.

    A command that the document refuses is only said (``refused``); other expected errors and bugs get a box.
    """

    happened = Signal(object)
    refused = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.parent_widget: QWidget | None = None
        self._before = (sys.excepthook, threading.excepthook)
        self.happened.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        """Take over ``sys.excepthook`` and ``threading.excepthook``."""
        self._before = (sys.excepthook, threading.excepthook)
        sys.excepthook = self._on_uncaught
        threading.excepthook = lambda args: self._on_uncaught(
            args.exc_type, args.exc_value, args.exc_traceback
        )

    def remove(self) -> None:
        """Give both hooks back."""
        sys.excepthook, threading.excepthook = self._before

    def _on_uncaught(
        self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, StmaskError):
            self._before[0](kind, error or kind(), trace)
        if error is not None and not issubclass(kind, KeyboardInterrupt):
            self.happened.emit(error)

    def _show(self, error: BaseException) -> None:
        if isinstance(error, DocumentError):
            self.refused.emit(str(error))
        else:
            show_error(self.parent_widget, error)
