"""A job: one generator running on a lane, heard on the GUI thread.

The generator knows nothing of Qt. What it yields, returns or raises comes back through signals that are
always delivered on the thread that made the job. After ``cancel()`` nothing is delivered but ``cancelled``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

Work = Callable[[], Generator[Any, None, Any]]


def in_one_step(function: Callable[[], Any]) -> Work:
    """A plain function as work: it yields nothing on its way, and once begun it is not cancelled."""

    def steps() -> Generator[None, None, Any]:
        yield None
        return function()

    return steps


class Job(QObject):
    """Handle of one piece of long work. Its signals are gone once it is over."""

    yielded = Signal(object)
    succeeded = Signal(object)  # what the generator returned
    failed = Signal(object)  # the exception
    cancelled = Signal()
    ended = Signal()  # last, after one of the three above

    _posted = Signal(str, object)

    def __init__(self, name: str, work: Work) -> None:
        super().__init__()
        self.name = name
        self._work = work
        self._cancel = threading.Event()
        self._go_on = threading.Event()
        self._go_on.set()
        self._over = False
        self._posted.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def is_over(self) -> bool:
        """True once ``ended`` was emitted."""
        return self._over

    @property
    def is_paused(self) -> bool:
        """True between ``pause()`` and ``resume()``."""
        return not self._go_on.is_set()

    def cancel(self) -> None:
        """Stop before the next result; results on their way are dropped."""
        self._cancel.set()
        self._go_on.set()

    def pause(self) -> None:
        """Hold the work before its next step."""
        self._go_on.clear()

    def resume(self) -> None:
        """Go on after ``pause()``."""
        self._go_on.set()

    def run(self) -> None:
        """Drive the generator to its end. Called by the lane, on the lane's thread."""
        if self._cancel.is_set():
            self._posted.emit("cancelled", None)
            return
        generator = None
        try:
            generator = self._work()
            while not self._cancel.is_set():
                self._go_on.wait()
                if self._cancel.is_set():
                    break
                self._posted.emit("yielded", next(generator))
            generator.close()
            self._posted.emit("cancelled", None)
        except StopIteration as stop:
            self._posted.emit("succeeded", stop.value)
        except Exception as error:  # noqa: BLE001 - the one door for errors of long work
            if generator is not None:
                generator.close()
            self._posted.emit("failed", error)

    def _deliver(self, kind: str, value: object) -> None:
        if self._over:
            return
        if kind == "yielded":
            if not self._cancel.is_set():
                self.yielded.emit(value)
            return
        self._over = True
        if self._cancel.is_set() or kind == "cancelled":
            self.cancelled.emit()
        elif kind == "succeeded":
            self.succeeded.emit(value)
        else:
            self.failed.emit(value)
        self.ended.emit()
        self.deleteLater()  # with all who listened: they often hold the job, and neither would ever be freed
