"""Where the recording of a project's model run is, whose it is, and making one by running the model again."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stmask_core.document.document import Document
from stmask_core.document.records import ModelRun, RunId, VideoId
from stmask_core.errors import CheckpointError, FormatError, MissingDependency

if TYPE_CHECKING:
    from stmask_core.engine.clip import FrameResult
    from stmask_core.engine.recording import Recording
    from stmask_core.engine.replay import ReplayedFrame
    from stmask_core.engine.session import Model, Precision
    from stmask_core.tracking.association import AssociationSettings

SPARE = 1 << 30  # bytes of the disk that a recording leaves free
LARGEST_INPUT = 8192  # pixels on a side; a project is a file from outside


@dataclass(frozen=True)
class RecordedRun:
    """latest: the video's newest run. source: the run whose detections these are: ``latest``, or the one it
    is a replay of.
    """

    latest: ModelRun
    source: ModelRun


def run_of_video(document: Document, video: VideoId) -> RecordedRun:
    """The newest model run of a video. FormatError when there is none, or none of ours."""
    runs = document.runs.of_video(video)
    if not runs:
        raise FormatError("No model has gone over this video.", "Run one first: stmask run.")
    latest = runs[max(runs)]
    names = latest.settings.get("categories")
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise FormatError("The newest run does not say how it was made.", "Run the model again.")
    origin = latest.settings.get("replay_of")
    return RecordedRun(latest, runs.get(RunId(origin), latest) if isinstance(origin, int) else latest)


def open_recording(project: Path, run: ModelRun) -> Recording:
    """The recording of a project's run. FormatError when there is none, or of another run, or half of one."""
    from stmask_core.engine.recording import AGAIN, Recording

    recording = Recording(recording_path(project, run.video))
    if recording.about != {**recording.about, **about(run)}:
        raise FormatError(f"{recording.path.name} is of another run.", AGAIN)
    if recording.frames != range(run.first, run.last + 1):
        raise FormatError(f"{recording.path.name} does not hold every frame of the run.", AGAIN)
    return recording


def recording_path(project: Path, video: VideoId) -> Path:
    """Where the recording of a video's run is: beside the project."""
    return project.with_name(f"{project.stem}.{video}.recording")


def about(run: ModelRun) -> dict[str, Any]:
    """What makes detections what they are; a recording that says the same is of this run."""
    from stmask_core.model.config import VARIANTS

    names = (
        "network", "precision", "categories", "detection", "resize", "input_size", "temporal_fusion",
    )  # fmt: skip
    settings = {name: run.settings.get(name) for name in names}
    settings |= {name: run.settings[name] for name in VARIANTS if name in run.settings}
    return {"checksum": run.checksum, "first": run.first, "last": run.last, "settings": settings}


def model_of_run(run: ModelRun, weights: str | None, device: str) -> Model:
    """The network of a run. weights: where they are now, when not where they were."""
    try:
        from stmask_core.engine.demo_weights import weights_path
        from stmask_core.engine.session import load_model
        from stmask_core.model.config import VARIANTS
        from stmask_core.pre_label import file_checksum
    except ImportError as error:
        raise MissingDependency(
            f"Running the model needs {error.name}, which is not installed.",
            "Install it: pip install 'stmask-annotator[model]'.",
        ) from error
    path = weights_path(weights or run.weights)
    if run.checksum and file_checksum(path) != run.checksum:
        raise CheckpointError(f"{path} are not the weights of the run.", "Say --weights.")
    precision: Precision = "bf16" if run.settings.get("precision") == "bf16" else "fp32"
    choices = {name: str(run.settings[name]) for name in VARIANTS if name in run.settings}
    model = load_model(path, run.settings["categories"], device, precision, choices)
    size = _input_size(run)
    if size is not None:
        model.network.config = replace(model.config, input_size=size)
    return model


