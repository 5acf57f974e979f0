"""What the replay dialog shows beside the window, and what it asks of it."""

from __future__ import annotations

from collections.abc import Callable

from app.dialogs.replay_dialog import ReplayDialog
from app.window import Window


def connect_replay(w: Window, go_to: Callable[[int, int | None], None]) -> None:
    """Connect the dialog with the window. go_to: frame, track."""
    flow = w.replay_flow

    def on_opened(dialog: ReplayDialog) -> None:
        dialog.go_to.connect(go_to)
        dialog.addActions([w.actions.by_id[name] for name in ("undo", "redo")])  # their keys work there too

    flow.opened.connect(on_opened)
    flow.said.connect(w.main.say)
    w.run_flow.state_changed.connect(lambda: flow.hold(w.run_flow.is_running))
