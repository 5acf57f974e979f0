"""MOTS: class and identity in one number, as 16-bit pictures or as lines of run lengths.

Pictures: pixel = 1000 * class + instance, 0 background, 10000 a region to ignore; one PNG per frame in
``<video>/instances`` with the class names in ``labels.txt`` (its first line is class 1), as CVAT and Datumaro
have it. Text: ``frame id class height width rle`` per line, frames from 1 as MOTSChallenge counts (KITTI
counts from 0). Masks of one frame must not overlap in either: the smaller object keeps the pixels, and the
report counts them. ``objects.json`` beside the files brings identities and names back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stmask_core.errors import FormatError
from stmask_core.formats.davis import paint_labels, read_picture
from stmask_core.formats.exchange import (
    Exchange,
    ExchangeCategory,
    ExchangeTrack,
    ExchangeVideo,
    Observation,
    observations_by_frame,
)
from stmask_core.formats.folders import SafeNames, atomic_folder, natural_order, picture_folders
from stmask_core.formats.label_names import name_of_label
from stmask_core.formats.objects_file import (
    LabelledVideo,
    ObjectsFile,
    describe,
    read_objects,
    write_objects,
)
from stmask_core.formats.png_labels import write_grey16_png
from stmask_core.formats.reports import WriteReport
from stmask_core.structures.masks import Mask, intersection_area, subtract

INSTANCES = 1000
IGNORED = 10 * INSTANCES
LAST_CLASS = 64  # 65,535 is the largest grey value
LAST_FRAME = 10_000_000
LONGEST_LINE = 1 << 22


def write_mots_png(exchange: Exchange, path: str | os.PathLike[str], *, replace: bool = False) -> WriteReport:
    """Write ``<path>/<video>/instances/000000.png`` ... and ``labels.txt``; a picture for every frame."""
    folders = SafeNames()
    report = WriteReport(path=Path(path))
    entries: list[LabelledVideo] = []
    with atomic_folder(path, replace=replace) as root:
        for video in exchange.videos:
            folder = folders.give(video.name)
            ids = object_ids(video)
            pictures = root / folder / "instances"
            pictures.mkdir(parents=True)
            frames = observations_by_frame(video)
            for frame in range(video.length):
                picture, lost = paint_labels(video, frames.get(frame, ()), ids, np.uint16)
                (pictures / f"{frame:06d}.png").write_bytes(write_grey16_png(picture))
                report = report.with_overlap(lost)
            names = "\n".join(_label_lines(exchange.categories))
            (pictures / "labels.txt").write_text(names + "\n", encoding="utf-8", newline="\n")
            entries.append(describe(video, folder, ids))
            report = report.with_video(video)
        write_objects(root, exchange.categories, entries)
    return _with_class_note(report, exchange.categories)


def write_mots_txt(
    exchange: Exchange, path: str | os.PathLike[str], *, first_frame: int = 1, replace: bool = False
) -> WriteReport:
    """Write ``<path>/<video>.txt`` for every video. first_frame: what the file calls our frame 0."""
    names = SafeNames("labels")  # labels.txt lists the classes
    report = WriteReport(path=Path(path))
    entries: list[LabelledVideo] = []
    with atomic_folder(path, replace=replace) as root:
        for video in exchange.videos:
            name = names.give(video.name)
            ids = object_ids(video)
            lines: list[str] = []
            for frame, observations in sorted(observations_by_frame(video).items()):
                apart, lost = _without_overlap(observations)
                report = report.with_overlap(lost)
                lines += [_line(frame + first_frame, ids[t.id], t.category_id, mask) for t, mask in apart]
            (root / f"{name}.txt").write_text("".join(lines), encoding="utf-8", newline="\n")
            entries.append(describe(video, name, ids, first_frame))
            report = report.with_video(video)
        write_objects(root, exchange.categories, entries)
    return _with_class_note(report, exchange.categories)


def object_ids(video: ExchangeVideo) -> dict[int, int]:
    """track id -> 1000 * class + instance; FormatError when class or instance has no room."""
    by_class: dict[int, list[int]] = {}
    for track in video.tracks:
        by_class.setdefault(track.category_id, []).append(track.id)
    found: dict[int, int] = {}
    for class_, ids in by_class.items():
        if not 1 <= class_ <= LAST_CLASS:
            raise FormatError(
                f"{video.name}: MOTS has no room for the category id {class_} (1 to {LAST_CLASS}).",
                "Map the categories to a shorter list: --categories FILE.",
            )
        if len(ids) >= INSTANCES:
            raise FormatError(f"{video.name}: {len(ids)} tracks of one category; MOTS can tell 999 apart.")
        fits = min(ids) >= 1 and max(ids) < INSTANCES
        for number, id_ in enumerate(sorted(ids), start=1):
            found[id_] = class_ * INSTANCES + (id_ if fits else number)
    return found


def read_mots(
    path: str | os.PathLike[str],
    names: Mapping[str, str] | None = None,
    *,
    first_frame: int | None = None,
) -> Exchange:
    """Read MOTS pictures (a folder) or text (a file, or a folder of them).

    names: class number (as text) or ``*`` -> category, where neither ``labels.txt`` nor ``objects.json``
    says. first_frame: what the text calls frame 0; None: what ``objects.json`` says, else 0 if a frame 0
    occurs and 1 if not (with a warning). Raises FormatError that names the file and line.
    """
    root = Path(path)
    if root.is_file():
        return _read_texts([root], read_objects(root.parent), names or {}, first_frame)
    if not root.is_dir():
        raise FormatError(f"{root}: neither a folder nor a file.")
    folders = picture_folders(root)
    if folders:
        return _read_pictures(folders, read_objects(root), names or {})
    texts = [p for p in root.glob("*.txt") if p.name != "labels.txt" and p.is_file()]
    if not texts:
        raise FormatError(f"{root}: holds neither PNG nor txt files.")
    texts.sort(key=lambda p: natural_order(p.name))
    return _read_texts(texts, read_objects(root), names or {}, first_frame)


@dataclass(slots=True)
class _Reading:
    """Categories met so far; one object per file read, gone when it is done."""

    objects: ObjectsFile | None
    names: Mapping[str, str]
    class_names: Mapping[int, str]
    categories: dict[int, ExchangeCategory]

    def category(self, class_: int, where: str) -> int:
        """The id of a class, its name looked up or asked for."""
        if class_ not in self.categories:
            name = self.class_names.get(class_) or name_of_label(class_, self.names, where=where)
            self.categories[class_] = ExchangeCategory(class_, name)
        return class_

    def tracks(
        self, found: Mapping[tuple[int, int], list[Observation]], folder: str
    ) -> tuple[ExchangeTrack, ...]:
        """(id in the file, class) -> tracks, with the ids they had before they were exported if known."""
        entry = self.objects.videos.get(folder) if self.objects else None
        if entry is not None:
            return tuple(_known_tracks(found, entry))
        short = {(id_, class_): id_ - class_ * INSTANCES for id_, class_ in found}
        coded = all(0 < i < INSTANCES for i in short.values()) and len(set(short.values())) == len(short)
        return tuple(
            ExchangeTrack(
                short[key] if coded else key[0], self.category(key[1], f"{folder}: the file"), tuple(masks)
            )
            for key, masks in sorted(found.items())
        )

    def all_categories(self) -> tuple[ExchangeCategory, ...]:
        """Those of ``objects.json``, then those met on the way."""
        known = self.objects.categories if self.objects else ()
        ids = {c.id for c in known}
        return (*known, *(c for c in self.categories.values() if c.id not in ids))


def _known_tracks(
    found: Mapping[tuple[int, int], list[Observation]], entry: LabelledVideo
) -> Iterator[ExchangeTrack]:
    known = {o.label: o for o in entry.objects}
    for (id_, _), masks in sorted(found.items()):
        if id_ not in known:
            raise FormatError(f"{entry.folder}: object {id_} is in the file but not in objects.json.")
        one = known[id_]
        yield ExchangeTrack(one.track_id, one.category_id, tuple(masks), name=one.name)


def _read_pictures(
    folders: list[tuple[str, list[Path]]], objects: ObjectsFile | None, names: Mapping[str, str]
) -> Exchange:
    reading = _Reading(objects, names, {}, {})
    videos: list[ExchangeVideo] = []
    warnings: list[str] = []
    for number, (folder, pictures) in enumerate(folders, start=1):
        reading.class_names = _read_labels(pictures[0].parent / "labels.txt")
        found: dict[tuple[int, int], list[Observation]] = {}
        size: tuple[int, int] | None = None
        for frame, picture in enumerate(pictures):
            labels = read_picture(picture)
            if size is not None and labels.shape != size:
                raise FormatError(f"{picture}: another size than the pictures before it.")
            size = (labels.shape[0], labels.shape[1])
            for value in np.flatnonzero(np.bincount(labels.ravel(), minlength=2)[1:]) + 1:
                class_, instance = divmod(int(value), INSTANCES)
                if int(value) == IGNORED:
                    warnings.append(f"{folder}/{picture.name}: an ignored region was left out")
                    continue
                if not class_ or not instance:
                    raise FormatError(
                        f"{picture.parent.name}/{picture.name}: value {int(value)} is not class * 1000 +"
                        " instance.",
                        "Is it a DAVIS picture? Then say --format davis.",
                    )
                mask = Mask.from_bits(labels == value)
                found.setdefault((int(value), class_), []).append(Observation(frame, mask))
        assert size is not None
        entry = objects.videos.get(folder) if objects else None
        videos.append(
            ExchangeVideo(
                id=number,
                name=entry.name if entry else folder,
                width=size[1],
                height=size[0],
                length=len(pictures),
                tracks=reading.tracks(found, folder),
                frame_names=tuple(p.name for p in pictures),
            )
        )
    return Exchange(reading.all_categories(), tuple(videos), warnings=tuple(warnings))


def _read_texts(
    texts: Sequence[Path], objects: ObjectsFile | None, names: Mapping[str, str], first_frame: int | None
) -> Exchange:
    reading = _Reading(objects, names, _read_labels(texts[0].parent / "labels.txt"), {})
    videos: list[ExchangeVideo] = []
    warnings: list[str] = []
    for number, text in enumerate(texts, start=1):
        entry = objects.videos.get(text.stem) if objects else None
        found, size, last = _read_text(text, warnings)
        start = first_frame if first_frame is not None else entry.first_frame if entry else None
        if start is None:
            starts = [masks[0].frame for masks in found.values()]
            start = 0 if starts and min(starts) == 0 else 1
            warnings.append(f"{text.name}: frames are taken to count from {start}")
        moved: dict[tuple[int, int], list[Observation]] = {}
        for key, masks in found.items():
            if masks[0].frame < start:
                raise FormatError(f"{text.name}: frame {masks[0].frame}, but frames count from {start}.")
            moved[key] = [Observation(o.frame - start, o.mask) for o in masks]
        if entry is not None:
            size = (entry.height, entry.width)
        elif size is None:
            raise FormatError(f"{text.name}: holds no masks.", "Nothing says how large the video is.")
        videos.append(
            ExchangeVideo(
                id=number,
                name=entry.name if entry else text.stem,
                width=size[1],
                height=size[0],
                length=entry.length if entry else last - start + 1,
                tracks=reading.tracks(moved, text.stem),
            )
        )
    return Exchange(reading.all_categories(), tuple(videos), warnings=tuple(warnings))


def _read_text(
    text: Path, warnings: list[str]
) -> tuple[dict[tuple[int, int], list[Observation]], tuple[int, int] | None, int]:
    """((id, class) -> observations by frame as the file counts, (height, width), last frame)."""
    found: dict[tuple[int, int], dict[int, Observation]] = {}
    size: tuple[int, int] | None = None
    last = 0
    for number, line in enumerate(_lines(text), start=1):
        place = f"{text.name}, line {number}"
        if not line.strip():
            continue
        frame, id_, class_, mask = _parse_line(line, place)
        if size is not None and (mask.height, mask.width) != size:
            raise FormatError(f"{place}: another image size than the lines before.")
        size, last = (mask.height, mask.width), max(last, frame)
        if id_ == IGNORED:
            warnings.append(f"{place}: an ignored region was left out")
            continue
        masks = found.setdefault((id_, class_), {})
        if frame in masks:
            raise FormatError(f"{place}: object {id_} comes twice in frame {frame}.")
        masks[frame] = Observation(frame, mask)
    if len({id_ for id_, _ in found}) != len(found):
        raise FormatError(f"{text.name}: an object id is used with two classes.")
    return {key: [masks[f] for f in sorted(masks)] for key, masks in found.items()}, size, last


def _lines(text: Path) -> Iterator[str]:
    try:
        with open(text, encoding="utf-8-sig", newline=None) as file:
            while line := file.readline(LONGEST_LINE):
                yield line
    except UnicodeDecodeError as error:
        raise FormatError(f"{text.name}: not a text file (byte {error.start} is not UTF-8).") from error
    except OSError as error:
        raise FormatError(f"{text}: cannot be read ({error.strerror}).") from error


def _parse_line(line: str, place: str) -> tuple[int, int, int, Mask]:
    fields = line.split()
    if len(fields) != 6:
        raise FormatError(
            f"{place}: expected 6 fields (frame id class height width rle), found {len(fields)}."
        )
    if any(not field.isascii() or not field.isdigit() or len(field) > 18 for field in fields[:5]):
        raise FormatError(f"{place}: frame, id, class, height and width must be whole numbers.")
    frame, id_, class_, height, width = (int(field) for field in fields[:5])
    if frame > LAST_FRAME:
        raise FormatError(f"{place}: frame {frame} is beyond any video.")
    if not id_ or not class_:
        raise FormatError(f"{place}: ids and classes count from 1.")
    try:
        return frame, id_, class_, Mask.from_coco({"size": [height, width], "counts": fields[5]})
    except ValueError as error:
        raise FormatError(f"{place}: {error}.") from error


def _read_labels(path: Path) -> dict[int, str]:
    """class -> name; the first line is class 0 when it says background, else class 1."""
    if not path.is_file():
        return {}
    lines = [line.strip() for line in _lines(path)]
    if lines[:1] != ["background"]:
        lines = ["background", *lines]
    return {number: name for number, name in enumerate(lines) if number and name}


def _label_lines(categories: Sequence[ExchangeCategory]) -> list[str]:
    names = {c.id: " ".join(c.name.split()) for c in categories if 1 <= c.id <= LAST_CLASS}
    last = max(names, default=0)
    return [names.get(n, f"unused_{n}") for n in range(1, last + 1)]


def _without_overlap(
    observations: Sequence[tuple[ExchangeTrack, Observation]],
) -> tuple[list[tuple[ExchangeTrack, Mask]], int]:
    """Masks of one frame made disjoint, the smaller object keeping what both claim; pixels taken away."""
    kept: list[tuple[ExchangeTrack, Mask]] = []
    lost = 0
    for track, observation in sorted(observations, key=lambda pair: (pair[1].mask.area, -pair[0].id)):
        mask = observation.mask
        for _, other in kept:
            common = intersection_area(mask, other)
            if common:
                lost += common
                mask = subtract(mask, other)
        kept.append((track, mask))
    return [(track, mask) for track, mask in kept if not mask.is_empty], lost


def _line(frame: int, id_: int, class_: int, mask: Mask) -> str:
    return f"{frame} {id_} {class_} {mask.height} {mask.width} {mask.to_coco()['counts']}\n"


def _with_class_note(report: WriteReport, categories: Sequence[ExchangeCategory]) -> WriteReport:
    ignored = next((c.name for c in categories if c.id == IGNORED // INSTANCES), None)
    if ignored is None:
        return report
    return report.with_note(f"MOTS benchmarks read class 10 ({ignored}) as a region to ignore")
