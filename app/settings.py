"""What a user prefers: one dataclass, stored sparsely, applied at once."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, QSettings, Signal


@dataclass(frozen=True)
class Preferences:
    """Every user setting with its default. A stored value of the wrong type falls back to the default."""

    theme: str = "dark"  # dark, light, system
    colour_blind: bool = False  # eight colours that everyone can tell apart
    shortcut_preset: str = "standard"  # standard, cvat, labelme
    shortcuts: dict[str, str] = field(default_factory=dict)  # action id -> key sequence, over the preset
    recent: list[str] = field(default_factory=list)  # project paths, newest first
    weights: str = "demo"
    recent_weights: list[str] = field(default_factory=list)  # paths, newest first
    device: str = "auto"
    precision: str = "auto"
    tour_seen: bool = False
    strips: list[str] = field(default_factory=list)  # diagnostics on the timeline; empty: the usual ones
    language: str = ""  # "" follows the system


class Settings(QObject):
    """Preferences with one signal; only values that differ from the default are written."""

    changed = Signal(object)  # Preferences

    def __init__(self, store: QSettings | None = None) -> None:
        super().__init__()
        self.store = store or QSettings("stmask", "annotator")
        self.preferences = self._read()

    def update(self, **values: object) -> None:
        """Change preferences by name, write them, tell everyone."""
        new = dataclasses.replace(self.preferences, **values)  # type: ignore[arg-type]
        if new == self.preferences:
            return
        self.preferences = new
        default = Preferences()
        for item in dataclasses.fields(Preferences):
            value = getattr(new, item.name)
            if value == getattr(default, item.name):
                self.store.remove(item.name)
            else:
                self.store.setValue(item.name, json.dumps(value))
        self.store.sync()
        self.changed.emit(new)

    def note_recent(self, path: str) -> None:
        """Put a project first in the recent list (at most 12)."""
        others = [p for p in self.preferences.recent if p != path]
        self.update(recent=[path, *others][:12])

    def _read(self) -> Preferences:
        default = Preferences()
        values: dict[str, object] = {}
        for item in dataclasses.fields(Preferences):
            raw = self.store.value(item.name)
            try:
                value = json.loads(raw) if isinstance(raw, str) else None
            except json.JSONDecodeError:
                value = None
            if type(value) is type(getattr(default, item.name)):
                values[item.name] = value
        return Preferences(**values)  # type: ignore[arg-type]
