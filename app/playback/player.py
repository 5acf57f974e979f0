"""Playing: a clock that says which frame is due; late frames are skipped, never queued."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer

from app.view_state import ViewState


class Player(QObject):
    """Moves ``view_state.frame`` at the video's rate times ``speed`` while ``view_state.playing``."""

    def __init__(self, view_state: ViewState) -> None:
        super().__init__()
        self._state = view_state
        self._clock = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.tick)
        self._start_frame = 0
        self._expected = 0
        self.frame_rate = 25.0
        self.speed = 1.0
        self.loop = False
        self.skipped = 0  # frames that were due but not shown since playing began
        view_state.playing_changed.connect(self._on_playing)

    def tick(self) -> None:
        """Show the frame that is due now."""
        due = self._start_frame + int(self._clock.elapsed() / 1000 * self.frame_rate * self.speed)
        first, last = self._state.range or (0, self._state.frame_count - 1)
        if self._state.frame != self._expected:  # someone sought: play on from there
            self._restart(self._state.frame)
            return
        if due > last:
            if not self.loop:
                self._state.go_to(last)
                self._state.set_playing(False)
                return
            self._state.go_to(first)
            self._restart(first)
            return
        if due != self._state.frame:
            self.skipped += max(0, due - self._state.frame - 1)
            self._state.go_to(due)
            self._expected = self._state.frame

    def _restart(self, frame: int) -> None:
        self._start_frame = self._expected = frame
        self._clock.start()

    def _on_playing(self, playing: bool) -> None:
        if not playing:
            self._timer.stop()
            return
        first, last = self._state.range or (0, self._state.frame_count - 1)
        if not first <= self._state.frame < last:
            self._state.go_to(first)
        self.skipped = 0
        self._restart(self._state.frame)
        self._timer.start(max(4, int(500 / (self.frame_rate * self.speed))))
