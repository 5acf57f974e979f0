"""A small table of records by id, indexed by video. Only the document writes to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from stmask_core.document.records import VideoId

K = TypeVar("K")
R = TypeVar("R")


class Table(Mapping[K, R], Generic[K, R]):
    """Records by id, in the order of their ids' arrival."""

    def __init__(self) -> None:
        self._records: dict[K, R] = {}
        self._by_video: dict[VideoId, dict[K, R]] = {}

    def __getitem__(self, key: K) -> R:
        return self._records[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def of_video(self, video: VideoId) -> Mapping[K, R]:
        """Records of one video by id."""
        return self._by_video.get(video, {})

    def write(self, key: K, record: Any) -> None:
        """Put (or, with None, remove) a record. For the document only."""
        old = self._records.pop(key, None) if record is None else self._records.get(key)
        old_video = getattr(old, "video", None)
        if old_video is not None and (record is None or record.video != old_video):
            self._by_video[old_video].pop(key)
        if record is None:
            return
        self._records[key] = record
        video = getattr(record, "video", None)
        if video is not None:
            self._by_video.setdefault(video, {})[key] = record
