"""The options of every verb that runs a network, and the network they describe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from stmask_core.errors import MissingDependency

if TYPE_CHECKING:
    from stmask_core.engine.clip import RunSettings
    from stmask_core.engine.session import Model
    from stmask_core.model.postprocess import DetectionSettings
    from stmask_core.tracking.association import AssociationSettings

SET = click.option(
    "--set",
    "constants",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a constant of identity: keep, decay, wins, new_score, … May be given several times.",
)

ASSOCIATION = click.option(
    "--association",
    type=click.Choice(["weights", "released", "paper"]),
    default="weights",
    show_default=True,
    help="What names a detection: what the weights ask for (the authors' ask for nothing, which is released);"
    " the released code, with box IoU, above 1.4; the paper's Eq. 15-16.",
)

VARIANT = click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="NAME=VALUE",
    help="Use the weights otherwise than the released code: aligned_offsets=paper, carried_boxes=paper,"
    " centerness_order=correct, mask_windows=trained. May be given several times. All differences of paper"
    " and code: docs/guide/model.md.",
)

KINDS_OF_NMS = ("cross_class", "per_class", "greedy")
"""``SUPPRESSIONS``, told without loading the network's room."""

NMS = click.option(
    "--nms",
    type=click.Choice(["weights", *KINDS_OF_NMS]),
    default="weights",
    show_default=True,
    help="Suppress overlapping detections as the weights ask for (the authors' ask for nothing, which is"
    " cross_class); over all classes; within each (published AP); over all classes as in the paper: only what"
    " is kept suppresses, at most 100 are kept.",
)

OPTIONS = (
    click.option(
        "--weights", default="demo", show_default=True, help="A weights file, or demo: the one in the box."
    ),
    click.option("--categories", help="ytvis2019, ytvis2021, ovis, or a file (JSON, or a name per line)."),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, …"),
    click.option(
        "--precision",
        type=click.Choice(["auto", "fp32", "bf16"]),
        default="auto",
        show_default=True,
        help="fp32 is the reference; auto takes bf16 where the device is fast at it.",
    ),
    click.option("--batch", type=click.IntRange(1), help="Frames at once; by default what suits the device."),
    click.option("--letterbox", is_flag=True, help="Keep the aspect ratio instead of the released squash."),
    click.option(
        "--tracker",
        type=click.Choice(["temporal", "plain"]),
        default="temporal",
        show_default=True,
        help="temporal: with temporal fusion; plain: frame by frame.",
    ),
    NMS,
    ASSOCIATION,
    SET,
    click.option(
        "--retire",
        type=click.IntRange(0),
        help="Forget tracks not seen for this many frames: they cost time, but can come back (released: never"
        " forgotten).",
    ),
    VARIANT,
    click.option(
        "--score", type=click.FloatRange(0, 1), help="Least class score of a detection (released: 0.05)."
    ),
)


def model_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Weights, device, precision and every choice about detection and identity."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def model_from(options: dict[str, Any]) -> Model:
    """The network that the options describe; one line per notice on standard error."""
    try:
        from stmask_core.engine.demo_weights import weights_path
        from stmask_core.engine.session import load_model
    except ImportError as error:
        raise MissingDependency(
            f"Running the model needs {error.name}, which is not installed.",
            "Install it: pip install 'stmask-annotator[model]'.",
        ) from error
    model = load_model(
        weights_path(options["weights"]),
        _names(options["categories"]),
        options["device"],
        options["precision"],
        named_variants(options["variants"]),
    )
    for notice in model.notices:
        click.echo(f"note: {notice}", err=True)
    return model


def settings_from(options: dict[str, Any], model: Model) -> RunSettings:
    """How clips are run through a network under the options."""
    from dataclasses import replace

    from stmask_core.engine.clip import RunSettings

    detection = detection_from(options["nms"], model)
    if options["score"] is not None:
        detection = replace(detection, min_class_score=options["score"])
    association = association_from(options["association"], model)
    if options["retire"] is not None:
        association = replace(association, retire_after=options["retire"])
    return RunSettings(
        detection=detection,
        association=changed_constants(association, options["constants"]),
        resize="letterbox" if options["letterbox"] else "squash",
        batch=options["batch"],
        temporal_fusion=options["tracker"] == "temporal",
    )


def detection_from(nms: str, model: Model) -> DetectionSettings:
    """What ``--nms`` stands for."""
    from stmask_core.model.postprocess import SUPPRESSIONS, DetectionSettings

    named = {"weights": model.suppression} | {known: known for known in SUPPRESSIONS}
    return DetectionSettings(suppression=named[nms])


def association_from(choice: str, model: Model) -> AssociationSettings:
    """What ``--association`` stands for."""
    from stmask_core.tracking.association import PAPER, AssociationSettings

    return {"weights": model.association, "released": AssociationSettings(), "paper": PAPER}[choice]


def changed_constants(base: AssociationSettings, texts: Sequence[str]) -> AssociationSettings:
    """The constants with what ``--set`` says; click.BadParameter when it makes no sense."""
    from stmask_core.tracking.constants import with_constants

    try:
        return with_constants(base, named_constants(texts))
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint="--set") from error


def named_constants(texts: Sequence[str]) -> dict[str, str]:
    """What ``--set`` says, by name."""
    pairs = (_pair(text, "--set") for text in texts)
    return {name.strip(): value.strip() for name, value in pairs}


def named_variants(texts: Sequence[str]) -> dict[str, str]:
    """What ``--variant`` says, by name."""
    return dict(_pair(text, "--variant") for text in texts)


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE.", param_hint=option)
    return name, value


def _names(given: str | None) -> tuple[str, ...] | None:
    """Category names of ids 1..K from an official list or a file."""
    if given is None:
        return None
    from stmask_core.formats.category_lists import read_category_list

    return tuple(category.name for category in sorted(read_category_list(given), key=lambda c: c.id))
