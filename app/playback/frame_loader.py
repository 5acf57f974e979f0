"""Frames for the screen: decoded beside the window, the latest wish first.

One thread owns one video source. ``request(frame)`` never queues: a newer wish replaces an older one that has
not begun. While idle the thread reads ahead in the direction of travel until the cache is full.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal

from stmask_core.errors import StmaskError

PATIENCE_S = 0.1  # without another wish, before the thread reads ahead around a jump


class FrameSource(Protocol):
    """What the loader needs of a video source."""

    def __len__(self) -> int: ...
    def frame(self, n: int) -> np.ndarray: ...
    def close(self) -> None: ...


class FrameLoader(QObject):
    """Delivers ``frame_ready(frame, image)`` on the GUI thread; image is (H, W, 3) uint8 RGB."""

    frame_ready = Signal(int, object)
    frame_failed = Signal(int, object)  # frame, StmaskError
    cached_changed = Signal()

    _arrived = Signal(int, int, object)  # generation, frame, image or error

    def __init__(self, budget_bytes: int = 512 << 20, ahead: int = 48) -> None:
        super().__init__()
        self._budget = budget_bytes
        self._ahead = ahead
        self._cache: OrderedDict[int, np.ndarray] = OrderedDict()
        self._cache_bytes = 0
        self._lock = threading.Condition()
        self._wish: int | None = None
        self._around = 0
        self._direction = 1
        self._generation = 0
        self._open: Callable[[], FrameSource] | None = None
        self._thread: threading.Thread | None = None
        self._shown = -1
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def show(self, open_source: Callable[[], FrameSource] | None) -> None:
        """Turn to another source, opened on the loader's own thread; None closes."""
        self.close()
        self._shown = -1
        if open_source is not None:
            self._open = open_source
            generation = self._generation
            self._thread = threading.Thread(
                target=self._drive, args=(open_source, generation), name="frames", daemon=True
            )
            self._thread.start()
        self.cached_changed.emit()

    def request(self, frame: int, direction: int = 1) -> None:
        """Ask for ``frame``; delivered at once when cached."""
        with self._lock:
            image = self._cache.get(frame)
            self._around, self._direction = frame, direction
            self._wish = frame if image is None else None
            self._lock.notify()
        if image is not None:
            self.frame_ready.emit(frame, image)

    def cached(self, frame: int) -> np.ndarray | None:
        """The image when it is in memory."""
        with self._lock:
            return self._cache.get(frame)

    def cached_frames(self) -> list[int]:
        """Frames in memory, ascending."""
        with self._lock:
            return sorted(self._cache)

    def close(self) -> None:
        """Stop the thread and let the frames go; nothing arrives afterwards."""
        with self._lock:
            self._generation += 1
            self._wish = None
            self._lock.notify()
        if self._thread is not None:
            self._thread.join(5)
            self._thread = None
        with self._lock:
            self._cache.clear()
            self._cache_bytes = 0

    def _deliver(self, generation: int, frame: int, result: object) -> None:
        if generation != self._generation:
            return
        if isinstance(result, StmaskError):
            self.frame_failed.emit(frame, result)
        elif result is None:
            self.cached_changed.emit()
        else:
            self.frame_ready.emit(frame, result)
            self.cached_changed.emit()

    def _drive(self, open_source: Callable[[], FrameSource], generation: int) -> None:
        try:
            source = open_source()
        except StmaskError as error:
            self._arrived.emit(generation, 0, error)
            return
        try:
            self._serve(source, generation)
        finally:
            source.close()

    def _serve(self, source: FrameSource, generation: int) -> None:
        count, last, jumped = len(source), 0, False
        while True:
            with self._lock:
                frame, wished = self._next(count)
                patient = True
                while generation == self._generation:
                    if frame is None:
                        self._lock.wait()
                    elif patient and not wished and (jumped or abs(frame - last) > 1):
                        # A newer wish would have to wait for what is read ahead here: someone who has jumped
                        # may jump again, and painting what was jumped to needs the processors.
                        patient = self._lock.wait(PATIENCE_S)
                    else:
                        break
                    frame, wished = self._next(count)
                if generation != self._generation:
                    return
                if wished:
                    self._wish = None
            assert frame is not None
            jumped, last = abs(frame - last) > 1, frame
            try:
                image = source.frame(frame)
            except StmaskError as error:
                if wished:
                    self._arrived.emit(generation, frame, error)
                else:
                    with self._lock:  # do not read ahead into damage
                        self._around, self._direction = self._around, 0
                continue
            with self._lock:
                if generation != self._generation:
                    return
                self._keep(frame, image)
            self._arrived.emit(generation, frame, image if wished else None)

    def _next(self, count: int) -> tuple[int | None, bool]:
        """The frame to decode now and whether someone waits for it. Called with the lock held."""
        if self._wish is not None:
            return self._wish, True
        if self._direction == 0 or not self._cache:
            return None, False
        size = next(iter(self._cache.values())).nbytes
        reach = min(self._ahead, max(1, self._budget // max(1, size) // 2))
        for step in range(1, reach + 1):
            frame = self._around + step * self._direction
            if not 0 <= frame < count:
                break
            if frame not in self._cache:
                return frame, False
        return None, False

    def _keep(self, frame: int, image: np.ndarray) -> None:
        """Store and drop what is farthest from the playhead. Called with the lock held."""
        self._cache[frame] = image
        self._cache_bytes += image.nbytes
        while self._cache_bytes > self._budget and len(self._cache) > 1:
            far = max(self._cache, key=lambda f: abs(f - self._around))
            self._cache_bytes -= self._cache.pop(far).nbytes
