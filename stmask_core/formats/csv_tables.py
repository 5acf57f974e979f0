"""CSV: one line per observation (read and written), one line per event (written).

UTF-8 with a header; fields by name, in any order; unknown columns are kept in ``extra``. The ``rle`` column
holds COCO run lengths as text, so a spreadsheet that only filters or sorts lines loses no pixel.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from stmask_core.errors import FormatError
from stmask_core.formats.atomic import atomic_write
from stmask_core.formats.exchange import (
    SOURCES,
    Exchange,
    ExchangeCategory,
    ExchangeTrack,
    ExchangeVideo,
    Observation,
)
from stmask_core.formats.reports import WriteReport
from stmask_core.structures.masks import Mask

COLUMNS = (
    *("video", "frame", "track_id", "track_name", "category_id", "category", "score", "source"),
    *("locked", "occlusion", "x1", "y1", "x2", "y2", "area", "width", "height", "length", "rle"),
)
NEEDED = ("video", "frame", "track_id", "category", "width", "height", "rle")
LARGEST_FIELD = 1 << 26
LAST_FRAME = 10_000_000


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happens to a track (or between two) at a frame, for people and spreadsheets."""

    video: str
    frame: int
    event: str
    track_id: int | None = None
    other_track_id: int | None = None
    category: str = ""
    value: float | None = None
    detail: str = ""


def write_observations_csv(exchange: Exchange, path: str | os.PathLike[str]) -> WriteReport:
    """One line per mask, by video, track and frame; a video or track without masks leaves no line."""
    report = WriteReport(path=Path(path))
    names = {c.id: c.name for c in exchange.categories}
    with atomic_write(path) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for video in exchange.videos:
            for track in video.tracks:
                table.writerows(_row(video, track, o, names) for o in track.observations)
            report = report.with_video(video)
    return report


def write_events_csv(events: Iterable[EventRow], path: str | os.PathLike[str]) -> int:
    """One line per event; returns how many."""
    count = 0
    with atomic_write(path) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(field.name for field in fields(EventRow))
        for event in events:
            count += 1
            table.writerow("" if value is None else value for value in astuple(event))
    return count


def track_events(exchange: Exchange) -> Iterator[EventRow]:
    """Births, ends, gaps and changes of source of every track, in order of video, track and frame."""
    names = {c.id: c.name for c in exchange.categories}
    for video in exchange.videos:
        for track in video.tracks:
            yield from _events_of(video, track, names.get(track.category_id, ""))


def _events_of(video: ExchangeVideo, track: ExchangeTrack, category: str) -> Iterator[EventRow]:
    def event(frame: int, what: str, value: float | None = None, detail: str = "") -> EventRow:
        return EventRow(video.name, frame, what, track.id, None, category, value, detail)

    before: Observation | None = None
    for observation in track.observations:
        if before is None:
            yield event(observation.frame, "begin", detail=observation.source)
        else:
            missing = observation.frame - before.frame - 1
            if missing:
                yield event(
                    before.frame + 1, "gap", missing, f"frames without a mask until {observation.frame}"
                )
            if observation.source != before.source:
                yield event(observation.frame, "source", detail=f"{before.source} to {observation.source}")
        before = observation
    if before is not None:
        yield event(before.frame, "end", len(track.observations), "frames with a mask")


def _row(
    video: ExchangeVideo, track: ExchangeTrack, observation: Observation, names: Mapping[int, str]
) -> tuple[Any, ...]:
    mask = observation.mask
    return (
        video.name,
        observation.frame,
        track.id,
        track.name,
        track.category_id,
        names.get(track.category_id, ""),
        "" if observation.score is None else repr(observation.score),
        observation.source,
        int(observation.locked),
        observation.occlusion,
        *(mask.box or (0, 0, 0, 0)),
        mask.area,
        video.width,
        video.height,
        video.length,
        mask.to_coco()["counts"],
    )


def read_observations_csv(path: str | os.PathLike[str]) -> Exchange:
    """Read what ``write_observations_csv`` wrote (lines in any order); FormatError names the line.

    Boxes and areas are taken from the masks; ``category_id`` may be missing, then ids are given in order of
    appearance. The length of a video is the ``length`` column, or its last frame + 1.
    """
    reading = _CsvReading({}, {}, {}, {})
    for place, row in _rows(Path(path)):
        reading.add(place, row)
    videos = tuple(reading.video(number, name) for number, name in enumerate(reading.sizes, start=1))
    return Exchange(tuple(reading.categories.values()), videos)


