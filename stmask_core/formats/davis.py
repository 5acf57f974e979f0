"""DAVIS: one palette PNG per frame, pixel value = object number, 0 = background, 255 = void.

A pixel has one owner. Where two objects overlap the smaller one keeps the pixel (it would vanish otherwise);
the report says how many pixels went that way. The object number is the track id where all ids fit 1..254,
else the place in the order of ids; ``objects.json`` beside the folders says which, with categories and names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stmask_core.errors import FormatError
from stmask_core.formats.exchange import (
    Exchange,
    ExchangeCategory,
    ExchangeTrack,
    ExchangeVideo,
    Observation,
    observations_by_frame,
)
from stmask_core.formats.folders import SafeNames, atomic_folder, picture_folders
from stmask_core.formats.label_names import name_of_label
from stmask_core.formats.objects_file import (
    LabelledVideo,
    describe,
    read_objects,
    write_objects,
)
from stmask_core.formats.png_labels import read_label_png, write_palette_png
from stmask_core.formats.reports import WriteReport
from stmask_core.structures.masks import Mask
from stmask_core.structures.palette import TRACK_COLOURS

VOID = 255
MOST_OBJECTS = VOID - 1


def write_davis(exchange: Exchange, path: str | os.PathLike[str], *, replace: bool = False) -> WriteReport:
    """Write ``<path>/<video>/00000.png`` ... for every video, a picture for every frame.

    Raises FormatError when a video has more than 254 tracks or ``path`` is occupied (see ``atomic_folder``).
    """
    names = SafeNames()
    report = WriteReport(path=Path(path))
    entries: list[LabelledVideo] = []
    with atomic_folder(path, replace=replace) as root:
        for video in exchange.videos:
            folder = names.give(video.name)
            labels = object_numbers(video)
            (root / folder).mkdir()
            frames = observations_by_frame(video)
            for frame in range(video.length):
                picture, lost = paint_labels(video, frames.get(frame, ()), labels, np.uint8)
                (root / folder / f"{frame:05d}.png").write_bytes(write_palette_png(picture, _palette()))
                report = report.with_overlap(lost)
            entries.append(describe(video, folder, labels))
            report = report.with_video(video)
        write_objects(root, exchange.categories, entries)
    return report


def object_numbers(video: ExchangeVideo) -> dict[int, int]:
    """track id -> object number, 1..254."""
    ids = sorted(track.id for track in video.tracks)
    if len(ids) > MOST_OBJECTS:
        raise FormatError(
            f"{video.name} has {len(ids)} tracks; a DAVIS picture can tell {MOST_OBJECTS} apart.",
            "Export it as ytvis or mots, or delete tracks that are not needed.",
        )
    fits = not ids or (ids[0] >= 1 and ids[-1] <= MOST_OBJECTS)
    return {id_: id_ if fits else number for number, id_ in enumerate(ids, start=1)}


def paint_labels(
    video: ExchangeVideo,
    observations: Sequence[tuple[ExchangeTrack, Observation]],
    labels: Mapping[int, int],
    dtype: type[np.uint8] | type[np.uint16],
) -> tuple[NDArray, int]:
    """((H, W) labels of a frame, pixels that two objects claimed); the smaller object is painted last."""
    picture = np.zeros((video.height, video.width), dtype)
    lost = 0
    for track, observation in sorted(observations, key=lambda pair: (-pair[1].mask.area, pair[0].id)):
        mask = observation.mask
        bits = mask.crop_bits()
        y0, x0 = mask.y0, mask.x0
        region = picture[y0 : y0 + mask.crop_height, x0 : x0 + mask.crop_width]
        lost += int(np.count_nonzero(region[bits]))
        region[bits] = labels[track.id]
    return picture, lost


def read_davis(path: str | os.PathLike[str], names: Mapping[str, str] | None = None) -> Exchange:
    """Read a folder of palette PNGs, or of such folders (also ``Annotations/480p/<video>``).

    names: object number (as text) or ``*`` -> category, because the pictures do not say; not needed where
    ``objects.json`` lies beside them. In a grey picture that holds only 0 and 255, 255 is object 1.
    Raises FormatError that names the file.
    """
    root = Path(path)
    if not root.is_dir():
        raise FormatError(f"{root}: not a folder of pictures.")
    folders = picture_folders(root)
    if not folders:
        raise FormatError(f"{root}: holds no PNG file.")
    objects = read_objects(root)
    categories = dict.fromkeys(objects.categories) if objects else {}
    by_name: dict[str, ExchangeCategory] = {}
    videos: list[ExchangeVideo] = []
    warnings: list[str] = []
    for number, (folder, pictures) in enumerate(folders, start=1):
        entry = objects.videos.get(folder) if objects else None
        found, size = _read_pictures(pictures, keep_void=entry is not None, warnings=warnings)
        tracks = tuple(
            _track(label, masks, folder, entry, names or {}, by_name)
            for label, masks in sorted(found.items())
        )
        videos.append(
            ExchangeVideo(
                id=number,
                name=entry.name if entry else folder,
                width=size[1],
                height=size[0],
                length=len(pictures),
                tracks=tuple(sorted(tracks, key=lambda track: track.id)),
                frame_names=tuple(p.name for p in pictures),
            )
        )
    return Exchange((*categories, *by_name.values()), tuple(videos), warnings=tuple(warnings))


def _read_pictures(
    pictures: list[Path], *, keep_void: bool, warnings: list[str]
) -> tuple[dict[int, list[Observation]], tuple[int, int]]:
    found: dict[int, list[Observation]] = {}
    size: tuple[int, int] | None = None
    for frame, picture in enumerate(pictures):
        labels = read_picture(picture)
        if size is not None and labels.shape != size:
            raise FormatError(
                f"{picture}: {labels.shape[1]} x {labels.shape[0]} pixels,"
                f" the pictures before it have {size[1]} x {size[0]}."
            )
        size = (labels.shape[0], labels.shape[1])
        if labels.dtype != np.uint8:
            raise FormatError(f"{picture}: a 16-bit picture.", "Is it MOTS? Then say --format mots.")
        present = np.flatnonzero(np.bincount(labels.ravel(), minlength=2)[1:]) + 1
        if len(present) == 1 and present[0] == VOID and not keep_void:
            labels, present = (labels > 0).astype(np.uint8), np.array([1])
        for label in present.tolist():
            if label == VOID and not keep_void:
                warnings.append(f"{picture.parent.name}/{picture.name}: value 255 (void) was left out")
                continue
            found.setdefault(label, []).append(Observation(frame, Mask.from_bits(labels == label)))
    assert size is not None
    return found, size


def read_picture(path: Path) -> NDArray:
    """The (H, W) labels of a picture file; FormatError names the file."""
    try:
        return read_label_png(path.read_bytes())
    except ValueError as error:
        raise FormatError(f"{path.parent.name}/{path.name}: {error}.") from error
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror}).") from error


def _track(
    label: int,
    observations: list[Observation],
    folder: str,
    entry: LabelledVideo | None,
    names: Mapping[str, str],
    by_name: dict[str, ExchangeCategory],
) -> ExchangeTrack:
    if entry is not None:
        known = {o.label: o for o in entry.objects}.get(label)
        if known is None:
            raise FormatError(f"{folder}: object {label} is in the pictures but not in objects.json.")
        return ExchangeTrack(known.track_id, known.category_id, tuple(observations), name=known.name)
    name = name_of_label(label, names, where=f"{folder}: the pictures")
    category = by_name.setdefault(name, ExchangeCategory(len(by_name) + 1, name))
    return ExchangeTrack(label, category.id, tuple(observations))


def _palette() -> list[tuple[int, int, int]]:
    colours = [(0, 0, 0)]
    colours += [TRACK_COLOURS[(i - 1) % len(TRACK_COLOURS)] for i in range(1, 255)]
    return [*colours, (224, 224, 192)]  # void, as DAVIS paints it
