"""``stmask bench model``: frames per second by stage, multiply-adds, fraction of the machine's peak."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import click
import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from stmask_core.bench.stopwatch import Stopwatch, median_ms, settle
from stmask_core.cli import print_json
from stmask_core.cli.progress import with_progress
from stmask_core.engine.session import device_named
from stmask_core.model.config import CONFIGS, ModelConfig
from stmask_core.model.deformable import DeformableConvolution, ModulatedDeformableConvolution
from stmask_core.model.inference import fastest_dtype, optimise_for_inference
from stmask_core.model.initialise import new_network
from stmask_core.model.local_branches import can_be_local
from stmask_core.model.mask_assembly import assemble_masks
from stmask_core.model.postprocess import DetectionSettings, detect, image_mask
from stmask_core.model.preprocess import network_input
from stmask_core.model.recognise import skeleton
from stmask_core.model.stmask import STMask
from stmask_core.structures.letterbox import squashed
from stmask_core.tracking.tracker import Tracker, score_terms

FRAME = (360, 640)  # what a released network sees of any video, before padding
PADDED = (384, 640)
FILMED = (720, 1280)  # (height, width) of the frames that preprocessing and image masks are timed on
DEFAULT_CONFIGS = ("STMask_plus_resnet50_ada", "STMask_plus_base_ada")
AUTHORS_SECONDS = {"STMask_plus_resnet50_ada": (2.6, 3.1), "STMask_plus_base_ada": (3.0, 3.7)}
"""The authors' code, seconds per frame on 2 CPU cores with AVX-512 and AMX, range over four runs (fp32)."""


@dataclass(frozen=True)
class Measurement:
    """One configuration at one precision and batch size. Times are medians, per frame."""

    configuration: str
    precision: str
    batch: int
    network_ms: float  # the batched part: image tensor to raw outputs
    frame_ms: float  # all stages of a frame, one after the other
    frames_per_second: float
    gmac: float  # multiply-adds of the batched part, in billions; where branches are looked up, without those
    peak_fraction: float  # of the measured matrix product peak, batched part
    stages_ms: dict[str, float]
    times_faster_than_authors: float | None  # against the middle of their range; CPU only


@click.command("model")
@click.option("--config", "configs", multiple=True, type=click.Choice(list(CONFIGS)), help="May be repeated.")
@click.option("--precision", "precisions", multiple=True, type=click.Choice(["fp32", "auto"]))
@click.option("--batch", "batches", multiple=True, type=click.IntRange(1, 256), help="May be repeated.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--tracks", default=20, show_default=True, help="Tracks carried and masks assembled per frame.")
@click.option("--repeats", default=7, show_default=True, type=click.IntRange(1, 1000))
@click.option("--json", "as_json", is_flag=True, help="One JSON value on standard output.")
def command(
    configs: tuple[str, ...],
    precisions: tuple[str, ...],
    batches: tuple[int, ...],
    device: str,
    tracks: int,
    repeats: int,
    as_json: bool,
) -> None:
    """Frames per second of the network at 384x640, by stage, with random weights.

    Rates are this machine's, now: run it when nothing else runs.
    """
    configs = configs or DEFAULT_CONFIGS
    precisions = precisions or ("fp32", "auto")
    batches = batches or (1, 2, 4)
    device_named(device)  # refuses one that is not there
    dtypes = {name: torch.float32 if name == "fp32" else fastest_dtype(device) for name in precisions}
    peaks = {name: matrix_peak(dtype, device, repeats) for name, dtype in dtypes.items()}
    orders = [(config, name, batch) for config in configs for name in precisions for batch in batches]
    measured = []
    ready: dict[tuple[str, str], STMask] = {}
    for config, name, batch in with_progress(orders, label="measuring", unit="setting", total=len(orders)):
        if (config, name) not in ready:
            ready.clear()
            ready[config, name] = optimise_for_inference(
                new_network(CONFIGS[config]).to(device), dtypes[name]
            )
        measured.append(
            measure(
                config, name, batch, ready[config, name], peaks[name], device, tracks=tracks, repeats=repeats
            )
        )
    report = {
        "machine": machine(device),
        "input": {"frame": FRAME, "padded": PADDED, "tracks": tracks},
        "precision": {name: str(dtype).removeprefix("torch.") for name, dtype in dtypes.items()},
        "peak_gflops": {name: round(peak, 1) for name, peak in peaks.items()},
        "multiply_adds_g": {config: count_gmac(CONFIGS[config]) for config in configs},
        "measurements": [asdict(entry) for entry in measured],
        "best_batch": best_batches(measured),
    }
    if as_json:
        print_json(report)
    else:
        print_report(report)


