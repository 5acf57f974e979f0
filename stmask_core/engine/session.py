"""A network ready to work on a device: what ``load_model`` and ``build_model`` return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import torch

from stmask_core.engine.category_names import category_names
from stmask_core.errors import CheckpointError, InferenceError
from stmask_core.model.ablations import NETWORKS
from stmask_core.model.checkpoint import read_checkpoint, require_categories
from stmask_core.model.config import VARIANTS, ModelConfig, variant
from stmask_core.model.inference import fastest_dtype, optimise_for_inference
from stmask_core.model.postprocess import SUPPRESSIONS, Suppression
from stmask_core.model.stmask import STMask
from stmask_core.tracking.association import AssociationSettings
from stmask_core.tracking.constants import constants_of_json

Precision = Literal["auto", "fp32", "bf16"]
BATCH = {"cpu": 4, "cuda": 16}
RELEASED_CHOICES = {name: released for name, (released, _) in VARIANTS.items()}
"""``Model.choices`` of the released code."""


@dataclass(frozen=True)
class Model:
    """A network on its device. ``network`` has the released keys; ``ready`` is the copy that runs.

    categories: names of ids 1..K. notices: what a user should hear of (guesses, dropped entries).
    association, suppression: the constants of identity and the kind of NMS that suit these weights; the
    released code's unless they say more.
    """

    network: STMask
    ready: STMask
    categories: tuple[str, ...]
    device: torch.device
    precision: Literal["fp32", "bf16"]
    name: str = ""
    notices: tuple[str, ...] = ()
    extra: dict[str, object] = field(default_factory=dict)
    association: AssociationSettings = field(default_factory=AssociationSettings)
    suppression: Suppression = "cross_class"

    @property
    def config(self) -> ModelConfig:
        """The network's configuration."""
        return self.network.config

    @property
    def choices(self) -> dict[str, str]:
        """Where the network follows the released code and where not (``VARIANTS``)."""
        return {name: getattr(self.config, name) for name in VARIANTS}

    @property
    def best_batch(self) -> int:
        """Frames to run at once: more gain nothing on this kind of device."""
        return BATCH.get(self.device.type, 4)


def load_model(
    path: str | Path,
    categories: str | Sequence[str] | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    choices: Mapping[str, str] = MappingProxyType({}),
) -> Model:
    """Load the authors' ``.pth`` or our own ``.safetensors`` weights.

    categories: the names of ids 1..K, or "ytvis2019", "ytvis2021", "ovis"; None takes the file's own, else
    guesses with a notice. precision: "auto" takes bfloat16 where the device multiplies it natively. choices:
    departures from the released code that need no other weights (``VARIANTS``). Raises CheckpointError for
    files that are not plain tensors or fit no network, InferenceError for a device that is not there or an
    unknown choice.
    """
    place = device_named(device)
    checkpoint = read_checkpoint(path)
    names, notices = _names(checkpoint.categories, checkpoint.dataset, categories, checkpoint.config)
    if categories is None:
        notices = (*checkpoint.notices, *notices)
    title = checkpoint.name or Path(path).stem
    try:
        checkpoint = replace(checkpoint, config=variant(checkpoint.config, choices))
    except ValueError as error:
        raise InferenceError(f"There is no such variant: {error}.") from error
    association = association_of_weights(checkpoint.extra, Path(path).name)
    suppression = suppression_of_weights(checkpoint.extra, Path(path).name)
    if association != AssociationSettings():
        asked = ", ".join(f"{key}={value}" for key, value in checkpoint.extra["identity"].items())
        notices = (*notices, f"Identity as these weights ask for: {asked}.")
    if suppression != "cross_class":
        notices = (*notices, f"NMS as these weights ask for: {suppression}.")
    network = checkpoint.network().to(place)
    model = _model(network, names, place, precision, title, notices)
    return replace(model, extra=checkpoint.extra, association=association, suppression=suppression)


def association_of_weights(extra: Mapping[str, object], name: str) -> AssociationSettings:
    """The constants that a weights file of ours asks for, as ``identity``; CheckpointError for nonsense."""
    try:
        return constants_of_json(extra.get("identity", {}))
    except ValueError as error:
        raise CheckpointError(
            f"{name} asks for constants of identity that make no sense: {error}.",
            "Choose other weights, or write these again with stmask weights --compact.",
        ) from error


def suppression_of_weights(extra: Mapping[str, object], name: str) -> Suppression:
    """The kind of NMS that a weights file of ours asks for; CheckpointError for nonsense."""
    asked = extra.get("suppression", "cross_class")
    for known in SUPPRESSIONS:
        if asked == known:
            return known
    raise CheckpointError(
        f"{name} asks for NMS that there is not: {asked}. There is {', '.join(SUPPRESSIONS)}.",
        "Choose other weights, or write these again with stmask weights --compact.",
    )


def build_model(
    network: str | ModelConfig,
    num_classes: int | None = None,
    device: str = "cpu",
    precision: Precision = "fp32",
) -> Model:
    """A network with random weights; num_classes counts the background.

    network: a released name, one of our presets, a row of the paper's tables (``stmask weights --networks``
    lists them), or a configuration of your own. Raises CheckpointError for an unknown name.
    """
    if isinstance(network, ModelConfig):
        config, name = network, "own configuration"
    elif network in NETWORKS:
        config, name = NETWORKS[network], network
    else:
        raise CheckpointError(f"There is no configuration {network!r}.", f"Known: {', '.join(NETWORKS)}.")
    if num_classes is not None:
        config = replace(config, num_classes=num_classes)
    names = tuple(f"category {number}" for number in range(1, config.num_classes))
    place = device_named(device)
    return _model(STMask(config).eval().to(place), names, place, precision, name, ())


def model_of(
    network: STMask, categories: Sequence[str], device: str = "cpu", precision: Precision = "fp32"
) -> Model:
    """A network in memory, for example one being trained, made ready to run."""
    require_categories(network.config, categories, "the list given")
    place = device_named(device)
    return _model(network.eval().to(place), tuple(categories), place, precision, "in memory", ())


def _model(
    network: STMask,
    categories: tuple[str, ...],
    device: torch.device,
    precision: Precision,
    name: str,
    notices: tuple[str, ...],
) -> Model:
    dtype = (
        fastest_dtype(device)
        if precision == "auto"
        else {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    )
    return Model(
        network=network,
        ready=optimise_for_inference(network, dtype),
        categories=categories,
        device=device,
        precision="bf16" if dtype == torch.bfloat16 else "fp32",
        name=name,
        notices=notices,
    )


def device_named(name: str) -> torch.device:
    """The device of a name, "auto" for the best there is; InferenceError for one that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InferenceError(f"There is no device called {name!r}.", "Use cpu, cuda or cuda:0.") from error
    if device.type == "cuda" and not (device.index or 0) < torch.cuda.device_count():
        raise InferenceError(f"This machine has no device {name}.", "Use --device cpu, or see stmask doctor.")
    return device


def _names(
    own: tuple[str, ...] | None,
    guessed: str | None,
    given: str | Sequence[str] | None,
    config: ModelConfig,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(names, notices): the user's list, else the file's, else the guessed list, else numbers."""
    if given is not None:
        names = category_names(given) if isinstance(given, str) else tuple(given)
        require_categories(config, names, given if isinstance(given, str) else "the list given")
        return names, ()
    if own is not None:
        return own, ()
    if guessed is not None:
        return category_names(guessed), ()
    numbered = tuple(f"category {number}" for number in range(1, config.num_classes))
    return numbered, ("The weights do not name their categories: they are numbered.",)
