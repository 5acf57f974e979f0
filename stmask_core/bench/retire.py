"""``stmask bench retire``: what hidden tracks cost on a long clip, what forgetting them saves and changes.

As released, no track is ever forgotten, and each goes through temporal fusion in every later frame.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from stmask_core.bench.precision import SAMPLE, agreement
from stmask_core.cli import print_json
from stmask_core.cli.progress import with_progress
from stmask_core.engine.clip import ClipRun, FrameResult, RunSettings
from stmask_core.engine.demo_weights import weights_path
from stmask_core.engine.session import Model, load_model
from stmask_core.model.config import CONFIGS, ModelConfig
from stmask_core.model.recognise import skeleton
from stmask_core.model.temporal import ROI_SIZE
from stmask_core.video.source import Picture, open_video

RELEASED = "STMask_plus_resnet50_ada"


@dataclass(frozen=True)
class Measurement:
    """One run. Frames per second and tracks of the last tenth show what the whole clip has piled up."""

    retire_after: int | None
    frames_per_second: float
    last_frames_per_second: float
    tracks_carried_per_frame: float
    tracks_at_the_end: int
    shown_per_frame: float
    fusion_gmac_at_the_end: float  # multiply-adds of temporal fusion in the last frame, billions
    released_gmac_at_the_end: float  # the same for a released network with as many tracks
    mask_iou: float  # against the run that forgets nothing
    found: float
    identity: float


@click.command("retire")
@click.option("--weights", default="demo", show_default=True, help="A weights file, or demo.")
@click.option("--clip", type=click.Path(exists=True, path_type=Path), default=SAMPLE, help="A video.")
@click.option(
    "--frames", default=400, show_default=True, type=click.IntRange(20), help="It goes forth and back."
)
@click.option(
    "--retire", "ages", multiple=True, type=click.IntRange(0), help="May be repeated; 10 if left out."
)
@click.option("--device", default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(weights: str, clip: Path, frames: int, ages: tuple[int, ...], device: str, as_json: bool) -> None:
    """Run a long clip with and without forgetting hidden tracks."""
    model = load_model(weights_path(weights), device=device)
    measured: list[Measurement] = []
    reference: list[FrameResult] | None = None
    for age in (None, *(ages or (10,))):
        found, seconds, tracks = _run(model, clip, frames, age)
        reference = reference or found
        measured.append(_summary(model, age, found, seconds, tracks, reference))
    report: dict[str, Any] = {
        "clip": clip.name,
        "frames": frames,
        "precision": model.precision,
        "gmac_per_track": {
            "this network": gmac_per_track(model.config),
            RELEASED: gmac_per_track(CONFIGS[RELEASED]),
        },
        "runs": [asdict(entry) for entry in measured],
    }
    if as_json:
        print_json(report)
        return
    for entry in measured:
        kept = "nothing forgotten" if entry.retire_after is None else f"forgotten after {entry.retire_after}"
        click.echo(
            f"{kept}: {entry.frames_per_second:.2f} frames/s, {entry.last_frames_per_second:.2f} at the end"
            f" with {entry.tracks_at_the_end} tracks, which would cost a released network"
            f" {entry.released_gmac_at_the_end:.1f} G multiply-adds a frame;"
            f" found {entry.found:.3f}, identity {entry.identity:.3f}"
        )


def forth_and_back(clip: Path, count: int) -> Iterator[Picture]:
    """``count`` frames of a video that turns round at its ends."""
    with open_video(clip) as video:
        last = len(video) - 1
        for n in range(count):
            place = n % (2 * last) if last else 0
            yield video.frame(min(place, 2 * last - place))


def _run(
    model: Model, clip: Path, frames: int, age: int | None
) -> tuple[list[FrameResult], list[float], list[int]]:
    """Results, seconds and number of tracks, frame by frame."""
    settings = RunSettings(evidence=False, batch=1)
    run = ClipRun(model, replace(settings, association=replace(settings.association, retire_after=age)))
    results, seconds, tracks = [], [], []
    label = "all kept" if age is None else f"after {age}"
    answers = with_progress(
        run.results(forth_and_back(clip, frames)), label=label, unit="frame", total=frames
    )
    began = time.perf_counter()
    for result in answers:
        seconds.append(time.perf_counter() - began)
        state = run.state
        tracks.append(0 if state is None or state.tracks is None else len(state.tracks))
        results.append(result)
        began = time.perf_counter()
    return results, seconds, tracks


def _summary(
    model: Model, age: int | None, found: list[FrameResult], seconds: list[float], tracks: list[int],
    reference: list[FrameResult],
) -> Measurement:  # fmt: skip
    tenth = max(1, len(found) // 10)
    alike = agreement(reference, found)
    return Measurement(
        retire_after=age,
        frames_per_second=round(len(seconds) / sum(seconds), 3),
        last_frames_per_second=round(tenth / sum(seconds[-tenth:]), 3),
        tracks_carried_per_frame=round(float(np.mean(tracks)), 2),
        tracks_at_the_end=tracks[-1],
        shown_per_frame=round(float(np.mean([len(result.instances) for result in found])), 2),
        fusion_gmac_at_the_end=round(tracks[-1] * gmac_per_track(model.config), 3),
        released_gmac_at_the_end=round(tracks[-1] * gmac_per_track(CONFIGS[RELEASED]), 3),
        mask_iou=round(alike.mask_iou, 4),
        found=round(alike.found, 4),
        identity=round(alike.identity, 4),
    )


def gmac_per_track(config: ModelConfig) -> float:
    """Multiply-adds that carrying one track by one frame costs, in billions."""
    if not config.temporal_fusion:
        return 0.0
    network = skeleton(config).eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network.TemporalNet(torch.empty(1, config.temporal_input_channels, ROI_SIZE, ROI_SIZE, device="meta"))
    return round(counter.get_total_flops() / 2e9, 4)
