"""What an edit did: before and after of every record it touched. Undo is this read backwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from stmask_core.document.annotation_table import Row
from stmask_core.document.records import (
    Category,
    FrameState,
    ModelRun,
    Record,
    ReviewNote,
    Track,
    TrackId,
    Video,
    VideoId,
)

TableName = Literal["videos", "categories", "tracks", "notes", "runs", "frame_states", "annotations"]
Key = int | tuple[int, int]  # (track, frame) of an annotation, (video, frame) of a frame state, else the id
Origin = Literal["edit", "undo", "redo"]
TABLE_OF: dict[type, TableName] = {
    Video: "videos",
    Category: "categories",
    Track: "tracks",
    ReviewNote: "notes",
    ModelRun: "runs",
    FrameState: "frame_states",
}


@dataclass(frozen=True, slots=True)
class Focus:
    """Where an edit happened: undo takes the user there."""

    video: VideoId
    frame: int | None = None
    tracks: tuple[TrackId, ...] = ()


class Change(NamedTuple):
    """One record before and after; None where it did not exist. Annotations are rows (without pixels)."""

    table: TableName
    key: Key
    before: Record | Row | None
    after: Record | Row | None

    def inverse(self) -> Change:
        """The change that takes this one back."""
        return Change(self.table, self.key, self.after, self.before)


@dataclass(frozen=True, slots=True)
class Diff:
    """One edit as the views hear of it. origin says whether it was made, undone or redone just now."""

    name: str
    changes: tuple[Change, ...]
    focus: Focus | None = None
    group: str | None = None
    origin: Origin = "edit"

    @property
    def annotation_keys(self) -> list[tuple[int, int]]:
        """(track, frame) of every annotation touched."""
        return [
            change.key
            for change in self.changes
            if isinstance(change.key, tuple) and change.table == "annotations"
        ]

    @property
    def tables(self) -> set[TableName]:
        """Tables touched."""
        return {change.table for change in self.changes}


def key_of(record: Record) -> Key:
    """Where a record lives in its table."""
    return (record.video, record.frame) if isinstance(record, FrameState) else record.id
