"""What a look into another tool's file finds, and how formats and categories are called. No widgets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QCoreApplication


@dataclass(frozen=True)
class FileCategory:
    """A category of a file. key: its name, or its number as text; name: empty when only that is known.

    The key ``*`` stands for all objects of a file that says nothing of categories.
    """

    key: str
    name: str


@dataclass(frozen=True)
class Look:
    """What somebody should look into. format: "" when it is to be found out."""

    source: Path
    format: str
    dataset: Path | None = None
    first_frame: int | None = None


@dataclass(frozen=True)
class FileContents:
    """What a look found. videos: their names. warnings: what was read differently from how it was written."""

    format: str
    categories: tuple[FileCategory, ...]
    videos: tuple[str, ...]
    tracks: int
    warnings: tuple[str, ...] = ()


def tr(text: str) -> str:
    """Translate a text of this file that belongs to no widget."""
    return QCoreApplication.translate("exchange", text)


def format_title(format_: str) -> str:
    """A format of the command line, for people."""
    return {
        "ytvis": tr("YouTube-VIS annotations (JSON)"),
        "ytvis-results": tr("YouTube-VIS results (JSON)"),
        "coco": tr("COCO, frame by frame (JSON)"),
        "davis": tr("DAVIS pictures (PNG)"),
        "mots": tr("MOTS pictures (PNG)"),
        "mots-txt": tr("MOTS text"),
        "csv": tr("Table (CSV)"),
        "video": tr("Video with masks (MP4)"),
    }.get(format_, format_)


def category_title(category: FileCategory) -> str:
    """How a category of a file is called in words."""
    if category.key == "*":
        return tr("Every object")
    if not category.name:
        return tr("Number {0}").format(category.key)
    return category.name if category.name == category.key else f"{category.key}: {category.name}"
