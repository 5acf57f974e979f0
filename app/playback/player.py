"""Playing: a clock that says which frame is due; after a hiccup every frame is still shown.

A frame that comes late is shown late, and the next ones as fast as they can be until the clock is met again.
Only who falls further behind than ``CATCH_UP`` frames, because the machine is too slow for the video, skips.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer

from app.view_state import ViewState

CATCH_UP = 3  # frames


class Player(QObject):
    """Moves ``view_state.frame`` at the video's rate times ``speed`` while ``view_state.playing``.

    now: seconds of a clock that never goes back.
    """

    def __init__(self, view_state: ViewState, now: Callable[[], float] = time.perf_counter) -> None:
        super().__init__()
        self._state = view_state
        self._now = now
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.tick)
        self._began = 0.0  # when ``_start_frame`` was shown
        self._start_frame = 0
        self._expected = 0
        self._speed = 1.0
        self.frame_rate = 25.0
        self.loop = False
        view_state.playing_changed.connect(self._on_playing)

    @property
    def speed(self) -> float:
        """How many times as fast as the video was taken."""
        return self._speed

    def set_speed(self, speed: float) -> None:
        """Go on from the frame on the canvas at another speed."""
        self._speed = speed
        self._restart(self._state.frame)

    def tick(self) -> None:
        """Show the frame that is due now, or the next when several are; wake again when another is due."""
        if not self._state.playing:
            return
        frame = self._state.frame
        first, last = self._state.range or (0, self._state.frame_count - 1)
        if frame != self._expected:  # someone sought: play on from there
            self._restart(frame)
        due = self._start_frame + math.floor((self._now() - self._began) * self._rate)
        late = min(due, last) - frame
        if late > 0:
            self._state.go_to(frame + (1 if late <= CATCH_UP else late))
            self._expected = self._state.frame
        elif due > last:
            if not self.loop:
                self._state.go_to(last)
                self._state.set_playing(False)
                return
            self._state.go_to(first)
            self._restart(first)
        self._wait_for(self._state.frame + 1)

    @property
    def _rate(self) -> float:
        """Frames a second."""
        return self.frame_rate * self._speed

    def _wait_for(self, frame: int) -> None:
        seconds = self._began + (frame - self._start_frame) / self._rate - self._now()
        self._timer.start(max(0, math.ceil(1e3 * seconds)))

    def _restart(self, frame: int) -> None:
        self._start_frame = self._expected = frame
        self._began = self._now()

    def _on_playing(self, playing: bool) -> None:
        if not playing:
            self._timer.stop()
            return
        first, last = self._state.range or (0, self._state.frame_count - 1)
        if not first <= self._state.frame < last:
            self._state.go_to(first)
        self._restart(self._state.frame)
        self._wait_for(self._state.frame + 1)