def measure(
    configuration: str,
    precision: str,
    batch: int,
    network: STMask,
    peak_gflops: float,
    device: str,
    *,
    tracks: int,
    repeats: int,
) -> Measurement:
    """Time the network and what follows it; ``network`` is ready for inference on ``device``."""
    dense = is_dense(network, device)
    gmac = count_gmac(network.config, dense=dense)["total"]
    images = torch.randn(batch, 3, *PADDED, device=device)
    with torch.inference_mode():
        network_ms = median_ms(lambda: network(images, dense=dense), device, repeats=repeats) / batch
        stages = {name: ms / batch for name, ms in stage_times(network, images, device, repeats).items()}
        stages |= per_frame_stages(network, images, device, tracks, repeats)
    per_frame = ("preprocess", "carry", "masks", "detection", "looked_up", "association", "image_masks")
    frame_ms = network_ms + sum(stages[name] for name in per_frame)
    seconds = AUTHORS_SECONDS.get(configuration) if device == "cpu" else None
    return Measurement(
        configuration=configuration,
        precision=precision,
        batch=batch,
        network_ms=round(network_ms, 2),
        frame_ms=round(frame_ms, 2),
        frames_per_second=round(1e3 / frame_ms, 3),
        gmac=gmac,
        peak_fraction=round(2 * gmac / network_ms * 1e3 / peak_gflops, 3),
        stages_ms={name: round(ms, 3) for name, ms in stages.items()},
        times_faster_than_authors=None if seconds is None else round(sum(seconds) / 2 * 1e3 / frame_ms, 2),
    )


def stage_times(network: STMask, images: torch.Tensor, device: str, repeats: int) -> dict[str, float]:
    """Milliseconds of each stage of ``forward``, for the whole batch."""
    head = network.prediction_layers[0]
    watched: list[tuple[str, nn.Module]] = [
        ("backbone", network.backbone),
        ("fpn", network.fpn),
        ("prototypes", network.proto_net),
        ("heads", head),
    ]
    for module in network.modules():
        if isinstance(module, ModulatedDeformableConvolution):
            watched.append(("backbone_deformable", module))
        elif isinstance(module, DeformableConvolution):
            watched.append(("heads_calibration", module))
    stopwatch, dense = Stopwatch(device), is_dense(network, device)
    with stopwatch.watching(watched):
        for _ in range(repeats):
            network(images, dense=dense)
            settle(device)
            stopwatch.end_run()
    return stopwatch.medians_ms()


def per_frame_stages(
    network: STMask, images: torch.Tensor, device: str, tracks: int, repeats: int
) -> dict[str, float]:
    """Milliseconds per frame of what is not batched, for a 720p frame and ``tracks`` objects."""
    raw = network(images[:1])
    features = raw.frame_features(0)
    corners = np.random.default_rng(0).uniform(0, 1, (tracks, 2, 2))
    corners.sort(axis=1)
    boxes = torch.from_numpy(corners.reshape(tracks, 4)).float().to(device)
    coefficients = raw.mask_coefficients[0, :tracks]
    looked_up = network(images[:1], dense=is_dense(network, device))
    anchors = torch.linspace(0, len(raw.anchors) - 1, tracks, device=device).long()
    filmed = np.random.default_rng(1).integers(0, 256, (*FILMED, 3), dtype=np.uint8)
    layout = squashed(FILMED, (FRAME[1], FRAME[0]))
    every = DetectionSettings(min_class_score=0.0)  # random weights are sure of nothing
    found = detect(raw, 0, every)
    found = found.take(np.arange(min(tracks, len(found))))
    known = Tracker().step(found).after
    assert known is not None, "without a threshold every anchor is a candidate"
    works: dict[str, Callable[[], object]] = {
        "preprocess": lambda: network_input([filmed], layout).to(device),
        "carry": lambda: network.carry(features, features, boxes, coefficients),
        "masks": lambda: assemble_masks(raw.prototypes[0], coefficients, boxes),
        "detection": lambda: detect(raw, 0, every),
        "looked_up": lambda: looked_up.described(0, anchors),
        "association": lambda: score_terms(found, known),
        "image_masks": lambda: [image_mask(soft, layout) for soft in found.masks],
    }
    if not network.config.temporal_fusion:
        del works["carry"]
    times = {name: median_ms(work, device, repeats=repeats) for name, work in works.items()}
    return {"carry": 0.0, **times}