@dataclass(slots=True)
class _CsvReading:
    """What the lines so far have said."""

    sizes: dict[str, tuple[int, int, int]]  # video -> height, width, length
    tracks: dict[tuple[str, int], tuple[int, str]]  # (video, track) -> category, name
    masks: dict[tuple[str, int], dict[int, Observation]]
    categories: dict[str, ExchangeCategory]

    def add(self, place: str, row: Mapping[str, str]) -> None:
        """Take in one line."""
        video, frame, track_id = row["video"], _whole(row, "frame", place), _whole(row, "track_id", place)
        height, width = _whole(row, "height", place), _whole(row, "width", place)
        if frame > LAST_FRAME:
            raise FormatError(f"{place}: frame {frame} is beyond any video.")
        length = max(_whole(row, "length", place) if row.get("length") else 0, frame + 1)
        known = self.sizes.setdefault(video, (height, width, length))
        if known[:2] != (height, width):
            raise FormatError(f"{place}: another image size than the lines before of this video.")
        self.sizes[video] = (height, width, max(known[2], length))
        key = (video, track_id)
        described = (self._category(row, place), row.get("track_name", ""))
        if self.tracks.setdefault(key, described) != described:
            raise FormatError(f"{place}: track {track_id} has another category or name in the lines before.")
        frames = self.masks.setdefault(key, {})
        if frame in frames:
            raise FormatError(f"{place}: track {track_id} has two masks in frame {frame}.")
        frames[frame] = _observation(row, frame, height, width, place)

    def _category(self, row: Mapping[str, str], place: str) -> int:
        name = row["category"]
        if name not in self.categories:
            taken = {c.id for c in self.categories.values()}
            id_ = _whole(row, "category_id", place) if row.get("category_id") else max([0, *taken]) + 1
            if id_ in taken:
                raise FormatError(f"{place}: the category id {id_} has two names.")
            self.categories[name] = ExchangeCategory(id_, name)
        return self.categories[name].id

    def video(self, number: int, name: str) -> ExchangeVideo:
        """A video with all its tracks, frames in order."""
        height, width, length = self.sizes[name]
        tracks = []
        for (video, id_), (category_id, track_name) in sorted(self.tracks.items()):
            if video == name:
                frames = self.masks[video, id_]
                observations = tuple(frames[frame] for frame in sorted(frames))
                tracks.append(ExchangeTrack(id_, category_id, observations, name=track_name))
        return ExchangeVideo(number, name, width, height, length, tuple(tracks))


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """(place, fields by column name) of every line."""
    csv.field_size_limit(LARGEST_FIELD)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            table = csv.reader(file, strict=True)
            header = next(table, [])
            missing = [name for name in NEEDED if name not in header]
            if missing:
                raise FormatError(f"{path.name}: the header lacks the columns {', '.join(missing)}.")
            if len(set(header)) != len(header):
                raise FormatError(f"{path.name}: the header names a column twice.")
            for row in table:
                place = f"{path.name}, line {table.line_num}"
                if row and len(row) != len(header):
                    raise FormatError(f"{place}: {len(row)} fields, the header has {len(header)}.")
                if row:
                    yield place, dict(zip(header, row, strict=True))
    except UnicodeDecodeError as error:
        raise FormatError(f"{path.name}: not a text file (byte {error.start} is not UTF-8).") from error
    except csv.Error as error:
        raise FormatError(f"{path.name}, line {table.line_num}: {error}.") from error
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror}).") from error


def _observation(row: Mapping[str, str], frame: int, height: int, width: int, place: str) -> Observation:
    try:
        mask = Mask.from_coco({"size": [height, width], "counts": row["rle"]})
        score = float(row["score"]) if row.get("score") else None
    except ValueError as error:
        raise FormatError(f"{place}: {error}.") from error
    if score is not None and not math.isfinite(score):
        raise FormatError(f"{place}: the score is not finite.")
    source = row.get("source") or "imported"
    if source not in SOURCES:
        raise FormatError(f"{place}: {source!r} is not one of {', '.join(SOURCES)}.")
    locked = row.get("locked") or "0"
    if locked not in ("0", "1"):
        raise FormatError(f"{place}: locked is 0 or 1, not {locked!r}.")
    occlusion = _whole(row, "occlusion", place) if row.get("occlusion") else 0
    if occlusion > 2:
        raise FormatError(f"{place}: occlusion is 0, 1 or 2, not {occlusion}.")
    extra = {name: value for name, value in row.items() if name not in COLUMNS and value}
    return Observation(frame, mask, score, source, None, locked == "1", occlusion, extra)


def _whole(row: Mapping[str, str], name: str, place: str) -> int:
    text = row[name]
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise FormatError(f"{place}: {name} must be a whole number, found {text[:40]!r}.")
    return int(text)