def _input_size(run: ModelRun) -> tuple[int, int] | None:
    """(width, height) that the run's frames were resized to; None for the weights' own."""
    noted = run.settings.get("input_size")
    if noted is None:
        return None
    if (
        not isinstance(noted, list | tuple)
        or len(noted) != 2
        or not all(type(n) is int and 0 < n <= LARGEST_INPUT for n in noted)
    ):
        raise FormatError("The run's input size cannot be read.", "Run the model again.")
    return noted[0], noted[1]


def replayed(
    recording: Recording,
    run: ModelRun,
    settings: AssociationSettings,
    model: Callable[[], Model] | None = None,
    *,
    evidence: bool = False,
) -> Iterator[ReplayedFrame]:
    """``replay`` of a run's recording; FormatError for a category that the run does not name."""
    from stmask_core.engine.recording import AGAIN
    from stmask_core.engine.replay import replay

    known = len(run.settings["categories"])
    for frame in replay(recording, settings, model=model, evidence=evidence):
        if frame.result.instances.category_ids.max(initial=1) > known:
            raise FormatError("The recording has a category that its run does not name.", AGAIN)
        yield frame


def make_recording(
    project: Path, video: Path, run: ModelRun, model: Model, *, features: bool
) -> Iterator[FrameResult]:
    """Run the model over the run's frames again and write the recording; yields each frame's result.

    project: its file. video: where the run's video is. An earlier recording is replaced. FormatError when the
    disk is too small, or the folder cannot be written.
    """
    from stmask_core.engine.clip import track_clip
    from stmask_core.engine.recording import Recorder
    from stmask_core.video.source import open_video

    path = recording_path(project, run.video)
    settings = _settings_of(run, features=features)
    try:
        path.unlink(missing_ok=True)
        recorder = Recorder(path, about(run))
    except (OSError, sqlite3.Error) as error:
        raise FormatError(
            f"{path.name} cannot be written ({error}).", "Look at the rights of the project's folder."
        ) from error
    with recorder, open_video(video) as source:
        frames = source.frames(run.first, run.last + 1)
        for result in track_clip(model, frames, settings, first=run.first):
            assert result.record is not None, "the settings ask for it"
            size = recorder.add(result.frame, result.record)
            if result.frame == run.first:
                _check_space(path, size * (run.last - run.first + 1))
            yield result


def frames_unlike_the_run(document: Document, run: ModelRun, recording: Recording) -> int:
    """In how many frames the recording decides otherwise than the run's evidence says it did.

    Zero but for another device, precision or version of the program. Frames without evidence do not count.
    """
    from stmask_core.structures.evidence import evidence_from_bytes

    unlike = 0
    for frame, again in recording.records():
        data = document.evidence(run.id, frame)
        if data is not None:
            known = evidence_from_bytes(data)
            pairs = ((known.outcomes, again.outcomes), (known.wanted, again.wanted))
            unlike += not all(np.array_equal(was, now) for was, now in pairs)
    return unlike


def _settings_of(run: ModelRun, *, features: bool) -> Any:
    """The run's settings, as it noted them."""
    from stmask_core.engine.clip import RunSettings
    from stmask_core.model.postprocess import DetectionSettings
    from stmask_core.tracking.constants import constants_of_run

    noted = run.settings
    try:
        return RunSettings(
            detection=DetectionSettings(**noted["detection"]),
            association=constants_of_run(noted["association"]),
            resize="letterbox" if noted["resize"] == "letterbox" else "squash",
            temporal_fusion=bool(noted["temporal_fusion"]),
            evidence=False,
            record="features" if features else "objects",
        )
    except (KeyError, TypeError) as error:  # made by an older version, or another program
        raise FormatError(
            f"The run does not say with which settings it was made ({error}).", "Run the model again."
        ) from error


def _check_space(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if needed > free - SPARE:
        raise FormatError(
            f"The recording would take {needed / 1e9:.1f} GB, the disk has {free / 1e9:.1f} GB free.",
            "Record without maps: --without-features.",
        )
