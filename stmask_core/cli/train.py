"""``stmask train RECIPE``: train a network, on one device or several (``torchrun``)."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stmask_core.cli import print_json
from stmask_core.cli.progress import with_progress
from stmask_core.errors import StmaskError
from stmask_core.formats.atomic import atomic_write

if TYPE_CHECKING:
    from stmask_core.model.stmask import STMask
    from stmask_core.training.recipe import Recipe
    from stmask_core.training.run import Evaluate, Processes, StepReport, Training


LONGEST_WAIT = timedelta(hours=12)
"""The first process judges the network alone, perhaps on a whole validation set; the others wait so long."""

MOST_READERS = 8


@click.command("train")
@click.argument("recipe_file", metavar="RECIPE", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Instead of the recipe's out.")
@click.option("--steps", type=click.IntRange(1), help="Instead of the recipe's steps.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option(
    "--readers",
    type=click.IntRange(0, 64),
    help="Processes that prepare batches; 0: a thread does.  [default: 0 on a CPU, up to 8 on a card]",
)
@click.option("--anew", is_flag=True, help="Do not resume, even if OUT holds a run.")
@click.option("--json", "as_json", is_flag=True, help="One JSON value on standard output at the end.")
def command(
    recipe_file: Path,
    out: Path | None,
    steps: int | None,
    device: str,
    readers: int | None,
    anew: bool,
    as_json: bool,
) -> None:
    """Train a network as a TOML recipe says; run again to resume. Ctrl-C saves and stops.

    OUT gets last.safetensors, best.safetensors, state.pt (for resuming), log.jsonl and TensorBoard files.
    Paths in the recipe are relative to the folder this runs in.
    """
    from stmask_core.training.recipe import read_recipe

    recipe = read_recipe(recipe_file)
    if out is not None:
        recipe = replace(recipe, out=out)
    if steps is not None:
        recipe = replace(recipe, schedule=replace(recipe.schedule, steps=steps))
    with joined_processes(device) as (processes, device):
        training = prepare(recipe, device, processes, readers)
        resumed = not anew and training.resume()
        if resumed and not processes.rank:
            click.echo(f"Resuming after step {training.done}.", err=True)
        last = follow(training)
    if as_json and not processes.rank:
        report = {"steps": training.done, "out": str(recipe.out), "best": _finite(training.best)}
        print_json(report | ({"losses": last.losses, "total": last.total} if last else {}))
    if training.done < recipe.schedule.steps and not processes.rank:
        click.echo(f"Stopped after step {training.done}; run again to resume.", err=True)


def prepare(recipe: Recipe, device: str, processes: Processes, readers: int | None = None) -> Training:
    """Read the data, build the network and give it its first weights.

    readers: processes that prepare batches; None = as many as suit the device.
    """
    from stmask_core.cli.training_sets import read_training_set
    from stmask_core.training.dataset import Pairs
    from stmask_core.training.run import Training

    categories = category_names(recipe)
    recipe = replace(recipe, categories=categories)
    sets = [read_training_set(source, categories) for source in recipe.data]
    return Training(
        recipe,
        first_network(recipe),
        Pairs(sets, recipe.input, recipe.seed),
        categories,
        evaluate=evaluation_of(recipe, device),
        device=device,
        processes=processes,
        readers=usual_readers(device, processes) if readers is None else readers,
    )


def usual_readers(device: str, processes: Processes) -> int:
    """A card waits for one reader; a CPU has its cores busy with the network."""
    if device == "cpu":
        return 0
    return max(1, min(MOST_READERS, (os.cpu_count() or 1) // processes.world - 1))


def category_names(recipe: Recipe) -> tuple[str, ...]:
    """Names of ids 1..K; a single name may be that of a category list."""
    from stmask_core.formats.category_lists import OFFICIAL, read_category_list

    if len(recipe.categories) == 1 and recipe.categories[0].casefold() in OFFICIAL:
        return tuple(category.name for category in read_category_list(recipe.categories[0]))
    return recipe.categories


def first_network(recipe: Recipe) -> STMask:
    """Xavier weights, then ImageNet's for the backbone, then another checkpoint's as far as they fit."""
    from stmask_core.model.checkpoint import initialise_from, read_state
    from stmask_core.model.efficientnet_lite import EfficientNetLite, from_imagenet
    from stmask_core.model.initialise import new_network
    from stmask_core.model.preprocess import MEAN, STD

    choice = recipe.network
    network = new_network(recipe.model_config(len(recipe.categories)), seed=recipe.seed)
    if choice.imagenet is not None:
        if not isinstance(network.backbone, EfficientNetLite):
            raise StmaskError("[network] imagenet is for efficientnet_lite backbones.")
        try:
            state = from_imagenet(read_state(choice.imagenet).tensors, MEAN.tolist(), STD.tolist())
            network.backbone.load_state_dict(state)
        except (ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0].rstrip(".:")
            raise StmaskError(f"{choice.imagenet.name} does not fit the backbone: {reason}.") from error
    if choice.start_from is not None:
        taken = initialise_from(network, choice.start_from)
        click.echo(f"{len(taken.taken)} entries taken from {choice.start_from.name}.", err=True)
    return network


def evaluation_of(recipe: Recipe, device: str) -> Evaluate | None:
    """How the run judges its network on the validation set: by the loss of pairs, or by AP of whole clips."""
    from stmask_core.cli.training_sets import read_training_set
    from stmask_core.training.judging import held_out_ap, held_out_loss

    if recipe.validation is None:
        return None
    held_out = read_training_set(recipe.validation, recipe.categories)
    if recipe.validation_clips:
        held_out = replace(held_out, clips=held_out.clips[: recipe.validation_clips])
    if recipe.judge == "ap":
        return held_out_ap(held_out, recipe.categories, device)
    return held_out_loss(held_out, recipe, device)


def follow(training: Training) -> StepReport | None:
    """Run to the end or to Ctrl-C, writing the logs from the step it goes on from; the last report."""
    recipe, report = training.recipe, None
    stop = StopSwitch()
    recipe.out.mkdir(parents=True, exist_ok=True)
    remaining = recipe.schedule.steps - training.done
    first = training.processes.rank == 0
    with stop.listening(), log_files(recipe.out, training.done) if first else no_logs() as write:
        steps = training.steps()
        try:
            shown = with_progress(steps, label="Training", unit="steps", total=remaining) if first else steps
            for report in shown:
                write(report)
                if stop.agreed(training.processes):
                    break
        finally:
            steps.close()  # saves
    return report


class StopSwitch:
    """Turned by Ctrl-C (and by a polite kill); processes that train together stop after the same step."""

    def __init__(self) -> None:
        self.asked = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take over the signals for a while."""

        def ask(_number: int, _frame: Any) -> None:
            self.asked = True

        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def agreed(self, processes: Processes) -> bool:
        """Whether any process was asked to stop."""
        if processes.world == 1:
            return self.asked
        import torch

        asked = torch.tensor([float(self.asked)])
        torch.distributed.all_reduce(asked, op=torch.distributed.ReduceOp.MAX)
        return bool(asked.item())


