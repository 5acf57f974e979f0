"""What a replay does on the model lane: look for a recording, record, decide again, compute what to apply."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.flows.looking import missing_model
from stmask_core.cli.recordings import (
    RecordedRun,
    frames_unlike_the_run,
    make_recording,
    open_recording,
    recording_path,
    replayed,
)
from stmask_core.cli.replay import CHUNK, ReplayWriter
from stmask_core.document.commands.predictions import PredictedFrame
from stmask_core.document.records import ModelRun
from stmask_core.errors import FormatError
from stmask_core.project import Project
from stmask_core.tracking.association import AssociationSettings
from stmask_core.tracking.constants import constants_of_run

if TYPE_CHECKING:
    from stmask_core.engine.replay import ReplayTally
    from stmask_core.engine.session import Model

FRAMES_PER_STEP = 8  # progress is told, and a dropped replay ends, at this pace


@dataclass(frozen=True)
class Found:
    """What there is to replay from. why: a recording cannot be used; None when there is none at all."""

    has_recording: bool
    has_maps: bool = False
    why: str | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """The run as it is, and with other constants."""

    before: ReplayTally
    after: ReplayTally


def look(project: Path, runs: RecordedRun) -> Found:
    """What there is to replay from."""
    try:
        recording = open_recording(project, runs.source)
        return Found(True, recording.has_features)
    except ImportError as error:
        raise missing_model(error) from error
    except FormatError as error:
        exists = recording_path(project, runs.source.video).exists()
        return Found(False, why=error.message if exists else None)


def replay_steps(
    project: Path,
    runs: RecordedRun,
    settings: AssociationSettings,
    network: Callable[[], Model] | None,
    before: ReplayTally | None,
) -> Generator[int, None, Comparison]:
    """Yields how many frames are done. before: the run as it is, when known already."""
    from stmask_core.engine.replay import ReplayTally

    recording = open_recording(project, runs.source)
    of_run = constants_of_run(runs.latest.settings.get("association", {}))
    done = 0
    tallies = [] if before is None else [before]
    wanted = (of_run,) if settings == of_run else (of_run, settings)  # the run is its own replay
    for constants in wanted[len(tallies) :]:
        tally = ReplayTally()
        for frame in replayed(recording, runs.source, constants, network):
            tally.add(frame)
            done += 1
            if done % FRAMES_PER_STEP == 0:
                yield done
        tallies.append(tally)
    return Comparison(tallies[0], tallies[-1])


def record_steps(
    project: Path, video: Path, run: ModelRun, network: Callable[[], Model], maps: bool
) -> Generator[int, None, int]:
    """Yields how many frames are done; returns in how many the recording decides otherwise than the run."""
    for result in make_recording(project, video, run, network(), features=maps):
        yield result.frame - run.first + 1
    with Project.open(project, read_only=True) as opened:
        return frames_unlike_the_run(opened.document, run, open_recording(project, run))


def apply_steps(
    project: Path,
    runs: RecordedRun,
    settings: AssociationSettings,
    network: Callable[[], Model] | None,
    writer: ReplayWriter,
) -> Generator[list[PredictedFrame], None, None]:
    """Yields chunks to write."""
    recording = open_recording(project, runs.source)
    chunk = []
    for frame in replayed(recording, runs.source, settings, network, evidence=True):
        chunk.append(writer.predicted(frame.result))
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
