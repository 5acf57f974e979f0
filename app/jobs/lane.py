"""A lane: one thread that runs jobs one after the other."""

from __future__ import annotations

import os
import queue
import sys
import threading

from app.jobs.job import Job, Work

BEHIND = 5  # niceness of the threads that work beside the window, and of those that torch starts from them


class JobLane:
    """Runs jobs in order on one thread of its own, which starts with the first job.

    There are two: the *model* lane (the device belongs to it) and the *file* lane (import, export, probing).
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._jobs: list[Job] = []

    def start(self, name: str, work: Work) -> Job:
        """Queue ``work``, a function that makes a generator; the generator runs on the lane."""
        job = Job(name, work)
        self._jobs.append(job)
        job.ended.connect(lambda: self._jobs.remove(job))
        if self._thread is None:
            self._thread = threading.Thread(target=self._drive, name=self.name, daemon=True)
            self._thread.start()
        self._waiting.put(job)
        return job

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Jobs running or waiting."""
        return tuple(self._jobs)

    def close(self, timeout_s: float = 2.0) -> bool:
        """Cancel everything and wait; True when the thread ended in time. May be called again to wait on."""
        for job in self._jobs:
            job.cancel()
        if self._thread is None:
            return True
        self._waiting.put(None)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self._thread = None
        return True

    def _drive(self) -> None:
        _step_back()
        while (job := self._waiting.get()) is not None:
            job.run()


def _step_back() -> None:
    """Let the window go first when processors are scarce. Only on Linux a thread has its own niceness."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BEHIND)
