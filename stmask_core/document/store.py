"""What a document asks of the place that keeps it. The project file implements it; here are no files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from stmask_core.document.annotation_table import Columns
from stmask_core.document.changes import Change, Focus, Key, TableName
from stmask_core.document.records import MaskBody, Record, RunId, TrackId

EvidenceKind = Literal["evidence", "withheld", "tally"]


class Evidence(NamedTuple):
    """Opaque bytes kept beside a run's frame. withheld: predictions that a person's mask kept out.

    tally: what a run says of its tracks as a whole, beside its last frame.
    """

    run: RunId
    frame: int
    kind: EvidenceKind
    data: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """Header of one recorded edit. cost: bytes that forgetting it would free, about."""

    number: int
    name: str
    group: str | None
    focus: Focus | None
    cost: int


@dataclass
class Contents:
    """Everything a store holds but pixels, evidence and the changes of past edits.

    annotations: per track one or more stretches in order of frames. position: number of the last entry that
    is done; later ones are undone and wait for a redo. next_ids: per table the next free id.
    """

    records: dict[TableName, dict[Key, Record]] = field(default_factory=dict)
    annotations: list[tuple[TrackId, Columns]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    position: int = 0
    next_ids: dict[str, int] = field(default_factory=dict)


class PackedChanges(Protocol):
    """Recorded changes in their stored form: a few bytes each, so that a whole model run fits in memory."""

    def unpack(self) -> tuple[Change, ...]:
        """The changes."""


class Store(Protocol):
    """Keeps a document. Writes happen inside ``transaction`` only: all of them arrive or none."""

    @property
    def read_only_reason(self) -> str:
        """Why nothing may be written; empty when it may."""

    def load(self) -> Contents:
        """Everything that is held in memory."""

    def read_body(self, body: int) -> MaskBody:
        """The pixels stored under a number."""

    def read_evidence(self, run: RunId, frame: int, kind: EvidenceKind) -> bytes | None:
        """Bytes kept beside a run's frame, None when there are none."""

    def read_changes(self, number: int) -> PackedChanges:
        """What an entry of the history did, still packed."""

    def transaction(self) -> AbstractContextManager[None]:
        """Begin; commit at the end of the block; roll back on an exception."""

    def write_bodies(self, bodies: Mapping[int, MaskBody]) -> None:
        """Store pixels under fresh numbers."""

    def write_evidence(self, evidence: Iterable[Evidence]) -> None:
        """Keep bytes beside runs, replacing what was there."""

    def write_changes(self, changes: Sequence[Change]) -> None:
        """Make every record what its change says it is after."""

    def write_next_ids(self, next_ids: Mapping[str, int]) -> None:
        """Remember the next free ids."""

    def push_entry(self, entry: Entry, changes: Sequence[Change]) -> Entry:
        """Append to the history and move the position there; returns the entry with its cost."""

    def forget_entries(self, first: int, last: int) -> None:
        """Drop entries first..last from the history."""

    def write_position(self, position: int) -> None:
        """Remember which entries are done."""
