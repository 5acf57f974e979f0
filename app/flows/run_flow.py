"""Running the model beside the window: results arrive while it runs, chunk by chunk, as one undo step.

The network lives on the model lane. This thread only writes what arrives into the document, and never over
what a person made.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from app.dialogs.run_dialog import RunDialog
from app.document_bridge import DocumentBridge
from app.errors import show_error
from app.flows.looking import describe_weights, missing_model
from app.flows.run_request import RunRequest
from app.jobs.job import Job, in_one_step
from app.jobs.lane import JobLane
from app.settings import Settings
from app.view_state import ViewState
from stmask_core.document.commands.predictions import PredictedFrame, add_predictions, finish_run
from stmask_core.document.records import CategoryId, RunId, VideoId
from stmask_core.errors import DocumentError

if TYPE_CHECKING:
    from stmask_core.engine.clip import RunSettings
    from stmask_core.engine.session import Model

FLUSH_MS = 150
MOST_RECENT = 8  # weights offered again


@dataclass(frozen=True)
class Loaded:
    """The network is ready; frames follow."""

    model: Model
    settings: RunSettings
    checksum: str


@dataclass
class RunningRun:
    """What is known of the run in progress."""

    request: RunRequest
    video: VideoId
    run: RunId | None = None
    categories: dict[int, CategoryId] | None = None
    waiting: list[PredictedFrame] | None = None
    votes: dict[int, dict[int, int]] | None = None
    begun: float = 0.0
    done: int = 0


class RunFlow(QObject):
    """One run at a time."""

    progress = Signal(int, int, float, float)  # frames done, frames in all, frames per second, seconds left
    state_changed = Signal()
    ended = Signal(str)  # in words
    failed = Signal(str)  # in words
    said = Signal(str)

    def __init__(
        self,
        view_state: ViewState,
        bridge: DocumentBridge,
        lane: JobLane,
        settings: Settings,
        window: QWidget,
    ) -> None:
        super().__init__()
        self._settings = settings
        self.view_state, self.bridge = view_state, bridge
        self._lane, self._window = lane, window
        self._job: Job | None = None
        self._now: RunningRun | None = None
        self._model: tuple[tuple[Any, ...], Model] | None = None  # the last network, kept for the next run
        self._timer = QTimer(self)
        self._timer.setInterval(FLUSH_MS)
        self._timer.timeout.connect(self._flush)

    @property
    def is_running(self) -> bool:
        """True between start and end of a run, paused or not."""
        return self._job is not None

    @property
    def is_paused(self) -> bool:
        """True while a run is held."""
        return self._job is not None and self._job.is_paused

    def ask(self, first: int | None = None) -> None:
        """Ask how to run the model. first: offer the frames from there on instead of the whole video."""
        if self._job is not None:
            raise DocumentError("A run is in progress.", "Cancel it first.")
        state, wishes = self.view_state, self._settings.preferences
        last = max(0, state.frame_count - 1)
        request = RunRequest(
            wishes.weights, first or 0, last, device=wishes.device, precision=wishes.precision
        )
        dialog = RunDialog(
            self._window,
            request,
            state.frame_count,
            frame=state.frame,
            marked=state.range,
            recent=wishes.recent_weights,
            missing=_missing_part(),
        )
        dialog.describe_wanted.connect(partial(self._describe, dialog))
        dialog.confirmed.connect(self._start_and_remember)
        dialog.open()
        if importlib.util.find_spec("torch") is not None:
            self._on_lane("devices", _devices, dialog, dialog.offer_devices)

    def _start_and_remember(self, request: RunRequest) -> None:
        recent = [request.weights, *self._settings.preferences.recent_weights]
        self._settings.update(
            weights=request.weights,
            device=request.device,
            precision=request.precision,
            recent_weights=[w for w in dict.fromkeys(recent) if w != "demo"][:MOST_RECENT],
        )
        self.start(request)

    def _describe(self, dialog: RunDialog, weights: str) -> None:
        job = self._on_lane(
            "look",
            partial(describe_weights, weights),
            dialog,
            lambda text: dialog.show_description(weights, text, True),
        )
        job.failed.connect(lambda error: dialog.show_description(weights, str(error), False))

    def _on_lane(
        self, name: str, look: Callable[[], Any], dialog: RunDialog, show: Callable[[Any], object]
    ) -> Job:
        """Something slow that a dialog waits for; forgotten when it closes."""
        job = self._lane.start(name, in_one_step(look))
        job.succeeded.connect(show)
        dialog.finished.connect(job.cancel)
        return job

    @property
    def frame_count(self) -> int:
        """Frames that the run in progress goes over; 0 without one."""
        return 0 if self._now is None else self._now.request.last - self._now.request.first + 1

    def stop_now(self) -> None:
        """Write what has arrived and let go of the run at once: its project is about to be closed."""
        job, self._job = self._job, None
        if job is not None:
            job.cancelled.disconnect()
            job.cancel()
            self._end(self.tr("Run cancelled; {0} frames are kept."))

    def start(self, request: RunRequest) -> None:
        """Run the model over frames of the video on the canvas."""
        if self._job is not None:
            raise DocumentError("A run is in progress.", "Cancel it first.")
        record = self.bridge.video(self.view_state.video)
        if record is None or self.bridge.project is None:
            raise DocumentError("There is no video to run the model on.", "Open one first.")
        if self.bridge.document.read_only_reason:
            raise DocumentError(
                "The project is open for reading only.", self.bridge.document.read_only_reason
            )
        path = self.bridge.project.find_video(record.id)
        self._now = RunningRun(request, record.id, waiting=[], votes={})
        job = self._lane.start("run", lambda: self._steps(request, path))
        job.yielded.connect(self._on_yielded)
        job.succeeded.connect(lambda _: self._end(self.tr("The model has gone over {0} frames.")))
        job.cancelled.connect(lambda: self._end(self.tr("Run cancelled; {0} frames are kept.")))
        job.failed.connect(self._on_failed)
        self._job = job
        self.said.emit(self.tr("Loading the network…"))
        self._timer.start()
        self.state_changed.emit()

    def toggle_pause(self) -> None:
        """Hold the run, or go on."""
        if self._job is not None:
            if self._job.is_paused:
                self._job.resume()
            else:
                self._job.pause()
            self.state_changed.emit()

    def cancel(self) -> None:
        """Stop; what is written stays."""
        if self._job is not None:
            self._flush()
            self._job.cancel()

    def _steps(self, request: RunRequest, video: Path) -> Generator[object, None, None]:
        """On the model lane: load, then answer frame by frame."""
        try:
            from stmask_core.engine.clip import ClipRun
            from stmask_core.engine.demo_weights import weights_path
            from stmask_core.pre_label import file_checksum, predicted_frame
            from stmask_core.video.source import open_video
        except ImportError as error:
            raise missing_model(error) from error
        weights = weights_path(request.weights)
        model = self._network(request, weights)
        settings = _settings_of(request, model)
        numbers = {number: CategoryId(number) for number in range(1, len(model.categories) + 1)}
        yield Loaded(model, settings, file_checksum(weights))
        with open_video(video) as source:
            clip = ClipRun(model, settings, first=request.first)
            for result in clip.results(source.frames(request.first, request.last + 1)):
                yield predicted_frame(result, numbers)

    def _network(self, request: RunRequest, weights: Path) -> Model:
        from stmask_core.engine.session import load_model

        wanted = (weights, weights.stat().st_mtime_ns, request.categories, request.device, request.precision)
        if self._model is None or self._model[0] != wanted:
            self._model = None  # let go of the old network before the new one is read
            model = load_model(weights, request.categories or None, request.device, request.precision)  # type: ignore[arg-type]
            self._model = (wanted, model)
        return self._model[1]

    def _on_yielded(self, value: object) -> None:
        now = self._now
        if now is None:
            return
        if isinstance(value, Loaded):
            self._begin(now, value)
        elif isinstance(value, PredictedFrame) and now.waiting is not None:
            now.waiting.append(value)

    def _begin(self, now: RunningRun, loaded: Loaded) -> None:
        from stmask_core.pre_label import RunPlan, begin_run, project_categories

        document = self.bridge.document
        now.categories = project_categories(document, loaded.model.categories)
        first, last = now.request.first, now.request.last
        plan = RunPlan(now.video, first, last, now.request.weights, loaded.checksum)
        now.run = begin_run(document, plan, loaded.model, loaded.settings).id
        now.begun = time.monotonic()
        precision = loaded.model.precision
        self.said.emit(self.tr("Running {0} ({1}).").format(loaded.model.name, precision))
        for notice in loaded.model.notices:
            self.said.emit(notice)

    def _flush(self) -> None:
        """Write what has arrived: one transaction."""
        now = self._now
        if now is None or now.run is None or not now.waiting or now.categories is None or now.votes is None:
            return
        frames, now.waiting = now.waiting, []
        for frame in frames:
            for prediction in frame.predictions:
                votes = now.votes.setdefault(prediction.number, {})
                votes[prediction.category] = votes.get(prediction.category, 0) + 1
        known = now.categories
        named = [
            replace(f, predictions=tuple(replace(p, category=known[p.category]) for p in f.predictions))
            for f in frames
        ]
        add_predictions(self.bridge.document, now.run, named)
        now.done += len(frames)
        count = now.request.last - now.request.first + 1
        speed = now.done / max(1e-6, time.monotonic() - now.begun)
        self.progress.emit(now.done, count, speed, (count - now.done) / max(speed, 1e-6))

    def _end(self, text: str) -> None:
        now = self._now
        self._flush()
        if now is not None and now.run is not None and now.votes is not None and now.categories is not None:
            known = now.categories
            winners = {
                number: known[min(votes, key=lambda c: (-votes[c], c))] for number, votes in now.votes.items()
            }
            finish_run(self.bridge.document, now.run, categories=winners)
        self._stop()
        self.ended.emit(text.format(0 if now is None else now.done))

    def _on_failed(self, error: Exception) -> None:
        self._flush()
        self._stop()
        self.failed.emit(str(error))
        show_error(self._window, error)

    def _stop(self) -> None:
        self._timer.stop()
        self._job, self._now = None, None
        self.state_changed.emit()


def _missing_part() -> str | None:
    """What to install before a network can run; None when it is there."""
    absent = [name for name in ("torch", "safetensors") if importlib.util.find_spec(name) is None]
    return str(missing_model(ImportError(name=absent[0]))) if absent else None


def _devices() -> list[tuple[str, str]]:
    """Graphics cards that torch can use: value and text."""
    import torch

    return [(f"cuda:{n}", torch.cuda.get_device_name(n)) for n in range(torch.cuda.device_count())]


def _settings_of(request: RunRequest, model: Model) -> RunSettings:
    from stmask_core.engine.clip import RunSettings
    from stmask_core.model.postprocess import DetectionSettings

    association = model.association
    if request.retire is not None:
        association = replace(association, retire_after=request.retire)
    return RunSettings(
        detection=DetectionSettings(suppression=model.suppression),
        association=association,
        resize="letterbox" if request.letterbox else "squash",
        batch=request.batch,
        temporal_fusion=request.temporal,
    )
