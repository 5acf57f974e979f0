"""The real window, from its start to its end."""

from __future__ import annotations

from contextlib import contextmanager

from PySide6.QtCore import QCoreApplication, QEvent, QObject

from app import run


@contextmanager
def real_window(settings):
    """The window as a user's start builds it. Afterwards it is gone, with all its widgets.

    A window that stays makes every later one slower: a style sheet is laid over all widgets of the process.
    """
    window = run.start([], settings)
    try:
        yield window
    finally:
        window.main.ask_to_close = lambda: True
        window.main.close()
        window.close(run.LAST_PATIENCE_S)
        for part in vars(window).values():
            if isinstance(part, QObject) and part is not window.application:
                part.deleteLater()  # what waits for a timer too
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
