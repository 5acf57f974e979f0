"""Which edits can be undone and redone: headers only, what they changed stays in the store.

A *step* is what one undo takes back: one entry, or neighbouring entries of one group (the chunks of a model
run, the parts of a gesture). An edit without the group in between ends the step.
"""

from __future__ import annotations

from stmask_core.document.store import Entry

DEFAULT_BUDGET = 256 << 20  # bytes


class History:
    """Entries in order; those up to ``position`` are done, the others undone."""

    def __init__(self, entries: list[Entry], position: int, budget: int = DEFAULT_BUDGET) -> None:
        self.budget = budget
        self._done = [entry for entry in entries if entry.number <= position]
        self._undone = [entry for entry in entries if entry.number > position][::-1]

    @property
    def position(self) -> int:
        """Number of the last entry that is done, 0 when there is none."""
        return self._done[-1].number if self._done else 0

    @property
    def next_number(self) -> int:
        """Number of the next entry: above every number in use, so that no two steps are ever confused."""
        return max(self.position, self._undone[0].number if self._undone else 0) + 1

    @property
    def undo_name(self) -> str | None:
        """Name of the step that undo would take back."""
        return self._done[-1].name if self._done else None

    @property
    def redo_name(self) -> str | None:
        """Name of the step that redo would bring back."""
        return self._undone[-1].name if self._undone else None

    @property
    def num_bytes(self) -> int:
        """What the undo side costs, about."""
        return sum(entry.cost for entry in self._done)

    def undo_names(self) -> list[str]:
        """Names of the steps that can be undone, newest first."""
        return [step[0].name for step in _steps(self._done)]

    def undo_step(self) -> list[Entry]:
        """Entries of the newest step, newest first; empty when there is none."""
        return _last_step(self._done)

    def redo_step(self) -> list[Entry]:
        """Entries of the step undone last, oldest first."""
        return _last_step(self._undone)

    def undone(self) -> tuple[int, int] | None:
        """(first, last) number of the entries that a new edit forgets."""
        return (self._undone[-1].number, self._undone[0].number) if self._undone else None

    def push(self, entry: Entry) -> None:
        """A new edit was made: nothing can be redone any more."""
        self._undone.clear()
        self._done.append(entry)

    def move_back(self, step: list[Entry]) -> None:
        """``step`` was undone."""
        del self._done[len(self._done) - len(step) :]
        self._undone.extend(step)

    def move_forward(self, step: list[Entry]) -> None:
        """``step`` was redone."""
        del self._undone[len(self._undone) - len(step) :]
        self._done.extend(step)

    def over_budget(self) -> tuple[int, int] | None:
        """(first, last) number of the oldest whole steps to forget; never the newest step."""
        excess = self.num_bytes - self.budget
        if excess <= 0:
            return None
        last = None
        for step in _steps(self._done)[:0:-1]:  # oldest first, without the newest
            if excess <= 0:
                break
            excess -= sum(entry.cost for entry in step)
            last = step[0].number
        return None if last is None else (self._done[0].number, last)

    def forget_up_to(self, last: int) -> None:
        """The oldest entries are gone from the store."""
        self._done = [entry for entry in self._done if entry.number > last]


def _last_step(entries: list[Entry]) -> list[Entry]:
    """The last entry and those before it of its group, last first."""
    step = entries[-1:]
    if step and step[0].group is not None:
        for entry in reversed(entries[:-1]):
            if entry.group != step[0].group:
                break
            step.append(entry)
    return step


def _steps(entries: list[Entry]) -> list[list[Entry]]:
    """All steps, newest first, entries newest first."""
    steps: list[list[Entry]] = []
    for entry in reversed(entries):
        if steps and entry.group is not None and steps[-1][0].group == entry.group:
            steps[-1].append(entry)
        else:
            steps.append([entry])
    return steps
