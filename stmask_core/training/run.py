"""The training loop: a generator of what happened at each step, resumable to the bit.

A step depends on the seed, its number and the state only: batches are drawn by number, and PyTorch's random
numbers are seeded at each step. Several processes (``torchrun``) each take their share of the pairs.
"""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from stmask_core.errors import StmaskError
from stmask_core.formats.atomic import atomic_path
from stmask_core.model.checkpoint import save_checkpoint
from stmask_core.model.stmask import STMask
from stmask_core.opencv import cv2
from stmask_core.training.batch import PairBatch
from stmask_core.training.dataset import Pairs
from stmask_core.training.losses import Losses, PairLoss
from stmask_core.training.optimisation import Average, build_optimiser, freeze, rate_factor, set_rate
from stmask_core.training.recipe import Recipe

STATE = "state.pt"
LAST, BEST = "last.safetensors", "best.safetensors"

Evaluate = Callable[[STMask], dict[str, float]]
"""Judges a network (in eval mode); the first number decides which weights are the best, larger is better."""


@dataclass(frozen=True)
class Processes:
    """This process among those that train together."""

    rank: int = 0
    world: int = 1


@dataclass(frozen=True)
class StepReport:
    """One step. losses: weighted terms, averaged over accumulated batches, of this process."""

    step: int  # from 1
    steps: int
    losses: dict[str, float]
    total: float
    gradient: float  # norm before cutting; not finite when the step was skipped
    rate: float
    positives: int
    pairs_per_second: float
    evaluation: dict[str, float] = field(default_factory=dict)
    best: bool = False


