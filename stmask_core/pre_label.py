"""A model over a video of a project: results become predictions, chunk by chunk, and a run can go on later.

Door 3 of the design: predictions to records. The command line drives ``pre_label`` to its end; the window
takes ``predicted_frame`` and writes on its own thread.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from stmask_core.document.commands.predictions import (
    PredictedFrame,
    Prediction,
    add_predictions,
    finish_run,
    start_run,
)
from stmask_core.document.commands.videos import create_category
from stmask_core.document.document import Document
from stmask_core.document.queries import category_named
from stmask_core.document.records import CategoryId, ModelRun, RunId, VideoId
from stmask_core.engine.clip import ClipRun, ClipState, FrameResult, RunSettings
from stmask_core.engine.results import ClipTally, TrackTally
from stmask_core.engine.session import RELEASED_CHOICES, Model
from stmask_core.errors import FormatError
from stmask_core.formats.atomic import atomic_path
from stmask_core.run_results import keep_tally
from stmask_core.structures.detections import Detections
from stmask_core.structures.evidence import evidence_to_bytes
from stmask_core.tracking.constants import constants_of_run
from stmask_core.tracking.tracker import Tracks
from stmask_core.video.source import VideoSource

CHUNK = 16  # frames written in one transaction, and lost at most by a crash


@dataclass(frozen=True)
class RunPlan:
    """What to run: frames first..last (inclusive) of a video. weights: named in the run's record.

    beside: earlier predictions stay, and this run's tracks are added next to them.
    """

    video: VideoId
    first: int
    last: int
    weights: str = ""
    checksum: str = ""
    beside: bool = False


def predicted_frame(result: FrameResult, categories: Mapping[int, CategoryId]) -> PredictedFrame:
    """One frame's results as predictions of a project. categories: the model's number -> the project's."""
    shown = result.instances
    rows = zip(
        shown.track_ids,
        shown.category_ids,
        shown.mask_list,
        shown.scores,
        shown.sources,
        shown.boxes,
        strict=True,
    )
    predictions = tuple(
        Prediction(
            number=int(number),
            category=categories[int(category)],
            mask=mask,
            score=float(score),
            source=source,
            box=tuple(float(side) for side in box),  # type: ignore[arg-type]
        )
        for number, category, mask, score, source, box in rows
    )
    evidence = None if result.evidence is None else evidence_to_bytes(result.evidence)
    return PredictedFrame(result.frame, predictions, evidence)


def project_categories(document: Document, names: Iterable[str]) -> dict[int, CategoryId]:
    """The model's category numbers (from 1) -> the project's categories, added where they are missing."""
    found = {}
    with document.one_step():
        for number, name in enumerate(names, start=1):
            category = category_named(document, name) or create_category(document, name)
            found[number] = category.id
    return found


def begin_run(document: Document, plan: RunPlan, model: Model, settings: RunSettings) -> ModelRun:
    """Note the run in the project, with everything needed to repeat it."""
    return start_run(
        document,
        plan.video,
        first=plan.first,
        last=plan.last,
        weights=plan.weights,
        checksum=plan.checksum,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        beside=plan.beside,
        settings=described(model, settings),
    )


def described(model: Model, settings: RunSettings) -> dict[str, Any]:
    """What a run's record says of how it was made, as JSON values."""
    return {
        "network": model.name,
        "precision": model.precision,
        "device": str(model.device),
        "categories": list(model.categories),
        "detection": asdict(settings.detection),
        "association": asdict(settings.association),
        "resize": settings.resize,
        "input_size": list(model.config.input_size),
        "temporal_fusion": settings.temporal_fusion,
        "correlation_reach": model.config.correlation_reach,
        **model.choices,
    }


def finished_run(document: Document, plan: RunPlan, model: Model, settings: RunSettings) -> ModelRun | None:
    """The newest run of this very plan, network and settings that has gone over every frame, if any."""
    for run in reversed(list(document.runs.of_video(plan.video).values())):
        if run.done == ((plan.first, plan.last),) and _is_of_plan(run, plan, model, settings):
            return run
    return None


