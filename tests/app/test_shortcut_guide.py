"""The page of shortcuts says what the table of actions says.

To write the page anew after the table has changed, run this file with ``STMASK_WRITE_GUIDE=1``.
"""

import os

from app.actions import ACTIONS, PRESETS, keys_of
from app.dialogs.shortcuts_dialog import MOUSE
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "guide" / "shortcuts.md"
TOP = """\
# Shortcuts

F1 shows this list in the window, Ctrl+K finds any action by its name. *Edit, Settings and shortcuts…* changes
every key and chooses a preset; two actions with one key are pointed out there. On macOS, Ctrl is Command.

This page is written from the table in `app/actions.py`; a test compares them.
"""


def keys_in_words(keys):
    return " or ".join(f"`{key}`" for key in keys) or "none"


def table(first, second, rows):
    return "\n".join([f"| {first} | {second} |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])


def page():
    """The page that the table of actions asks for."""
    parts = [TOP]
    for menu in dict.fromkeys(spec.menu for spec in ACTIONS):
        rows = [(spec.text, keys_in_words(spec.keys)) for spec in ACTIONS if spec.menu == menu and spec.keys]
        parts.append(f"## {menu}\n\n{table('action', 'keys', rows)}\n")
    parts.append(f"## Mouse and held keys\n\n{table('what', 'does', MOUSE)}\n")
    parts.append("## Presets\n\nA preset changes only these; everything else stays as above.\n")
    for preset in (name for name, changed in PRESETS.items() if changed):
        rows = [
            (spec.text, keys_in_words(keys_of(spec, preset, {})))
            for spec in ACTIONS
            if spec.id in PRESETS[preset]
        ]
        parts.append(f"### {preset}\n\n{table('action', 'keys', rows)}\n")
    return "\n".join(parts)


def test_the_page_is_the_table():
    if os.environ.get("STMASK_WRITE_GUIDE"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()
