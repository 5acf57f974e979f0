"""Timing pieces of a network: wall clock per module, medians over runs."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


def settle(device: str) -> None:
    """Wait until the device has done what was asked of it."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def median_ms(work: Callable[[], Any], device: str, *, repeats: int, warm_up: int = 2) -> float:
    """Median wall time of ``work`` in milliseconds."""
    times = []
    for turn in range(warm_up + repeats):
        start = time.perf_counter()
        work()
        settle(device)
        if turn >= warm_up:
            times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


class Stopwatch:
    """Wall time spent inside watched modules, per label and run."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.runs: dict[str, list[float]] = defaultdict(list)
        self._now: dict[str, float] = defaultdict(float)

    @contextmanager
    def watching(self, labelled: list[tuple[str, nn.Module]]) -> Iterator[None]:
        """Time every call of these modules while the block runs."""
        handles = []
        for label, module in labelled:
            started: list[float] = []
            handles.append(module.register_forward_pre_hook(self._start(started)))
            handles.append(module.register_forward_hook(self._stop(label, started)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _start(self, started: list[float]) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            settle(self.device)
            started.append(time.perf_counter())

        return hook

    def _stop(self, label: str, started: list[float]) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            settle(self.device)
            self._now[label] += time.perf_counter() - started.pop()

        return hook

    def end_run(self) -> None:
        """Close one run: what was summed since the last call becomes one sample per label."""
        for label, seconds in self._now.items():
            self.runs[label].append(seconds * 1e3)
        self._now.clear()

    def medians_ms(self) -> dict[str, float]:
        """Median of each label over the runs, in milliseconds."""
        return {label: statistics.median(samples) for label, samples in self.runs.items()}
