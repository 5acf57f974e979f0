"""Where tracks were hidden and contested, for the lanes: read from the whole video's evidence on a lane.

Read once, while it is wanted; what a run adds later is read when it comes. The project is read through a
connection of its own.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from app.document_bridge import DocumentBridge
from app.jobs.job import Job
from app.jobs.lane import JobLane
from app.timeline.lane_evidence import RunSpans, frames_by_run, lanes_of
from app.timeline.timeline_view import TimelineView
from app.view_state import ViewState
from stmask_core.document.changes import Diff
from stmask_core.document.records import ModelRun, RunId
from stmask_core.errors import FormatError
from stmask_core.project import Project
from stmask_core.structures.evidence import evidence_from_bytes

FRAMES_PER_STEP = 20  # a reading that is not wanted any more ends at this pace
FRAMES_PER_WORD = 1000
WAIT_MS = 1500  # a run adds frames in bursts; they are read together
Stretch = tuple[RunId, int, int]  # frames [first, stop) of a run
Found = dict[RunId, RunSpans]


class EvidenceLanes(QObject):
    """Fills the timeline's marks of hidden and contested tracks while they are wanted."""

    said = Signal(str)
    failed = Signal(object)  # the exception

    def __init__(
        self, view_state: ViewState, bridge: DocumentBridge, lane: JobLane, timeline: TimelineView
    ) -> None:
        super().__init__()
        self.view_state, self.bridge = view_state, bridge
        self._lane, self._timeline = lane, timeline
        self._wanted = False
        self._job: Job | None = None
        self._read = np.zeros(0, np.int64)  # per frame the run whose evidence is in ``_found``, 0 for none
        self._found: Found = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT_MS)
        self._timer.timeout.connect(self._catch_up)
        view_state.video_changed.connect(self._forget)
        bridge.project_changed.connect(self._forget)
        bridge.document_changed.connect(self._on_diff)

    def set_wanted(self, wanted: bool) -> None:
        """Show the marks, or take them away; what was read is kept for the next time."""
        self._wanted = wanted
        self._catch_up()

    def _on_diff(self, diff: Diff) -> None:
        if self._wanted and "runs" in diff.tables and not self._timer.isActive():
            self._timer.start()

    def _forget(self, _: object = None) -> None:
        self._stop()
        self._read, self._found = np.zeros(0, np.int64), {}
        self._catch_up()

    def _catch_up(self) -> None:
        """Show what is read, and read what is not."""
        video = self.bridge.video(self.view_state.video)
        if not self._wanted or video is None or self.bridge.project is None:
            self._stop()
            self._timeline.show_evidence({})
            return
        runs = list(self.bridge.document.runs.of_video(video.id).values())
        newest = frames_by_run(runs, video.frame_count)
        if len(self._read) != len(newest) or ((self._read != 0) & (self._read != newest)).any():
            self._stop()  # a run went over known frames, or was undone
            self._read, self._found = np.zeros(len(newest), np.int64), {}
        self._show(runs)
        missing = np.where(self._read == newest, 0, newest)
        if missing.any() and self._job is None:
            self._start(self.bridge.project.path, missing)

    def _show(self, runs: list[ModelRun]) -> None:
        self._timeline.show_evidence(lanes_of(runs, self._found))

    def _start(self, path: Path, missing: NDArray[np.int64]) -> None:
        stretches = _stretches(missing)
        job = self._job = self._lane.start("what the model knew", lambda: _steps(path, stretches))
        count = int((missing != 0).sum())

        def on_step(done: int) -> None:
            if done % FRAMES_PER_WORD == 0:
                self.said.emit(self.tr("Reading what the model knew: {0} %").format(100 * done // count))

        def on_found(found: Found) -> None:
            self._job = None
            self._read = np.where(missing != 0, missing, self._read)
            for run, spans in found.items():
                self._found.setdefault(run, RunSpans()).join(spans)
            self._catch_up()

        def on_failed(error: BaseException) -> None:
            self._job = None
            self.failed.emit(error)

        job.yielded.connect(on_step)
        job.succeeded.connect(on_found)
        job.failed.connect(on_failed)

    def _stop(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None


def _stretches(runs: NDArray[np.int64]) -> list[Stretch]:
    """Unbroken frames of one run each. runs: per frame the run, 0 for none."""
    borders = [0, *(np.flatnonzero(np.diff(runs)) + 1).tolist(), len(runs)]
    return [(RunId(int(runs[first])), first, stop) for first, stop in pairwise(borders) if runs[first]]


def _steps(path: Path, stretches: list[Stretch]) -> Generator[int, None, Found]:
    """Yields how many frames are done. A frame whose evidence is damaged shows nothing."""
    found: Found = {}
    done = 0
    with Project.open(path, read_only=True) as project:
        for run, first, stop in stretches:
            spans = found.setdefault(run, RunSpans())
            for frame in range(first, stop):
                data = project.document.evidence(run, frame)
                try:
                    if data is not None:
                        spans.add(frame, evidence_from_bytes(data))
                except FormatError:
                    pass  # the canvas says it of the frame that somebody looks at
                done += 1
                if done % FRAMES_PER_STEP == 0:
                    yield done
    return found
