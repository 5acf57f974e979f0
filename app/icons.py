"""Icons of actions, from the Material Design Icons font that QtAwesome carries; coloured by the theme."""

from __future__ import annotations

import os
from collections.abc import Mapping

os.environ["QT_API"] = "pyside6"  # QtPy, below QtAwesome, looks for a binding: there is one

import qtawesome
from PySide6.QtGui import QAction

ICONS = {
    "tool_select": "cursor-default-outline",
    "tool_brush": "brush",
    "tool_eraser": "eraser",
    "tool_polygon": "vector-polygon",
    "tool_lasso": "lasso",
    "tool_box": "vector-square",
    "tool_fill": "format-color-fill",
    "tool_wand": "auto-fix",
    "tool_grabcut": "crop-free",
    "tool_slice": "knife",
    "tool_join": "vector-union",
    "tool_merge": "call-merge",
    "open_video": "movie-open-outline",
    "open_folder": "folder-image",
    "open_project": "folder-open-outline",
    "undo": "undo",
    "redo": "redo",
    "export": "export",
    "import": "import",
    "play": "play",
    "next_frame": "step-forward",
    "previous_frame": "step-backward",
    "loop": "repeat",
    "display": "brightness-6",
    "validate": "check-all",
    "run": "robot-outline",
    "settings": "cog-outline",
    "cut_track": "content-cut",
    "swap_tracks": "swap-horizontal",
    "merge_tracks": "call-merge",
    "lock_track": "lock-outline",
    "hide_track": "eye-off-outline",
    "delete_track": "delete-outline",
    "delete_mask": "backspace-outline",
    "add_note": "note-plus-outline",
    "pin": "pin-outline",
}


def apply_icons(actions: Mapping[str, QAction], colour: str, faint: str) -> None:
    """Give the actions their icons in the theme's text colours."""
    for name, icon in ICONS.items():
        actions[name].setIcon(qtawesome.icon(f"mdi6.{icon}", color=colour, color_disabled=faint))


def show_playing(play: QAction, playing: bool, colour: str, faint: str) -> None:
    """The icon of what pressing "play" would do now."""
    icon = "pause" if playing else "play"
    play.setIcon(qtawesome.icon(f"mdi6.{icon}", color=colour, color_disabled=faint))
