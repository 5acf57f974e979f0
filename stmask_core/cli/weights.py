"""``stmask weights``: which checkpoints the authors released, and what a given file is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import click

from stmask_core.cli import print_json
from stmask_core.cli.model_options import (
    KINDS_OF_NMS,
    SET,
    VARIANT,
    changed_constants,
    named_constants,
    named_variants,
)
from stmask_core.errors import CheckpointError


@click.command("weights")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--compact", type=click.Path(path_type=Path), help="Write FILE in 8 bits here, to give away.")
@click.option(
    "--mean-with",
    type=click.Path(path_type=Path),
    help="With --compact: write the mean of FILE and this, which one was trained on from the other.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="How much of the mean is of the file of --mean-with.",
)
@click.option(
    "--part",
    default="",
    metavar="NAME",
    help="Take the mean of entries only whose names begin so, for example backbone.; the others are FILE's.",
)
@click.option(
    "--four-bit",
    multiple=True,
    metavar="NAME",
    help="With --compact: keep entries whose names begin so in 4 bits, for example fpn. May be repeated.",
)
@SET
@click.option(
    "--nms",
    type=click.Choice(KINDS_OF_NMS),
    help="With --compact: the kind of NMS that suits the weights.",
)
@VARIANT
@click.option("--networks", is_flag=True, help="List the architectures that recipes and build_model know.")
@click.option("--json", "as_json", is_flag=True, help="One JSON value on standard output.")
def command(
    file: Path | None,
    compact: Path | None,
    mean_with: Path | None,
    share: float,
    part: str,
    four_bit: tuple[str, ...],
    constants: tuple[str, ...],
    nms: str | None,
    variants: tuple[str, ...],
    networks: bool,
    as_json: bool,
) -> None:
    """List the released checkpoints, or say what FILE is.

    With --compact, --set, --nms and --variant write what suits the weights into them; runs take it from
    there.
    """
    if networks:
        known = described_networks()
        print_json(known) if as_json else click.echo("\n".join(map(network_line, known)))
        return
    if mean_with is None and (share != 0.5 or part):
        raise click.UsageError("--share and --part need --mean-with.")
    if compact is not None:
        if file is None:
            raise click.UsageError("--compact needs a FILE.")
        mean = None if mean_with is None else Mean(mean_with, share, part)
        write_compact(file, compact, mean, four_bit, constants, nms, variants)
    elif mean_with is not None or four_bit or constants or nms or variants:
        raise click.UsageError("--mean-with, --four-bit, --set, --nms and --variant need --compact.")
    answer: Any = released_files() if file is None else describe(file)
    if as_json:
        print_json(answer)
    elif file is None:
        print_released(answer)
    else:
        print_description(answer)


class Mean(NamedTuple):
    """A mean with the weights of another file, see ``mean_weights``."""

    file: Path
    share: float
    part: str


def write_compact(
    file: Path,
    target: Path,
    mean: Mean | None = None,
    four_bit: Sequence[str] = (),
    constants: Sequence[str] = (),
    nms: str | None = None,
    variants: Sequence[str] = (),
) -> None:
    """The same weights in a quarter of the space, with configuration and categories inside.

    mean: what is written is the mean with this. four_bit: names of parts kept in 4 bits.
    constants: NAME=VALUE, of identity.
    nms: a ``Suppression``. variants: NAME=VALUE, departures from the released code.
    """
    from stmask_core.model.checkpoint import read_checkpoint, save_checkpoint
    from stmask_core.model.config import variant
    from stmask_core.model.mean_weights import mean_weights
    from stmask_core.tracking.association import AssociationSettings

    changed_constants(AssociationSettings(), constants)  # refuses what makes no sense
    identity = named_constants(constants)
    checkpoint = read_checkpoint(file)
    if mean is not None:
        checkpoint = mean_weights(read_checkpoint(mean.file), checkpoint, mean.share, mean.part)
    try:
        checkpoint = replace(checkpoint, config=variant(checkpoint.config, named_variants(variants)))
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint="--variant") from error
    asked = {"identity": identity, "suppression": nms}
    extra = checkpoint.extra | {name: value for name, value in asked.items() if value}
    save_checkpoint(
        target, checkpoint.network(), checkpoint.categories, extra, compact=True, four_bit=four_bit
    )


def released_files() -> list[dict[str, Any]]:
    """The authors' table as JSON values."""
    from stmask_core.model.released import RELEASED

    return [asdict(entry) for entry in RELEASED]


