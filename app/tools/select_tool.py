"""Select: click a mask; Shift adds to the selection; double-click pins the mask as a human one."""

from __future__ import annotations

from PySide6.QtCore import Qt

from app.canvas.canvas_view import Gesture
from app.tools.tool import Tool


class SelectTool(Tool):
    """The tool the window starts with."""

    name = "select"

    def press(self, gesture: Gesture) -> None:
        """Select what is under the pointer; a click on nothing clears the selection."""
        if gesture.button not in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton):
            return
        state = self.target.view_state
        track = self.target.track_at(gesture.x, gesture.y)
        if gesture.modifiers & Qt.KeyboardModifier.ShiftModifier:
            if track is not None:
                kept = tuple(t for t in state.selection if t != track)
                state.select(kept if track in state.selection else (track, *kept))
        elif gesture.button == Qt.MouseButton.LeftButton or track not in state.selection:
            state.select(() if track is None else (track,))

    def double_click(self, gesture: Gesture) -> None:
        """Take the mask under the pointer as it is: it becomes human."""
        track = self.target.track_at(gesture.x, gesture.y)
        if track is not None:
            self.target.pin(track)


class MergeTool(Tool):
    """Merge in time: click one track, then the other; a preview asks before anything changes."""

    name = "merge"
    cursor = Qt.CursorShape.PointingHandCursor

    def __init__(self, target) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        super().__init__(target)
        self._first: int | None = None

    def press(self, gesture: Gesture) -> None:
        """First click takes a track, the second asks to merge."""
        track = self.target.track_at(gesture.x, gesture.y)
        if track is None:
            return
        self.take(track)

    def take(self, track: int) -> None:
        """A track was clicked, here or in a lane."""
        first, self._first = self._first, None
        if first is None or first == track:
            self._first = track
            self.target.view_state.select((track,))
        else:
            self.target.merge_requested(first, track)

    def cancel(self) -> None:
        """Forget the first click."""
        self._first = None


class JoinTool(Tool):
    """Join on this frame: click another mask to put its pixels into the selected track's mask."""

    name = "join"
    cursor = Qt.CursorShape.PointingHandCursor

    def press(self, gesture: Gesture) -> None:
        """The clicked mask joins the selected one."""
        other = self.target.track_at(gesture.x, gesture.y)
        track = self.target.view_state.track
        if other is None:
            return
        if track is None or track == other:
            self.target.view_state.select((other,))
        else:
            self.target.join(track, other)
