"""A replay written into the document while the model lane computes it: one chunk at a time, one undo step."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from app.jobs.job import Job
from stmask_core.cli.replay import ReplayWriter
from stmask_core.document.commands.predictions import PredictedFrame
from stmask_core.errors import StmaskError

WRITE_MS = 15
MOST_WAITING, FEW_WAITING = 8, 3  # chunks that the lane is ahead of the document


class ReplayWriting(QObject):
    """Takes chunks as they are computed and writes them between the window's other work."""

    progress = Signal(int, int)  # frames done, frames in all
    written = Signal(object)  # ReplayWriter, when all is in the document
    failed = Signal(object)  # the exception; what was written is taken back

    def __init__(self) -> None:
        super().__init__()
        self._writer: ReplayWriter | None = None
        self._job: Job | None = None
        self._waiting: list[list[PredictedFrame]] = []
        self._frames = self._done = 0
        self._is_computed = False
        self._timer = QTimer(self)
        self._timer.setInterval(WRITE_MS)
        self._timer.timeout.connect(self._write)

    @property
    def is_active(self) -> bool:
        """True from the beginning until all is written or taken back."""
        return self._writer is not None

    def begin(self, writer: ReplayWriter, job: Job, frames: int) -> None:
        """Write what ``job`` yields, chunks of ``frames`` frames in all."""
        self._writer, self._job, self._waiting = writer, job, []
        self._frames, self._done, self._is_computed = frames, 0, False
        job.yielded.connect(self._take)
        self.progress.emit(0, frames)
        self._timer.start()

    def finish_when_written(self) -> None:
        """Everything is computed: the end is when it is written too."""
        self._is_computed = True

    def take_back(self) -> None:
        """Leave off; what is half written is undone."""
        writer = self._end()
        if writer is not None:
            writer.take_back()

    def _take(self, chunk: list[PredictedFrame]) -> None:
        if self._writer is not None:
            self._waiting.append(chunk)
            if len(self._waiting) >= MOST_WAITING and self._job is not None:
                self._job.pause()

    def _write(self) -> None:
        """Write a chunk; behind the last one, tidy up."""
        if self._writer is None:
            return
        if self._waiting:
            chunk = self._waiting.pop(0)
            try:
                self._writer.write(chunk)
            except StmaskError as error:
                self.take_back()
                self.failed.emit(error)
                return
            self._done += len(chunk)
            self.progress.emit(self._done, self._frames)
            if len(self._waiting) <= FEW_WAITING and self._job is not None:
                self._job.resume()
        elif self._is_computed:
            writer = self._writer
            writer.finish()
            self._end()
            self.written.emit(writer)

    def _end(self) -> ReplayWriter | None:
        writer, self._writer, self._job = self._writer, None, None
        self._timer.stop()
        return writer