def described_networks() -> list[dict[str, Any]]:
    """Every architecture known by name: released, ours, and the rows of the paper's tables."""
    from stmask_core.model.ablations import NETWORKS

    return [{"name": name, **config.to_dict()} for name, config in NETWORKS.items()]


def network_line(network: dict[str, Any]) -> str:
    """An architecture in words."""
    kernels = " ".join(f"{height}x{width}" for height, width in network["kernels"])
    calibrated = [
        f"{branch} {network[f'{branch}_calibration']}"
        for branch in ("class", "mask", "track")
        if network[f"{branch}_calibration"]
    ]
    level, patch = network["correlation_level"] + 3, network["correlation_patch"]
    backbone = f"{network['backbone']} {'-'.join(map(str, network['blocks']))}"
    if network["deformable_interval"]:
        backbone += f", deformable at interval {network['deformable_interval']}"
    facts = [
        backbone,
        f"{network['num_classes'] - 1} categories",
        f"kernels {kernels}",
        f"FCB {', '.join(calibrated)}" if calibrated else "no FCB",
        f"temporal fusion P{level}, {patch}x{patch}" if network["temporal_fusion"] else "no temporal fusion",
    ]
    return f"{network['name']:36}{'; '.join(facts)}"


def describe(path: Path) -> dict[str, Any]:
    """What a weights file is; CheckpointError when it is no weights file or nothing of it is of use here."""
    from stmask_core.model.checkpoint import read_checkpoint
    from stmask_core.model.recognise import released_names

    try:
        checkpoint = read_checkpoint(path)
    except CheckpointError as error:
        return describe_initialisation(path, error)
    return {
        "file": str(path),
        "kind": "own" if checkpoint.ours else "released",
        "configuration": checkpoint.name,
        "same_architecture": list(released_names(checkpoint.config)),
        "architecture": checkpoint.config.to_dict(),
        "num_categories": checkpoint.config.num_classes - 1,
        "categories": None if checkpoint.categories is None else list(checkpoint.categories),
        "category_list": checkpoint.dataset,
        "parameters": sum(
            value.numel()
            for key, value in checkpoint.state_dict.items()
            if not key.endswith(("running_mean", "running_var", "num_batches_tracked"))
        ),
        "extra": checkpoint.extra,
        "notices": list(checkpoint.notices),
    }


def describe_initialisation(path: Path, reason: CheckpointError) -> dict[str, Any]:
    """A file that fits no network whole but can start a training; otherwise raises ``reason``."""
    from stmask_core.model.checkpoint import read_state
    from stmask_core.model.config import CONFIGS
    from stmask_core.model.recognise import skeleton

    tensors = read_state(path).tensors
    fits: dict[str, int] = {}
    for name, config in CONFIGS.items():
        own = skeleton(config).state_dict()
        fits[name] = sum(
            key in own and own[key].shape == value.shape and value.dim() > 0 for key, value in tensors.items()
        )
    best = max(fits, key=lambda name: fits[name])
    if fits[best] == 0:
        raise reason
    return {
        "file": str(path),
        "kind": "initialisation",
        "entries": len(tensors),
        "best_configuration": best,
        "fitting_entries": fits[best],
        "notices": [str(reason)],
    }


def print_released(files: list[dict[str, Any]]) -> None:
    """The table for people."""
    from stmask_core.model.released import SOURCE

    for entry in files:
        accuracy = "" if entry["mask_ap"] is None else f"AP {entry['mask_ap']:.1f}"
        click.echo(f"{entry['file']:40}{entry['data']:28}{accuracy}")
    click.echo(f"\nThe authors' page says where to get them: {SOURCE}")
    click.echo("AP: mask AP on the validation set as published, with NMS per class.")


def print_description(answer: dict[str, Any]) -> None:
    """One fact per line."""
    for key, value in answer.items():
        if key == "architecture" or value in (None, [], {}):
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        click.echo(f"{key.replace('_', ' '):20}{shown}")
