"""``stmask bench precision``: what 16-bit floats, batches and the letterbox change in a clip's results."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from stmask_core.cli import print_json
from stmask_core.engine.clip import FrameResult, RunSettings, track_clip
from stmask_core.engine.demo_weights import weights_path
from stmask_core.engine.session import load_model
from stmask_core.structures.masks import iou
from stmask_core.video.source import open_video

SAMPLE = Path(__file__).resolve().parents[2] / "resources" / "sample" / "sample.mp4"
SAME_IOU = 0.5


@dataclass(frozen=True)
class Agreement:
    """How alike two runs are.

    mask_iou: mean over pairs. found: share of the first run's instances that the second has too (IoU at least
    0.5 with one of the same frame). identity: share of those pairs whose track ids pair up as most often.
    """

    mask_iou: float
    found: float
    identity: float
    instances: int


def agreement(first: Sequence[FrameResult], second: Sequence[FrameResult]) -> Agreement:
    """Compare two runs of one clip frame by frame."""
    overlaps: list[float] = []
    pairs: Counter[tuple[int, int]] = Counter()
    count = 0
    for a, b in zip(first, second, strict=True):
        count += len(a.instances)
        for number, mask in zip(a.instances.track_ids, a.instances.mask_list, strict=True):
            others = zip(b.instances.track_ids, b.instances.mask_list, strict=True)
            best = max(((iou(mask, other), int(n)) for n, other in others), default=(0.0, -1))
            if best[0] >= SAME_IOU:
                overlaps.append(best[0])
                pairs[int(number), best[1]] += 1
    partner: dict[int, tuple[int, int]] = {}
    for (number, other), times in pairs.most_common():
        partner.setdefault(number, (other, times))
    agreeing = sum(times for _, times in partner.values())
    return Agreement(
        mask_iou=float(np.mean(overlaps)) if overlaps else float("nan"),
        found=len(overlaps) / count if count else float("nan"),
        identity=agreeing / len(overlaps) if overlaps else float("nan"),
        instances=count,
    )


@click.command("precision")
@click.option("--weights", default="demo", show_default=True, help="a weights file, or demo")
@click.option("--clip", type=click.Path(exists=True, path_type=Path), default=SAMPLE, help="a video")
@click.option("--frames", default=48, show_default=True, help="frames of it")
@click.option("--device", default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="one JSON object on standard output")
def command(weights: str, clip: Path, frames: int, device: str, as_json: bool) -> None:
    """Run a clip in fp32 and in other ways, and say how alike the results are."""
    with open_video(clip) as video:
        pictures = list(video.frames(0, frames))
    settings = RunSettings(evidence=False, batch=1)
    ways: dict[str, tuple[str, RunSettings]] = {
        "fp32": ("fp32", settings),
        "bf16": ("bf16", settings),
        "fp32, batch 4": ("fp32", replace(settings, batch=4)),
        "fp32, letterbox": ("fp32", replace(settings, resize="letterbox")),
        "fp32, retire after 10": (
            "fp32",
            replace(settings, association=replace(settings.association, retire_after=10)),
        ),
    }
    results: dict[str, list[FrameResult]] = {}
    seconds: dict[str, float] = {}
    for name, (precision, chosen) in ways.items():
        model = load_model(weights_path(weights), device=device, precision=precision)  # type: ignore[arg-type]
        begin = time.perf_counter()
        results[name] = list(track_clip(model, pictures, chosen))
        seconds[name] = time.perf_counter() - begin
    report: dict[str, Any] = {"clip": clip.name, "frames": len(pictures)}
    for name, found in results.items():
        alike = agreement(results["fp32"], found)
        report[name] = {
            "mask_iou": round(alike.mask_iou, 4),
            "found": round(alike.found, 4),
            "identity": round(alike.identity, 4),
            "instances": alike.instances,
            "speed_ratio": round(seconds["fp32"] / seconds[name], 2),
        }
    if as_json:
        print_json(report)
        return
    for name, values in report.items():
        click.echo(f"{name}: {values}")