def pre_label(
    document: Document,
    source: VideoSource,
    model: Model,
    settings: RunSettings,
    plan: RunPlan,
    *,
    resume: Path | None = None,
) -> Iterator[FrameResult]:
    """Run the model over a video and write into the project; yields each frame's result as it is written.

    resume: a file that holds the tracker's state between chunks. When it fits an unfinished run of the same
    plan, frames already written are not run again; it is removed at the end.
    """
    categories = project_categories(document, model.categories)
    begun = None if resume is None else read_resume_state(resume)
    record = None if begun is None else document.runs.get(begun.run)
    if begun is None or record is None or not _is_of_plan(record, plan, model, settings):
        begun = ResumeState(begin_run(document, plan, model, settings).id, plan.first, None, ClipTally())
    tally = begun.tally
    clip = ClipRun(model, settings, first=begun.next_frame, state=begun.clip)
    results = clip.results(source.frames(begun.next_frame, plan.last + 1))
    while chunk := list(itertools.islice(results, CHUNK)):
        add_predictions(document, begun.run, [predicted_frame(result, categories) for result in chunk])
        for result in chunk:
            tally.add(result)
        if resume is not None and (state := clip.state) is not None:
            save_resume_state(resume, ResumeState(begun.run, chunk[-1].frame + 1, state, tally))
        yield from chunk
    finish_run(document, begun.run, categories={n: categories[track.category] for n, track in tally})
    keep_tally(document, begun.run, plan.last, tally)
    if resume is not None:
        resume.unlink(missing_ok=True)


def _is_of_plan(run: ModelRun, plan: RunPlan, model: Model, settings: RunSettings) -> bool:
    """True when a run is the one planned now, on whatever device."""
    found = (run.video, run.first, run.last, run.checksum, run.beside)
    same_plan = found == (plan.video, plan.first, plan.last, plan.checksum, plan.beside)
    now = described(model, settings)
    # What the network has anyway need not be in a record, and older ones have it not. A choice or a constant
    # that was not there yet was made as released.
    asked = now.keys() - {"device", "correlation_reach", "association"}
    was = {**RELEASED_CHOICES, **run.settings}
    try:
        same_constants = constants_of_run(run.settings.get("association", {})) == settings.association
    except FormatError:  # a damaged note is of no run that could be asked for
        return False
    return same_plan and same_constants and all(was.get(name) == now[name] for name in asked)


@dataclass(frozen=True)
class ResumeState:
    """Where a run stands. next_frame: the first that is not written. clip: None before the first frame."""

    run: RunId
    next_frame: int
    clip: ClipState | None
    tally: ClipTally


def save_resume_state(path: Path, state: ResumeState) -> None:
    """Write where a run stands, whole or not at all."""
    clip = state.clip
    assert clip is not None, "there is a state behind the first frame"
    tensors: dict[str, torch.Tensor] = {}
    if clip.pyramid_map is not None and clip.tower is not None:
        tensors |= {"pyramid_map": clip.pyramid_map.cpu(), "tower": clip.tower.cpu()}
    if clip.tracks is not None:
        tensors |= {n: torch.from_numpy(getattr(clip.tracks, n)) for n in ("ids", "ages", "seen")}
        objects = clip.tracks.objects
        tensors |= {f"object.{f.name}": torch.from_numpy(getattr(objects, f.name)) for f in fields(objects)}
    tallied = [
        [number, track.scores, list(track.categories.items()), track.empty] for number, track in state.tally
    ]
    metadata = {
        "run": str(state.run),
        "next_frame": str(state.next_frame),
        "next_id": str(clip.next_id),
        "tally": json.dumps(tallied),
    }
    try:
        with atomic_path(path) as beside:
            save_file({name: value.contiguous() for name, value in tensors.items()}, beside, metadata)
    except SafetensorError as error:
        raise FormatError(f"{path} cannot be written ({error}).", "Is the disk full?") from error


def read_resume_state(path: Path) -> ResumeState | None:
    """Read it back; None when there is none or it is damaged: then the run begins again."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            metadata = file.metadata() or {}
        tracks = None
        if "ids" in tensors:
            objects = {f.name: tensors[f"object.{f.name}"].numpy() for f in fields(Detections)}
            tracks = Tracks(Detections(**objects), *(tensors[n].numpy() for n in ("ids", "ages", "seen")))
        tally = ClipTally(
            {
                int(number): TrackTally(list(scores), Counter(dict(map(tuple, categories))), list(empty))
                for number, scores, categories, empty in json.loads(metadata["tally"])
            }
        )
        clip = ClipState(tracks, int(metadata["next_id"]), tensors.get("pyramid_map"), tensors.get("tower"))
        return ResumeState(RunId(int(metadata["run"])), int(metadata["next_frame"]), clip, tally)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None


def file_checksum(path: Path) -> str:
    """SHA-256 of a weights file, so that a run says exactly what it was run with."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