@contextmanager
def joined_processes(device: str) -> Iterator[tuple[Processes, str]]:
    """This process among those ``torchrun`` started, and its device; alone without ``torchrun``."""
    import torch

    from stmask_core.engine.session import device_named
    from stmask_core.training.run import Processes

    world, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    if device == "auto":
        device = f"cuda:{local}" if torch.cuda.is_available() else "cpu"
    device_named(device)  # refuses one that is not there
    if world == 1:
        yield Processes(), device
        return
    kind = "cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo"
    torch.distributed.init_process_group(kind, timeout=LONGEST_WAIT)
    try:
        yield Processes(torch.distributed.get_rank(), world), device
    finally:
        torch.distributed.destroy_process_group()


@contextmanager
def log_files(folder: Path, done: int) -> Iterator[Any]:
    """A function that writes a report to log.jsonl and, where it is installed, to TensorBoard's files.

    done: steps that the run goes on from. What a killed run logged after its last saved state is taken back.
    """
    log = folder / "log.jsonl"
    kept = logged(log, done) if done else []
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        board = None
    else:
        board = SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1)
    with atomic_write(log) as file:
        file.writelines(kept)
    with open(log, "a", encoding="utf-8") as file:

        def write(report: StepReport) -> None:
            file.write(json.dumps({k: _finite(v) for k, v in vars(report).items()}) + "\n")
            file.flush()
            if board is not None:
                for name, value in {**report.losses, "total": report.total, "rate": report.rate}.items():
                    board.add_scalar(f"train/{name}", value, report.step)
                for name, value in report.evaluation.items():
                    board.add_scalar(f"held out/{name}", value, report.step)

        try:
            yield write
        finally:
            if board is not None:
                board.close()


def logged(log: Path, done: int) -> list[str]:
    """The whole lines of a log up to step ``done``."""
    try:
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError):
        return []
    return [line for line in lines if 0 < _step_of(line) <= done]


def _step_of(line: str) -> int:
    """The step a line of the log tells of; 0 when the line is torn."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 0


@contextmanager
def no_logs() -> Iterator[Any]:
    """For the processes that do not write."""
    yield lambda _report: None


def _finite(value: Any) -> Any:
    """JSON has no infinities."""
    import math

    return None if isinstance(value, float) and not math.isfinite(value) else value