class Training:
    """Network, optimiser and average of one run; ``steps()`` does the work."""

    def __init__(
        self,
        recipe: Recipe,
        network: STMask,
        pairs: Pairs,
        categories: tuple[str, ...],
        *,
        evaluate: Evaluate | None = None,
        device: str = "cpu",
        processes: Processes = Processes(),
        readers: int = 0,
    ) -> None:
        """network: the start; it is moved to ``device`` and trained in place.

        readers: processes that prepare batches; 0 = a thread of this one.
        """
        if not pairs.epoch_length:
            raise StmaskError("The training data hold no object.", "Check annotations and categories.")
        self.recipe, self.pairs, self.categories = recipe, pairs, categories
        self.evaluate, self.device, self.processes = evaluate, torch.device(device), processes
        self.readers = readers
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        freeze(self.network.train(), recipe.network, recipe.optimiser.norms)
        self.optimiser = build_optimiser(self.network, recipe.optimiser)
        self.average = Average(self.network) if recipe.optimiser.average else None
        self.loss: nn.Module = PairLoss(self.network, recipe.loss)
        if processes.world > 1:
            self.loss = nn.parallel.DistributedDataParallel(self.loss)
        self.done = 0
        self.best = -math.inf

    @property
    def state_path(self) -> Path:
        """Where the state for resuming lies."""
        return self.recipe.out / STATE

    def steps(self) -> Generator[StepReport, None, None]:
        """Train to the end, yielding after every step; closing the generator saves the state first."""
        schedule, accumulate = self.recipe.schedule, self.recipe.optimiser.accumulate
        saved = self.done
        numbers = range(self.done * accumulate, schedule.steps * accumulate)
        batches = self._read_by_processes(numbers) if self.readers else self._read_by_thread(numbers)
        try:
            while self.done < schedule.steps:
                started = time.perf_counter()
                report = self._step([next(batches) for _ in range(accumulate)], started)
                if self.done % schedule.check_every == 0 or self.done == schedule.steps:
                    report = self._checked(report)
                if self.done % schedule.save_every == 0 or self.done == schedule.steps:
                    self.save()
                    saved = self.done
                yield report
        finally:
            batches.close()
            if saved != self.done:
                self.save()

    def _read_by_thread(self, numbers: range) -> Generator[PairBatch, None, None]:
        """The batches of these numbers; the next is prepared while the network works on one."""
        prepare = Batches(self.pairs, self.recipe.schedule.pairs, self.processes)
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(prepare.__getitem__, numbers[0])
            for number in numbers[1:]:
                batch, coming = coming.result(), reader.submit(prepare.__getitem__, number)
                yield batch
            yield coming.result()

    def _read_by_processes(self, numbers: range) -> Generator[PairBatch, None, None]:
        """The same batches, several of them in preparation, for a device that is faster than one reader."""
        loader = DataLoader(
            Batches(self.pairs, self.recipe.schedule.pairs, self.processes),
            batch_size=None,  # the dataset's items are batches
            sampler=numbers,
            num_workers=self.readers,
            worker_init_fn=_start_reader,
            pin_memory=self.device.type == "cuda",
        )
        yield from loader

    def _step(self, batches: list[PairBatch], started: float) -> StepReport:
        """One optimiser step over one or more batches."""
        options = self.recipe.optimiser
        torch.manual_seed(hash((self.recipe.seed, self.done, self.processes.rank)) & 0xFFFF_FFFF)
        rate = options.rate * rate_factor(self.done, self.recipe.schedule)
        set_rate(self.optimiser, rate)
        self.optimiser.zero_grad(set_to_none=True)
        results = [self._backward(batch, last=batch is batches[-1]) for batch in batches]
        gradient = self._gradient_norm()
        if math.isfinite(gradient):  # a step with a loss that is no number is skipped, as released
            self.optimiser.step()
        self.done += 1
        if self.average is not None:
            self.average.follow(self.network, options.average, self.done)
        terms = {
            name: sum(float(r.terms[name].detach()) for r in results) / len(results)
            for name in results[0].terms
        }
        pairs = sum(batch.pairs for batch in batches) * self.processes.world
        return StepReport(
            step=self.done,
            steps=self.recipe.schedule.steps,
            losses=terms,
            total=sum(terms.values()),
            gradient=gradient,
            rate=rate,
            positives=sum(int(r.targets.positive.sum()) for r in results),
            pairs_per_second=pairs / (time.perf_counter() - started),
        )

    def _backward(self, batch: PairBatch, *, last: bool) -> Losses:
        """Add the gradients of one batch; processes exchange them with the last batch only."""
        waits = not last and isinstance(self.loss, nn.parallel.DistributedDataParallel)
        with self.loss.no_sync() if waits else contextlib.nullcontext():  # type: ignore[operator]
            with torch.autocast(
                self.device.type, torch.bfloat16, enabled=self.recipe.optimiser.precision == "bf16"
            ):
                losses: Losses = self.loss(on_device(batch, self.device))
            (losses.total / self.recipe.optimiser.accumulate).backward()
        return losses

    def _gradient_norm(self) -> float:
        """Norm of all gradients, which are cut to the largest allowed."""
        trained = [p for group in self.optimiser.param_groups for p in group["params"]]
        most = self.recipe.optimiser.largest_gradient or math.inf
        return float(nn.utils.clip_grad_norm_(trained, most))

    def _checked(self, report: StepReport) -> StepReport:
        """The report with an evaluation; the best weights so far are kept."""
        if self.evaluate is None or self.processes.rank:
            return report
        judged = self.evaluate(self.averaged())
        freeze(self.network.train(), self.recipe.network, self.recipe.optimiser.norms)
        score = next(iter(judged.values()))
        best = score > self.best
        if best:
            self.best = score
            self._save_weights(BEST, judged)
        return StepReport(**{**vars(report), "evaluation": judged, "best": best})

    def averaged(self) -> STMask:
        """The network as it would be saved now, in eval mode: a copy when weights are averaged."""
        if self.average is None:
            return self.network.eval()
        copy = STMask(self.network.config).to(self.device)
        copy.load_state_dict(self.average.state)
        return copy.eval()

    def save(self) -> None:
        """Write the weights and everything resuming needs; only the first process writes."""
        if self.processes.rank:
            return
        self.recipe.out.mkdir(parents=True, exist_ok=True)
        self._save_weights(LAST, {})
        state = {
            "step": self.done,
            "best": self.best,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.state if self.average else {},
        }
        with atomic_path(self.state_path) as beside:
            torch.save(state, beside)

    def _save_weights(self, name: str, judged: dict[str, float]) -> None:
        self.recipe.out.mkdir(parents=True, exist_ok=True)
        extra = {"step": self.done, "evaluation": judged}
        save_checkpoint(self.recipe.out / name, self.averaged(), self.categories, extra)
        freeze(self.network.train(), self.recipe.network, self.recipe.optimiser.norms)

    def resume(self) -> bool:
        """Go on where a run with the same ``out`` stopped; False when there is nothing to go on from."""
        if not self.state_path.exists():
            return False
        try:
            state = torch.load(self.state_path, map_location=self.device, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            if self.average is not None:
                self.average.state = state["average"] or Average(self.network).state
            self.done, self.best = int(state["step"]), float(state["best"])
        except (RuntimeError, KeyError, ValueError, EOFError, OSError) as error:
            raise StmaskError(
                f"Cannot resume from {self.state_path}: {str(error).splitlines()[0]}",
                "Was the recipe changed? Start anew in another folder.",
            ) from error
        if not self.processes.rank:  # a kill within a save leaves its unfinished file
            for unfinished in self.recipe.out.glob(".*.part.*"):
                unfinished.unlink(missing_ok=True)
        return True


class Batches(Dataset[PairBatch]):
    """The batches of one process, by number."""

    def __init__(self, pairs: Pairs, size: int, processes: Processes) -> None:
        """size: pairs of a batch."""
        self.pairs, self.size, self.processes = pairs, size, processes

    def __getitem__(self, number: int) -> PairBatch:
        """Depends on nothing but the number."""
        return self.pairs.batch(number, self.size, rank=self.processes.rank, world=self.processes.world)


def _start_reader(_number: int) -> None:
    """Readers are processes already; and Ctrl-C is for the process that trains."""
    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def on_device(batch: PairBatch, device: torch.device) -> PairBatch:
    """The batch with every tensor on the device."""

    def move(tensor: Tensor) -> Tensor:
        return tensor.to(device, non_blocking=True)

    return batch._replace(
        images=move(batch.images).contiguous(memory_format=torch.channels_last),
        boxes=move(batch.boxes),
        labels=move(batch.labels),
        ids=move(batch.ids),
        masks=move(batch.masks),
    )
