"""``stmask bench train``: images per second forward and backward, and the fraction of the machine's peak."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import click
import torch
from torch.utils.flop_counter import FlopCounterMode

from stmask_core.bench.model import machine, matrix_peak
from stmask_core.bench.stopwatch import median_ms
from stmask_core.cli import print_json
from stmask_core.cli.progress import with_progress
from stmask_core.engine.session import device_named
from stmask_core.model.config import CONFIGS, PRESETS, ModelConfig
from stmask_core.model.initialise import new_network
from stmask_core.training.batch import FrameTruth, PairBatch
from stmask_core.training.dataset import padded
from stmask_core.training.losses import LossOptions, PairLoss
from stmask_core.training.optimisation import freeze
from stmask_core.training.recipe import NetworkChoice
from stmask_core.training.run import on_device

OBJECTS = 4  # per frame
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Measurement:
    """One network at one precision. Times are medians."""

    configuration: str
    precision: str
    pairs: int
    step_ms: float  # losses and gradients of one batch, without the optimiser's step
    images_per_second: float
    gflop: float  # of products and convolutions in one batch: three times the forward pass
    peak_fraction: float  # of the measured matrix product peak at the same precision


@click.command("train")
@click.option(
    "--config", "configs", multiple=True, type=click.Choice([*PRESETS, *CONFIGS]), help="May be repeated."
)
@click.option("--precision", "precisions", multiple=True, type=click.Choice(list(DTYPES)))
@click.option("--pairs", default=4, show_default=True, type=click.IntRange(1, 256), help="Pairs per batch.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--repeats", default=5, show_default=True, type=click.IntRange(1, 1000))
@click.option("--json", "as_json", is_flag=True, help="One JSON value on standard output.")
def command(
    configs: tuple[str, ...],
    precisions: tuple[str, ...],
    pairs: int,
    device: str,
    repeats: int,
    as_json: bool,
) -> None:
    """Training speed with random weights and drawn boxes, at each network's own input size.

    Rates are this machine's, now: run it when nothing else runs.
    """
    device_named(device)  # refuses one that is not there
    orders = [(config, name) for config in configs or tuple(PRESETS) for name in precisions or tuple(DTYPES)]
    peaks = {name: matrix_peak(DTYPES[name], device, repeats) for name in {name for _, name in orders}}
    measured = [
        measure(config, precision, peaks[precision], pairs, device, repeats)
        for config, precision in with_progress(orders, label="measuring", unit="setting", total=len(orders))
    ]
    where = machine(device)
    report = {
        "machine": where,
        "peak_gflops": {name: round(peak, 1) for name, peak in peaks.items()},
        "measurements": [asdict(entry) for entry in measured],
    }
    if as_json:
        print_json(report)
        return
    click.echo(f"{where['name']}, {where['threads']} threads")
    for entry in measured:
        click.echo(
            f"{entry.configuration}  {entry.precision}  {entry.pairs} pairs: "
            f"{entry.images_per_second:.2f} images/s, {entry.step_ms:.0f} ms a batch, "
            f"{entry.gflop:.0f} GFLOP, {entry.peak_fraction:.0%} of peak"
        )


def measure(
    configuration: str, precision: str, peak_gflops: float, pairs: int, device: str, repeats: int
) -> Measurement:
    """Time forward and backward of one network."""
    config = (CONFIGS | PRESETS)[configuration]
    network = new_network(config).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    freeze(network.train(), NetworkChoice(), "frozen")
    loss = PairLoss(network, LossOptions(mask_size="prototypes", most_masks=32, most_carried=16))
    batch = on_device(drawn_batch(config, pairs), torch.device(device))

    def work() -> None:
        network.zero_grad(set_to_none=True)
        with torch.autocast(torch.device(device).type, DTYPES[precision], enabled=precision != "fp32"):
            losses = loss(batch)
        losses.total.backward()

    flop = 3 * forward_flop(loss, batch)
    step_ms = median_ms(work, device, repeats=repeats)
    return Measurement(
        configuration=configuration,
        precision=precision,
        pairs=pairs,
        step_ms=round(step_ms, 1),
        images_per_second=round(2 * pairs / step_ms * 1e3, 2),
        gflop=round(flop / 1e9, 1),
        peak_fraction=round(flop / step_ms / 1e6 / peak_gflops, 4),
    )


def forward_flop(loss: PairLoss, batch: PairBatch) -> int:
    """Floating-point operations of the forward pass; the backward pass is about twice as many.

    PyTorch's counter ignores groups in the backward pass, so that pass is not counted itself.
    """
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        loss(batch)
    return counter.get_total_flops()


def drawn_batch(config: ModelConfig, pairs: int) -> PairBatch:
    """Noise with rectangles as truth; every object is in both frames of its pair."""
    generator = torch.Generator().manual_seed(0)
    width, height = padded(config.input_size)
    truths = []
    for number in range(2 * pairs):
        corners = torch.rand(OBJECTS, 2, generator=generator) * 0.6
        sizes = 0.15 + torch.rand(OBJECTS, 2, generator=generator) * 0.25
        boxes = torch.cat([corners, corners + sizes], 1)
        masks = torch.zeros(OBJECTS, height, width, dtype=torch.uint8)
        for mask, (x1, y1, x2, y2) in zip(masks, boxes.tolist(), strict=True):
            mask[int(y1 * height) : int(y2 * height), int(x1 * width) : int(x2 * width)] = 1
        ids = torch.arange(OBJECTS) + 1 + OBJECTS * (number // 2)
        labels = 1 + torch.arange(OBJECTS) % (config.num_classes - 1)
        truths.append(FrameTruth(boxes, labels, ids, masks))
    return PairBatch.of(torch.randn(2 * pairs, 3, height, width, generator=generator), truths)
