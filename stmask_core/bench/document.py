"""``stmask bench document``: a project of a million masks: open, edit, look up, memory, file size."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from stmask_core.cli import print_json
from stmask_core.cli.progress import with_progress
from stmask_core.document import queries
from stmask_core.document.commands import identity, masks, tracks, videos
from stmask_core.document.commands.predictions import (
    PredictedFrame,
    Prediction,
    add_predictions,
    finish_run,
    start_run,
)
from stmask_core.document.document import Document
from stmask_core.document.records import VideoId
from stmask_core.document.scope import Scope
from stmask_core.formats.project_file import ProjectFile
from stmask_core.structures.masks import Mask

TRACKS_AT_ONCE = 20
TRACK_LENGTH = 2_000  # frames
HEIGHT, WIDTH = 1080, 1920


@click.command("document")
@click.option("--masks", "num_masks", default=1_000_000, show_default=True, help="masks in the project")
@click.option("--keep", type=click.Path(path_type=Path), help="keep the project here (reused when it exists)")
@click.option("--json", "as_json", is_flag=True, help="one JSON object on standard output")
def command(num_masks: int, keep: Path | None, as_json: bool) -> None:
    """Write a project the way a model run does, open it in a fresh process and measure there."""
    with tempfile.TemporaryDirectory() as folder:
        path = keep or Path(folder) / "million.stm"
        built = {} if path.exists() else build(path, num_masks)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            measured = pool.submit(measure, path).result()
    result = {**built, **measured}
    if as_json:
        print_json(result)
        return
    for name, value in result.items():
        click.echo(f"{name:28} {value}")


def build(path: Path, num_masks: int) -> dict[str, Any]:
    """Write the project as a model run would, 100 frames per edit."""
    shapes = [_shape(seed) for seed in range(256)]
    frames = -(-num_masks // (TRACKS_AT_ONCE * TRACK_LENGTH)) * TRACK_LENGTH
    started = time.perf_counter()
    added = 0
    with ProjectFile.create(path) as file:
        document = file.document
        video = videos.add_video(
            document, "bench.mp4", width=WIDTH, height=HEIGHT, frame_count=frames, frame_rate=30
        )
        category = videos.create_category(document, "dog")
        run = start_run(document, video.id, first=0, last=frames - 1)
        chunks = range(0, frames, 100)
        for first in with_progress(chunks, label="writing", unit="chunk", total=len(chunks)):
            chunk = [
                PredictedFrame(frame, tuple(_predictions(frame, category.id, shapes)))
                for frame in range(first, first + 100)
            ]
            added += add_predictions(document, run.id, chunk).added
        finish_run(document, run.id)
    seconds = time.perf_counter() - started
    return {"masks_written": added, "written_per_second": round(added / seconds)}


def measure(path: Path) -> dict[str, Any]:
    """Open the project in this process and time what people do with it."""
    before = _resident_bytes()
    started = time.perf_counter()
    file = ProjectFile.open(path)
    opened = time.perf_counter() - started
    with file:
        document = file.document
        num_masks = len(document.annotations)
        result: dict[str, Any] = {
            "masks": num_masks,
            "open_s": round(opened, 3),
            "resident_after_open_mib": round(_resident_bytes() / 2**20),
            "resident_of_document_mib": round((_resident_bytes() - before) / 2**20),
            "file_bytes_per_mask": round(path.stat().st_size / num_masks, 1),
        }
        result["look_up_ms"] = _look_ups(document)
        result["edit_ms"] = _edits(document)
        result["resident_peak_mib"] = round(_peak_bytes() / 2**20)
    return result


def _look_ups(document: Document, repeats: int = 2_000) -> dict[str, Any]:
    video = next(iter(document.videos.values()))
    draw = random.Random(1)
    frames = [draw.randrange(video.frame_count) for _ in range(repeats)]
    ids = sorted(document.tracks)
    return {
        "tracks_of_frame": _percentiles(lambda f: queries.tracks_at(document, video.id, f), frames),
        "rows_of_frame": _percentiles(lambda f: queries.rows_at(document, video.id, f), frames),
        "masks_of_frame_cold": _percentiles(
            lambda f: queries.annotations_at(document, video.id, f), frames[:300]
        ),
        "masks_of_frame_cached": _percentiles(
            lambda f: queries.annotations_at(document, video.id, f), frames[:300]
        ),
        "columns_of_track": _percentiles(
            lambda f: document.annotations.columns(ids[f % len(ids)]), frames[:500]
        ),
        "gaps_of_track": _percentiles(
            lambda f: queries.gaps_of_track(document, ids[f % len(ids)]), frames[:500]
        ),
    }


def _edits(document: Document) -> dict[str, Any]:
    video = next(iter(document.videos))
    draw = random.Random(2)
    places = [_some_place(document, video, draw) for _ in range(300)]
    region = _shape(7)
    result = {
        "paint": _percentiles(lambda p: masks.paint(document, p[0], p[1], region), places),
        "rename": _percentiles(lambda p: tracks.rename_track(document, p[0], str(draw.random())), places),
        "occlusion_one_frame": _percentiles(
            lambda p: masks.set_occlusion(document, p[0], Scope.this_frame(p[1]), "severe"), places
        ),
        "undo": _percentiles(lambda _: document.undo(), places),
        "redo": _percentiles(lambda _: document.redo(), places),
    }
    pairs = [(a, b, draw.randrange(TRACK_LENGTH)) for a, b in _neighbours(document, video, 20)]
    swaps = [(a, b, document.annotations.frames(a)[frame]) for a, b, frame in pairs]
    result["swap_from_here_on"] = _percentiles(
        lambda s: identity.swap_tracks(document, s[0], s[1], Scope.from_here_on(s[2])), swaps
    )
    result["cut"] = _percentiles(
        lambda s: identity.split_track(document, s[0], max(s[2], document.annotations.frames(s[0])[1])), swaps
    )
    result["merge_2000_frames"] = _percentiles(
        lambda p: identity.merge_tracks(document, p[0], p[1]), list(_neighbours(document, video, 10))
    )
    result["undo_merge"] = _percentiles(lambda _: document.undo(), range(5))
    result["delete_track_2000_frames"] = _percentiles(
        lambda p: tracks.delete_tracks(document, [p[0]]), list(_neighbours(document, video, 10))
    )
    return result


def _neighbours(document: Document, video: VideoId, count: int) -> Iterator[tuple[Any, Any]]:
    """Pairs of full-length tracks present at the same time."""
    full = [t for t in sorted(document.tracks) if document.annotations.count(t) == TRACK_LENGTH]
    for at in range(0, min(2 * count, len(full) - 1), 2):
        yield full[at], full[at + 1]


def _some_place(document: Document, video: VideoId, draw: random.Random) -> tuple[Any, int]:
    while True:
        frame = draw.randrange(document.videos[video].frame_count)
        here = queries.tracks_at(document, video, frame)
        if here:
            return draw.choice(here), frame


def _predictions(frame: int, category: Any, shapes: list[Mask]) -> Iterator[Prediction]:
    block = frame // TRACK_LENGTH
    for slot in range(TRACKS_AT_ONCE):
        shape = shapes[(frame * 7 + slot * 13) % len(shapes)]
        mask = replace(
            shape,
            x0=(slot * 91 + frame) % (WIDTH - shape.crop_width),
            y0=(slot * 37 + frame // 3) % (HEIGHT - shape.crop_height),
        )
        score = 0.5 + ((frame * 31 + slot) % 1000) / 2000
        yield Prediction(block * TRACKS_AT_ONCE + slot, category, mask, score)


def _shape(seed: int) -> Mask:
    """A wavy blob 40 to 300 pixels wide: about as many runs as a real object's outline."""
    draw = np.random.default_rng(seed)
    size = int(draw.integers(40, 300))
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    angle = np.arctan2(y, x)
    waves = sum(draw.normal(0, 0.03) * np.sin(k * angle + draw.uniform(0, 6.28)) for k in range(2, 9))
    return Mask.from_crop(np.hypot(x, y) < 0.4 + waves, y0=100, x0=100, height=HEIGHT, width=WIDTH)


def _percentiles(work: Callable[[Any], Any], arguments: Any) -> dict[str, float]:
    """Milliseconds per call: median, 95th and 99th percentile, worst."""
    times = []
    for argument in arguments:
        started = time.perf_counter()
        work(argument)
        times.append((time.perf_counter() - started) * 1e3)
    if not times:
        return {}
    cuts = statistics.quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99
    return {
        "p50": round(cuts[49], 4),
        "p95": round(cuts[94], 4),
        "p99": round(cuts[98], 4),
        "max": round(max(times), 4),
    }


def _resident_bytes() -> int:
    """Memory of this process now; its peak where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return _peak_bytes()
    return pages * os.sysconf("SC_PAGE_SIZE")


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