def is_dense(network: STMask, device: str) -> bool:
    """False where a run looks coefficients and embeddings up, see ``raw_outputs`` of the engine."""
    return device.startswith("cuda") or not can_be_local(network.prediction_layers[0])  # type: ignore[arg-type]


def count_gmac(config: ModelConfig, *, dense: bool = True) -> dict[str, float]:
    """Multiply-adds of one frame at 384x640 in billions, by part; sampling and resizing not counted.

    dense: with coefficients and embeddings of every anchor.
    """
    network = skeleton(config).eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        return counted(counter, network, torch.empty(1, 3, *PADDED, device="meta"), dense)


def counted(counter: FlopCounterMode, network: STMask, images: torch.Tensor, dense: bool) -> dict[str, float]:
    """Run the parts one after the other and read the counter between them."""
    parts: dict[str, float] = {}
    done = 0.0

    def part(name: str) -> None:
        nonlocal done
        total = counter.get_total_flops() / 2e9
        parts[name] = round(total - done, 2)
        done = total

    features = network.backbone(images)
    part("backbone")
    pyramid = network.fpn(*features)
    part("fpn")
    network.proto_net(pyramid[0])
    part("prototypes")
    for level in pyramid:
        network.prediction_layers[0](level, dense=dense)
    part("heads")
    parts["total"] = round(done, 2)
    return parts


def matrix_peak(dtype: torch.dtype, device: str, repeats: int) -> float:
    """Best rate of a large matrix product, in GFLOP/s."""
    size = 8192 if device.startswith("cuda") else 3072
    a = torch.randn(size, size, device=device).to(dtype)
    b = torch.randn(size, size, device=device).to(dtype)
    best = min(median_ms(lambda: a @ b, device, repeats=repeats, warm_up=1) for _ in range(2))
    return 2 * size**3 / best / 1e6


def machine(device: str) -> dict[str, Any]:
    """What the numbers were measured on."""
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else processor_name()
    return {"device": device, "name": name, "threads": torch.get_num_threads(), "torch": torch.__version__}


def processor_name() -> str:
    """The processor as the system names it, with the extensions that matter here."""
    extensions = [
        name
        for name, there in (
            ("AVX-512", torch.cpu._is_avx512_supported()),
            ("AVX-512 BF16", torch.cpu._is_avx512_bf16_supported()),
            ("AMX", torch.cpu._is_amx_tile_supported()),
        )
        if there
    ]
    return (
        f"{platform.processor() or platform.machine()} ({', '.join(extensions) or 'no 512-bit extensions'})"
    )


def best_batches(measured: list[Measurement]) -> dict[str, dict[str, int]]:
    """The batch size with the least time per frame, by configuration and precision."""
    best: dict[str, dict[str, int]] = {}
    for entry in sorted(measured, key=lambda entry: -entry.frame_ms):
        best.setdefault(entry.configuration, {})[entry.precision] = entry.batch
    return best


def print_report(report: dict[str, Any]) -> None:
    """The same for people."""
    click.echo(f"{report['machine']['name']}, {report['machine']['threads']} threads")
    for entry in report["measurements"]:
        precision = f"{entry['precision']} ({report['precision'][entry['precision']]})"
        click.echo(
            f"\n{entry['configuration']}  {precision}  batch {entry['batch']}: "
            f"{entry['frames_per_second']:.2f} frames/s, {entry['frame_ms']:.0f} ms a frame, "
            f"{entry['gmac']:.1f} G multiply-adds, {entry['peak_fraction']:.0%} of peak"
        )
        click.echo("  " + ", ".join(f"{name} {ms:.1f}" for name, ms in entry["stages_ms"].items()) + " ms")
        if entry["times_faster_than_authors"] is not None:
            click.echo(
                f"  {entry['times_faster_than_authors']:.1f} times the authors' code on two such cores"
            )
