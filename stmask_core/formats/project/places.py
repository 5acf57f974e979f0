"""How a project writes down where its videos are: relative to itself where possible, forward slashes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from stmask_core.document.records import Video


def stored_place(place: Path, home: Path) -> str:
    """The text kept in a project in the folder ``home`` for a video at ``place``."""
    try:
        return Path(os.path.relpath(place.absolute(), home.absolute())).as_posix()
    except ValueError:  # another drive on Windows
        return place.absolute().as_posix()


def in_another_folder(video: Video, old: Path, new: Path) -> Video:
    """The record of a video when its project is copied from the folder ``old`` to ``new``."""
    if Path(video.path).is_absolute():
        return video
    return replace(video, path=stored_place(old.absolute() / video.path, new))
