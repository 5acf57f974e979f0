"""Replay in the window: record a run once, decide its identities again with other constants, apply.

Everything that computes is on the model lane; this thread only writes into the document. Of replays the
newest wins. The network is loaded when a replay first needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from app.dialogs.replay_dialog import ReplayDialog
from app.document_bridge import DocumentBridge
from app.errors import show_error
from app.flows.replay_steps import Comparison, Found, apply_steps, look, record_steps, replay_steps
from app.flows.replay_writing import ReplayWriting
from app.jobs.job import Job, in_one_step
from app.jobs.lane import JobLane
from app.panels.replay_rows import GREY, RunTrack, rows_of_replay
from app.settings import Settings
from app.view_state import ViewState
from stmask_core.cli.recordings import RecordedRun, model_of_run, run_of_video
from stmask_core.cli.replay import Once, ReplayWriter
from stmask_core.document.changes import Diff
from stmask_core.document.records import ModelRun, RunId
from stmask_core.errors import CheckpointError, FormatError, InferenceError, MissingDependency, StmaskError
from stmask_core.tracking.association import AssociationSettings
from stmask_core.tracking.constants import constants_of_run

if TYPE_CHECKING:
    from stmask_core.engine.replay import ReplayTally
    from stmask_core.engine.session import Model

WAIT_MS = 300  # after the last change of a constant
Task = Literal["look", "replay", "record", "apply"]


class ReplayFlow(QObject):
    """One recording, replay or application at a time, in one dialog beside the window."""

    opened = Signal(object)  # ReplayDialog, when it is made
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
        self.view_state, self.bridge = view_state, bridge
        self._lane, self._settings, self._window = lane, settings, window
        self.dialog: ReplayDialog | None = None
        self._runs: RecordedRun | None = None
        self._job: Job | None = None
        self._task: Task | None = None
        self._writing = ReplayWriting()
        self._before: tuple[RunId, ReplayTally] | None = None  # the run as it is
        self._after: tuple[AssociationSettings, ReplayTally] | None = None  # what is shown
        self._applied: tuple[RunId, str] | None = None  # the run that was written last, and what to say of it
        self._weights: str | None = None
        self._network: tuple[RunId, Once] | None = None
        self._model_runs = False
        self._replay_soon = self._timer(WAIT_MS, self._replay, once=True)
        self._look_soon = self._timer(0, self._look, once=True)
        self._writing.progress.connect(self._on_written_so_far)
        self._writing.written.connect(self._on_written)
        self._writing.failed.connect(self._on_unwritten)
        view_state.video_changed.connect(lambda _: self._on_video())
        bridge.document_changed.connect(self._on_diff)

    @property
    def is_busy(self) -> bool:
        """True while something is looked for, computed, recorded or applied, or about to be."""
        soon = self._look_soon.isActive() or self._replay_soon.isActive()
        return soon or self._job is not None or self._writing.is_active

    def ask(self) -> None:
        """Show the dialog, with what there is to replay."""
        if self.dialog is None:
            self.dialog = self._make_dialog()
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()
        self.dialog.show_frame(self.view_state.frame)
        self._look()

    def hold(self, model_runs: bool) -> None:
        """A run of the model has begun, or has ended."""
        if model_runs != self._model_runs:
            self._model_runs = model_runs
            self._look_soon.start()

    def stop_now(self) -> None:
        """Leave off whatever is under way; a replay that is half written is taken back."""
        self._drop_job()
        self._writing.take_back()

    # what there is

    def _look(self) -> None:
        """Find the newest run of the video and whether there is a recording of it."""
        dialog = self.dialog
        if dialog is None or not dialog.isVisible() or self._task in ("record", "apply"):
            return
        self._drop_job()
        self._runs = None
        record = self.bridge.video(self.view_state.video)
        if record is None or self.bridge.project is None:
            dialog.show_unavailable(self.tr("Open a video first."))
        elif self._model_runs:
            dialog.show_unavailable(self.tr("The model is running. Replay when it is done."))
        elif not self.bridge.document.runs.of_video(record.id):
            dialog.show_unavailable(self.tr("No model has gone over this video. Run one first."))
        else:
            try:
                runs = run_of_video(self.bridge.document, record.id)
                constants = constants_of_run(runs.latest.settings.get("association", {}))
            except FormatError as error:
                dialog.show_unavailable(str(error))
                return
            self._runs = runs
            dialog.form.show_run(constants)
            dialog.refuse_to_apply(self.bridge.document.read_only_reason)
            path = self.bridge.project.path
            self._start("look", in_one_step(partial(look, path, runs)), self._on_found)

    def _on_found(self, found: Found) -> None:
        dialog, runs = self.dialog, self._runs
        assert dialog is not None
        assert runs is not None, "a look begins with the runs"
        if found.has_recording:
            dialog.show_ready(found.has_maps)
            self._replay()
            return
        frames = runs.source.last - runs.source.first + 1
        why = self.tr("This run has not been recorded yet.") if found.why is None else found.why
        what = self.tr(
            "Recording runs the model over its {0} frames again and keeps what it compared, in a file beside"
            " the project. Nothing in the project changes."
        ).format(f"{frames:,}")
        dialog.show_unrecorded(f"{why}\n\n{what}")

    # replaying

    def _replay(self) -> None:
        dialog, runs, project = self.dialog, self._runs, self.bridge.project
        if dialog is None or runs is None or project is None or self._task in ("record", "apply"):
            return
        self._drop_job()
        before = None
        if self._before is not None and self._before[0] == runs.latest.id:
            before = self._before[1]
        steps = partial(
            replay_steps,
            project.path,
            runs,
            dialog.settings,
            None if dialog.estimate.isChecked() else self._network_of(runs.source),
            before,
        )
        job = self._start("replay", steps, partial(self._on_replayed, dialog.settings))
        passes = (before is None) + (not dialog.form.is_the_runs)
        self._tell(self.tr("Replaying…"), job, (runs.source.last - runs.source.first + 1) * passes)

    def _on_replayed(self, settings: AssociationSettings, found: Comparison) -> None:
        dialog, runs = self.dialog, self._runs
        assert dialog is not None
        assert runs is not None, "a replay begins with the runs"
        self._before, self._after = (runs.latest.id, found.before), (settings, found.after)
        note = self._applied[1] if self._applied and self._applied[0] == runs.latest.id else ""
        rows = rows_of_replay(found.before, found.after, partial(self._track_of_run, runs))
        dialog.show_comparison(found.before, found.after, rows, note)

    def _track_of_run(self, runs: RecordedRun, number: int) -> RunTrack:
        document = self.bridge.document
        known = dict(runs.latest.tracks).get(number)
        record = None if known is None else document.tracks.get(known)
        if record is None:
            return RunTrack(None, self.tr("track {0} of the run").format(number), GREY)
        return RunTrack(record.id, self.bridge.label_of(record), self.bridge.colour_of(record))

    # recording

    def _record(self, maps: bool) -> None:
        dialog, runs, project = self.dialog, self._runs, self.bridge.project
        if dialog is None or runs is None or project is None or self._task in ("record", "apply"):
            return
        try:
            video = project.find_video(runs.source.video)
        except StmaskError as error:
            dialog.show_problem(str(error))
            return
        self._drop_job()
        self._before = None
        network = self._network_of(runs.source)
        steps = partial(record_steps, project.path, video, runs.source, network, maps)
        job = self._start("record", steps, self._on_recorded)
        dialog.set_busy(True)
        dialog.show_progress(self.tr("Loading the network…"), 0, 0)
        self._tell(self.tr("Recording…"), job, runs.source.last - runs.source.first + 1)

    def _on_recorded(self, unlike: int) -> None:
        text = self.tr("Recorded.")
        if unlike:
            text = self.tr("Recorded. In {0} frames it decides otherwise than the run: another device?")
        self.said.emit(text.format(unlike))
        self._look()

    # applying

    def _apply(self) -> None:
        dialog, runs, project = self.dialog, self._runs, self.bridge.project
        if dialog is None or runs is None or project is None or self._task in ("record", "apply"):
            return
        self._drop_job()
        writer = ReplayWriter(self.bridge.document, runs, dialog.settings)
        network = None if dialog.estimate.isChecked() else self._network_of(runs.source)
        steps = partial(apply_steps, project.path, runs, dialog.settings, network, writer)
        job = self._start("apply", steps, lambda _: self._writing.finish_when_written())
        dialog.set_busy(True)
        self._writing.begin(writer, job, runs.source.last - runs.source.first + 1)

    def _on_written_so_far(self, done: int, count: int) -> None:
        if self.dialog is not None:
            self.dialog.show_progress(self.tr("Applying…"), done, count)

    def _on_unwritten(self, error: StmaskError) -> None:
        self.stop_now()
        show_error(self._window, error)
        self._look_soon.start()

    def _on_written(self, writer: ReplayWriter) -> None:
        run = self.bridge.document.runs[writer.run]
        self._task = None
        self._free()
        tracks = len({track for _, track in run.tracks})
        text = self.tr("Applied: {0} tracks, {1} masks.").format(tracks, f"{writer.masks:,}")
        if writer.kept:
            text += self.tr(" {0} stay as people made them.").format(f"{writer.kept:,}")
        text += self.tr(" Ctrl+Z takes it back.")
        self._applied = run.id, text
        if self._after is not None and self._after[0] == constants_of_run(run.settings["association"]):
            self._before = run.id, self._after[1]
        self.said.emit(text)
        self._look()

    # jobs

    def _network_of(self, run: ModelRun) -> Callable[[], Model]:
        """The run's network, loaded once, on the lane."""
        if self._network is None or self._network[0] != run.id:
            device = self._settings.preferences.device
            self._network = run.id, Once(lambda: model_of_run(run, self._weights, device))
        return self._network[1]

    def _start(self, task: Task, steps: Callable[[], Any], done: Callable[[Any], object]) -> Job:
        job = self._job = self._lane.start(task, steps)
        self._task = task

        job.succeeded.connect(lambda value: self._on_end(job, partial(done, value)))
        job.failed.connect(lambda error: self._on_end(job, partial(self._on_failed, task, error)))
        return job

    def _on_end(self, job: Job, then: Callable[[], object]) -> None:
        if job is not self._job:  # something newer is wanted
            return
        self._job = None
        if not self._writing.is_active:
            self._task = None
            self._free()
        then()

    def _tell(self, text: str, job: Job, count: int) -> None:
        dialog = self.dialog
        assert dialog is not None
        job.yielded.connect(lambda done: dialog.show_progress(text, done, count))

    def _on_failed(self, task: Task, error: Exception) -> None:
        dialog = self.dialog
        assert dialog is not None
        self.stop_now()
        self._free()
        if task == "look" and isinstance(error, StmaskError):
            dialog.show_unavailable(str(error))
        elif isinstance(error, MissingDependency | InferenceError):
            dialog.show_problem(str(error))
        elif isinstance(error, StmaskError):  # what else they advise is for the command line
            dialog.show_problem(error.message, weights=isinstance(error, CheckpointError))
        else:
            show_error(self._window, error)

    def _cancel(self) -> None:
        was = self._task
        self.stop_now()
        if self.dialog is not None:
            self._free()
            if was == "replay":
                self.dialog.show_problem(self.tr("Cancelled. Turn a constant to replay again."))
            elif was is not None:
                self._look_soon.start()

    def _free(self) -> None:
        if self.dialog is not None:
            self.dialog.set_busy(False)
            self.dialog.hide_progress()

    def _drop_job(self) -> None:
        self._replay_soon.stop()
        job, self._job, self._task = self._job, None, None
        if job is not None:
            job.cancel()
            self._free()

    # what happens elsewhere

    def _make_dialog(self) -> ReplayDialog:
        dialog = ReplayDialog(self._window)
        dialog.replay_wanted.connect(self._replay_soon.start)
        dialog.record_wanted.connect(self._record)
        dialog.apply_wanted.connect(self._apply)
        dialog.cancel_wanted.connect(self._cancel)
        dialog.weights_chosen.connect(self._use_weights)
        dialog.finished.connect(lambda _: self._on_closed())
        self.view_state.frame_changed.connect(dialog.show_frame)
        self.opened.emit(dialog)
        return dialog

    def _use_weights(self, path: str) -> None:
        self._weights, self._network = path, None
        dialog = self.dialog
        assert dialog is not None
        dialog.show_problem(self.tr("Weights: {0}").format(Path(path).name))
        self._look()

    def _on_closed(self) -> None:
        """What is recorded or applied goes on; the network is let go of."""
        if self._task in ("look", "replay"):
            self._drop_job()
        self._replay_soon.stop()
        self._network = None

    def _on_video(self) -> None:
        self.stop_now()
        self._before = self._network = self._weights = None
        if self.dialog is not None:
            self.dialog.form.discard()
        self._look_soon.start()

    def _on_diff(self, diff: Diff) -> None:
        if "runs" in diff.tables and not self._writing.is_active and not self._model_runs:
            self._look_soon.start()

    def _timer(self, interval_ms: int, act: Callable[[], object], *, once: bool = False) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(once)
        timer.setInterval(interval_ms)
        timer.timeout.connect(act)
        return timer
