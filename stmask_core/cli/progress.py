"""Progress on standard error: a bar with rate and time left on a terminal, silence elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Item = TypeVar("Item")


class RateColumn(ProgressColumn):
    """Items finished per second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        """The current speed, or dashes before the first item."""
        speed = task.finished_speed or task.speed
        return Text("-- " + self.unit + "/s" if speed is None else f"{speed:.2f} {self.unit}/s")


def with_progress(
    items: Iterable[Item], *, label: str, unit: str, total: int | None = None
) -> Iterator[Item]:
    """Yield ``items``, drawing a bar on standard error when it is a terminal.

    total: how many items will come; None when unknown.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(label, total=total)
        for item in items:
            yield item
            progress.advance(task)
