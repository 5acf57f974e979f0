"""``stmask bench replay``: deciding the identities of a long clip again from its recording.

The recording is made up: objects that wander, are missed now and then and come back, at the sizes of a
released network. A tracker runs over it once, as in a run; then it is replayed from the file.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
import numpy as np

from stmask_core.cli import print_json
from stmask_core.engine.recording import FrameRecord, Objects, Recorder, Recording
from stmask_core.engine.replay import ReplayTally, replay
from stmask_core.structures.detections import Detections, Floats
from stmask_core.structures.letterbox import squashed
from stmask_core.structures.masks import Mask
from stmask_core.tracking.association import NEW, AssociationSettings
from stmask_core.tracking.constants import with_constants
from stmask_core.tracking.tracker import Tracker

LAYOUT = squashed((720, 1280), (640, 360))
GRID = (96, 160)  # height and width of a prototype
PROTOTYPES, EMBEDDING = 32, 128
MISSED = 0.1  # share of detections that are not made
CHANGED = {"new_score": "2.2", "wins": "association"}


@dataclass(frozen=True)
class Measurement:
    """Seconds from opening the file to the counts. ids_equal: the replay gives the ids of the run."""

    frames: int
    objects: int
    tracks_in_memory: int
    bytes_per_frame: int
    replay_s: float
    replay_with_evidence_s: float
    other_constants_s: float
    other_constants_estimated: int
    ids_equal: bool


@click.command("replay")
@click.option("--frames", default=1000, show_default=True, type=click.IntRange(2, 100_000))
@click.option("--objects", default=10, show_default=True, type=click.IntRange(1, 200))
@click.option("--json", "as_json", is_flag=True, help="One JSON value on standard output.")
def command(frames: int, objects: int, as_json: bool) -> None:
    """Measure a replay; the bound is 5 s for 1,000 frames of 10 objects on two cores."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder) / "clip.recording", frames, objects)
    if as_json:
        print_json(asdict(found))
        return
    for name, value in asdict(found).items():
        click.echo(f"{name:>28}  {value:,.2f}" if isinstance(value, float) else f"{name:>28}  {value:,}")


def measure(path: Path, frames: int, objects: int) -> Measurement:
    """Make the recording, then replay it in three ways."""
    shown, alive = [], 0
    with Recorder(path, {}) as recorder:
        for frame, (record, of_frame, in_memory) in enumerate(made_up_run(frames, objects)):
            recorder.add(frame, record)
            shown.append(of_frame)
            alive = max(alive, in_memory)
    released = AssociationSettings()
    replay_s, tally, ids = _timed(path, released, evidence=False)
    evidence_s, _, _ = _timed(path, released, evidence=True)
    other_s, other, _ = _timed(path, with_constants(released, CHANGED), evidence=False)
    return Measurement(
        frames=tally.frames,
        objects=objects,
        tracks_in_memory=alive,
        bytes_per_frame=path.stat().st_size // frames,
        replay_s=replay_s,
        replay_with_evidence_s=evidence_s,
        other_constants_s=other_s,
        other_constants_estimated=other.estimated,
        ids_equal=ids == shown,
    )


def _timed(
    path: Path, settings: AssociationSettings, *, evidence: bool
) -> tuple[float, ReplayTally, list[list[int]]]:
    """(seconds, counts, ids shown in each frame)."""
    started, tally, ids = time.perf_counter(), ReplayTally(), []
    for frame in replay(Recording(path), settings, evidence=evidence):
        tally.add(frame)
        ids.append(frame.result.instances.track_ids.tolist())
    tally.lanes()
    return time.perf_counter() - started, tally, ids


def made_up_run(frames: int, objects: int) -> Iterator[tuple[FrameRecord, list[int], int]]:
    """(record, ids shown, tracks alive) of each frame of a run in which every track stays where it was seen.

    Several objects are of one kind, so that the tracker has something to decide.
    """
    draw = np.random.default_rng(1)
    tracker, masks = Tracker(), dict[int, Mask]()
    place = draw.uniform(0.1, 0.8, (objects, 2)).astype(np.float32)
    kinds = draw.normal(size=(objects, EMBEDDING)).astype(np.float32)
    for _ in range(frames):
        place = np.clip(place + draw.normal(0, 0.01, place.shape).astype(np.float32), 0, 0.85)
        seen = np.flatnonzero(draw.random(objects) > MISSED)
        found, found_masks = _detections(place[seen], kinds[seen], draw)
        if tracker.tracks is not None:
            still = tracker.tracks.objects
            tracker.carry(still.boxes, still.coefficients, still.masks)
        before = tracker.tracks
        known = found.take(np.arange(0)) if before is None else before.objects
        ids = np.zeros(0, np.int64) if before is None else before.ids
        track_masks = tuple(masks[number] for number in ids.tolist())
        step = tracker.step(found)
        outcomes = np.full(len(found), NEW, np.uint8) if step.decision is None else step.decision.outcomes
        wanted = np.zeros(len(found), np.int64)
        if step.decision is not None:
            wanted = ids[np.maximum(step.decision.tracks, 0)]
        wanted[outcomes == NEW] = step.born
        masks.update((int(wanted[row]), found_masks[row]) for row in np.flatnonzero(outcomes != 2))
        assert step.after is not None
        record = FrameRecord(
            layout=LAYOUT,
            propagates=True,
            found=found,
            found_masks=found_masks,
            carried=Objects(known.boxes, known.coefficients, known.masks, track_masks),
            track_ids=ids,
            outcomes=outcomes,
            wanted=wanted,
        )
        yield record, step.after.ids[step.shown].tolist(), len(step.after)


def _detections(
    place: Floats, kinds: Floats, draw: np.random.Generator
) -> tuple[Detections, tuple[Mask, ...]]:
    """Ellipses at ``place`` (N, 2), the top left corner as a share of the picture."""
    count = len(place)
    size = np.float32(0.12)
    boxes = np.concatenate([place, place + size], 1) * np.float32(LAYOUT.used[0])
    y, x = np.mgrid[: GRID[0], : GRID[1]].astype(np.float32)
    cells = np.zeros((count, *GRID), np.float32)
    for row, (x1, y1, x2, y2) in enumerate(boxes):
        across = (x / GRID[1] - (x1 + x2) / 2) / (x2 - x1) * 2
        down = (y / GRID[0] - (y1 + y2) / 2) / (y2 - y1) * 2
        cells[row] = across**2 + down**2 < 1
    embeddings = kinds + draw.normal(0, 0.3, kinds.shape).astype(np.float32)
    found = Detections(
        boxes=boxes,
        classes=np.ones(count, np.int64),
        scores=np.sort(draw.uniform(0.3, 1, count).astype(np.float32))[::-1].copy(),
        centerness=np.ones(count, np.float32),
        coefficients=draw.normal(size=(count, PROTOTYPES)).astype(np.float32),
        embeddings=embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True),
        masks=cells,
    )
    height, width = LAYOUT.source
    shape = _ellipse(int(height * size), int(width * size), height, width)
    moved = (replace(shape, x0=int(width * px), y0=int(height * py)) for px, py in place)
    return found, tuple(moved)


def _ellipse(tall: int, wide: int, height: int, width: int) -> Mask:
    y, x = np.mgrid[:tall, :wide]
    inside = ((x / wide - 0.5) ** 2 + (y / tall - 0.5) ** 2) < 0.25
    return Mask.from_crop(inside, y0=0, x0=0, height=height, width=width)
