"""Dialogs that ask once: gone for good when they close, where a parent would keep them to the end."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

Asks = TypeVar("Asks", bound=QWidget)


def passing(widget: Asks) -> Asks:
    """The same dialog or menu, deleted after it has closed and has told what was chosen."""
    widget.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return widget
