"""What a run compared, frame by frame, kept in a file so that identities can be decided again without it.

A track's carried state depends on two things only: the detection it last took over (its *origin*) and the
frame. So the carried tracks of a run answer for every replay in which a track of the same origin is alive.
With the feature maps beside them, temporal fusion can answer for the others too.

The file is a cache beside a project: it may be deleted at any time, and what it says is checked when read.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as numpy_tensors
from safetensors import torch as torch_tensors

from stmask_core.errors import FormatError
from stmask_core.model.stmask import FrameFeatures
from stmask_core.structures.detections import Detections, Floats
from stmask_core.structures.evidence import Suppressed, suppressed_from_values, suppressed_to_values
from stmask_core.structures.letterbox import FrameLayout
from stmask_core.structures.masks import Mask, check_image_size

Keep = Literal["nothing", "objects", "features"]
VERSION = 1
MOST_BYTES = 1 << 28  # unpacked objects of one frame
COMMIT_EVERY = 16  # frames
Read = TypeVar("Read")
AGAIN = "Record the run again: stmask replay PROJECT --record."


@dataclass(frozen=True, eq=False)
class Objects:
    """M objects as the tracker compares them.

    boxes: (M, 4), coefficients: (M, P) as in ``Detections``. cells: (M, Hp, Wp) float32, 1 where the soft
    mask is above 0.5. masks: of the image.
    """

    boxes: Floats
    coefficients: Floats
    cells: Floats
    masks: tuple[Mask, ...]


@dataclass(frozen=True, eq=False)
class Features:
    """What temporal fusion needs of a frame: maps (1, C, h, w), prototypes (Hp, Wp, P)."""

    maps: FrameFeatures
    prototypes: torch.Tensor

    def to(self, place: torch.device) -> Features:
        """The same on another device."""
        maps = FrameFeatures(self.maps.pyramid_map.to(place), self.maps.tower.to(place))
        return Features(maps, self.prototypes.to(place))


@dataclass(frozen=True, eq=False)
class FrameRecord:
    """One frame of a run. propagates: its tracks were carried by temporal fusion.

    found: detections, their ``masks`` being cells of 0 and 1. found_masks: of the image. carried: the tracks
    before the detections were compared with them, none when the run did not carry; track_ids: (M,) theirs.
    outcomes, wanted, suppressed: as in ``FrameEvidence``. features: None unless they were kept.
    """

    layout: FrameLayout
    propagates: bool
    found: Detections
    found_masks: tuple[Mask, ...]
    carried: Objects
    track_ids: NDArray[np.int64]
    outcomes: NDArray[np.uint8]
    wanted: NDArray[np.int64]
    suppressed: tuple[Suppressed, ...] = ()
    features: Features | None = None


class Recorder:
    """Writes a recording. about: whose it is, plain JSON values; a file about something else is replaced.

    Frames that come again replace what was there, so a run that goes on records on.
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self._path = path
        text = json.dumps({"version": VERSION, **about}, sort_keys=True)
        if path.exists() and _about_text(path) != text:
            path.unlink()
        self._connection = sqlite3.connect(path)
        with self._connection:
            self._connection.execute("CREATE TABLE IF NOT EXISTS about (text TEXT NOT NULL)")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS frames"
                " (frame INTEGER PRIMARY KEY, objects BLOB NOT NULL, features BLOB)"
            )
            self._connection.execute("DELETE FROM about")
            self._connection.execute("INSERT INTO about VALUES (?)", (text,))
        self._waiting: list[tuple[int, bytes, bytes | None]] = []

    def add(self, frame: int, record: FrameRecord) -> int:
        """Keep a frame; returns its bytes. FormatError when the disk refuses."""
        features = None if record.features is None else _features_to_bytes(record.features)
        row = (frame, _objects_to_bytes(record), features)
        self._waiting.append(row)
        if len(self._waiting) >= COMMIT_EVERY:
            self._write()
        return len(row[1]) + len(features or b"")

    def close(self) -> None:
        """Write what is waiting and close the file."""
        try:
            self._write()
        finally:
            self._connection.close()

    def _write(self) -> None:
        try:
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO frames VALUES (?, ?, ?)", self._waiting)
        except sqlite3.Error as error:
            raise FormatError(
                f"{self._path.name} cannot be written ({error}).", "Free some space, or record less."
            ) from error
        self._waiting.clear()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Recording:
    """Reads a recording. Raises FormatError for what is missing, damaged or no recording."""

    def __init__(self, path: Path) -> None:
        self.path = path
        text = _about_text(path)
        if text is None:
            raise FormatError(f"There is no recording at {path}.", AGAIN)
        try:
            self.about: dict[str, Any] = dict(json.loads(text))
        except (ValueError, TypeError, RecursionError) as error:
            raise FormatError(f"{path.name} is no recording.", AGAIN) from error
        if self.about.get("version") != VERSION:
            raise FormatError(f"{path.name} is of another version of the program.", AGAIN)

    @property
    def frames(self) -> range:
        """The frames recorded; FormatError when some in between are missing."""
        with _reading(self.path) as connection:
            first, last, count = connection.execute(
                "SELECT min(frame), max(frame), count(*) FROM frames"
            ).fetchone()
        if not count or last - first + 1 != count:
            raise FormatError(f"{self.path.name} has frames missing.", AGAIN)
        return range(first, last + 1)

    @property
    def has_features(self) -> bool:
        """True when temporal fusion can be computed again at every frame."""
        with _reading(self.path) as connection:
            (without,) = connection.execute("SELECT count(*) FROM frames WHERE features IS NULL").fetchone()
        return not without

    def records(self) -> Iterator[tuple[int, FrameRecord]]:
        """(frame, record) in order, features left out; one frame in memory at a time."""
        with _reading(self.path) as connection:
            for frame, data in connection.execute("SELECT frame, objects FROM frames ORDER BY frame"):
                yield frame, self._read(frame, _objects_from_bytes, data)

    def features(self, frame: int) -> Features:
        """The maps of a frame, on the CPU."""
        with _reading(self.path) as connection:
            row = connection.execute("SELECT features FROM frames WHERE frame = ?", (frame,)).fetchone()
        if row is None or row[0] is None:
            raise FormatError(f"{self.path.name} keeps no features of frame {frame}.", AGAIN)
        return self._read(frame, _features_from_bytes, row[0])

    def _read(self, frame: int, reader: Callable[[bytes], Read], data: object) -> Read:
        try:
            if not isinstance(data, bytes):
                raise TypeError("no bytes")
            return reader(data)
        except (ValueError, KeyError, TypeError, RecursionError, zlib.error, SafetensorError) as error:
            raise FormatError(f"{self.path.name}: frame {frame} cannot be read ({error}).", AGAIN) from error


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads; SQLite's errors in our words."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            yield connection
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise FormatError(f"{path.name} cannot be read ({error}).", AGAIN) from error


def _about_text(path: Path) -> str | None:
    """What a file says it is about; None when there is no file, or another kind of file."""
    if not path.is_file():
        return None
    try:
        with _reading(path) as connection:
            row = connection.execute("SELECT text FROM about").fetchone()
    except FormatError:
        return ""
    return str(row[0]) if row else ""


def _objects_to_bytes(record: FrameRecord) -> bytes:
    layout, found, carried = record.layout, record.found, record.carried
    arrays: dict[str, NDArray] = {
        "layout": np.array([*layout.source, *layout.resized, *layout.padded, record.propagates], np.int64),
        "grid": np.array(found.masks.shape[1:], np.int64),
        "track_ids": record.track_ids,
        "outcomes": record.outcomes,
        "wanted": record.wanted,
        "carried.boxes": carried.boxes,
        "carried.coefficients": carried.coefficients,
    }
    arrays |= {f"found.{f.name}": getattr(found, f.name) for f in fields(found) if f.name != "masks"}
    text = json.dumps(suppressed_to_values(record.suppressed), separators=(",", ":"))
    arrays["suppressed"] = np.frombuffer(text.encode(), np.uint8)
    for name, cells, masks in (
        ("found", found.masks, record.found_masks),
        ("carried", carried.cells, carried.masks),
    ):
        flat = cells.reshape(len(cells), cells.shape[1] * cells.shape[2])
        arrays[f"{name}.bits"] = np.packbits(flat > 0.5, axis=1)
        arrays |= {f"{name}.{key}": value for key, value in _masks_to_arrays(masks).items()}
    content = numpy_tensors.save({key: np.ascontiguousarray(value) for key, value in arrays.items()})
    return zlib.compress(content, 1)


def _objects_from_bytes(data: bytes) -> FrameRecord:
    """Inverse; ValueError, KeyError, TypeError, zlib.error or SafetensorError when it is not a record."""
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(data, MOST_BYTES)
    if not unpacker.eof:
        raise ValueError("it is cut off, or too large")
    arrays = numpy_tensors.load(content)
    for key, value in arrays.items():
        if value.dtype != _KINDS[key] or not np.isfinite(value).all():
            raise ValueError(f"{key} is of another kind, or not finite")
    sizes = arrays["layout"].tolist()
    if len(sizes) != 7 or min(sizes[:6]) <= 0 or arrays["grid"].min() <= 0:
        raise ValueError("its layout is impossible")
    check_image_size(sizes[0], sizes[1])
    layout = FrameLayout((sizes[0], sizes[1]), (sizes[2], sizes[3]), (sizes[4], sizes[5]))
    height, width = arrays["grid"].tolist()
    count, known = len(arrays["found.scores"]), len(arrays["track_ids"])
    prototypes, embedding = arrays["found.coefficients"].shape[1], arrays["found.embeddings"].shape[1]
    bits = -(-height * width // 8)
    shapes = {
        "found.boxes": (count, 4), "found.classes": (count,), "found.scores": (count,),
        "found.centerness": (count,), "found.coefficients": (count, prototypes),
        "found.embeddings": (count, embedding), "found.bits": (count, bits), "outcomes": (count,),
        "wanted": (count,), "track_ids": (known,), "carried.boxes": (known, 4),
        "carried.coefficients": (known, prototypes), "carried.bits": (known, bits),
    }  # fmt: skip
    for key, shape in shapes.items():
        if arrays[key].shape != shape:
            raise ValueError(f"{key} has another shape")
    if arrays["outcomes"].max(initial=0) > 2 or arrays["found.classes"].min(initial=1) < 1:
        raise ValueError("an outcome or a category is unknown")
    of_found = {f.name: arrays[f"found.{f.name}"] for f in fields(Detections) if f.name != "masks"}
    return FrameRecord(
        layout=layout,
        propagates=bool(sizes[6]),
        found=Detections(**of_found, masks=_cells(arrays["found.bits"], height, width)),
        found_masks=_masks_from_arrays(arrays, "found", count, layout.source),
        carried=Objects(
            arrays["carried.boxes"],
            arrays["carried.coefficients"],
            _cells(arrays["carried.bits"], height, width),
            _masks_from_arrays(arrays, "carried", known, layout.source),
        ),
        track_ids=arrays["track_ids"],
        outcomes=arrays["outcomes"],
        wanted=arrays["wanted"],
        suppressed=_suppressed(arrays.get("suppressed"), layout.source),
    )


def _suppressed(text: NDArray | None, size: tuple[int, int]) -> tuple[Suppressed, ...]:
    """What a frame's suppression dropped; nothing in a recording of an older version."""
    if text is None:
        return ()
    found = suppressed_from_values(json.loads(text.tobytes()))
    if any((one.mask.height, one.mask.width) != size for one in found):
        raise ValueError("a suppressed mask is of another size")
    return found


_FLOATS = ("boxes", "scores", "centerness", "coefficients", "embeddings")
_NUMBERS = ("layout", "grid", "track_ids", "wanted", "found.classes")
_KINDS: dict[str, np.dtype] = (
    {f"found.{name}": np.dtype(np.float32) for name in _FLOATS}
    | {f"carried.{name}": np.dtype(np.float32) for name in ("boxes", "coefficients")}
    | {name: np.dtype(np.int64) for name in _NUMBERS}
    | {f"{name}.crops": np.dtype(np.int64) for name in ("found", "carried")}
    | {f"{name}.{key}": np.dtype(np.uint8) for name in ("found", "carried") for key in ("bits", "runs")}
    | {name: np.dtype(np.uint8) for name in ("outcomes", "suppressed")}
)


def _cells(bits: NDArray, height: int, width: int) -> Floats:
    """Packed bits (N, bytes) -> (N, height, width) of 0 and 1."""
    flat = np.unpackbits(bits, axis=1, count=height * width)
    return flat.reshape(len(bits), height, width).astype(np.float32)


def _masks_to_arrays(masks: Sequence[Mask]) -> dict[str, NDArray]:
    """crops: (N, 5) place of each crop and bytes of its runs. runs: all run lengths, end to end."""
    crops = [(m.y0, m.x0, m.crop_height, m.crop_width, len(m.runs)) for m in masks]
    runs = np.frombuffer(b"".join(m.runs for m in masks), np.uint8)
    return {"crops": np.array(crops, np.int64).reshape(-1, 5), "runs": runs}


def _masks_from_arrays(
    arrays: Mapping[str, NDArray], name: str, count: int, size: tuple[int, int]
) -> tuple[Mask, ...]:
    """Masks of an image of (height, width); ValueError when one cannot be."""
    crops, runs = arrays[f"{name}.crops"], arrays[f"{name}.runs"].tobytes()
    if crops.shape != (count, 5) or (crops < 0).any() or int(crops[:, 4].sum()) != len(runs):
        raise ValueError("its masks do not fit")
    if ((crops[:, :2] + crops[:, 2:4]) > np.array(size)).any():
        raise ValueError("a mask hangs over its image")
    masks, at = [], 0
    for y0, x0, height, width, length in crops.tolist():
        mask = Mask(*size, y0, x0, height, width, runs[at : at + length])
        if not _is_sound(mask):
            raise ValueError("a mask's runs do not fit its crop")
        masks.append(mask)
        at += length
    return tuple(masks)


def _is_sound(mask: Mask) -> bool:
    area = mask.crop_height * mask.crop_width
    kind = np.dtype("<u2") if area < 65536 else np.dtype("<u4")  # as Mask packs them
    if len(mask.runs) % kind.itemsize:
        return False
    return int(np.frombuffer(mask.runs, kind).sum(dtype=np.int64)) <= area


def _features_to_bytes(features: Features) -> bytes:
    return torch_tensors.save(
        {
            "pyramid_map": features.maps.pyramid_map.cpu().contiguous(),
            "tower": features.maps.tower.cpu().contiguous(),
            "prototypes": features.prototypes.cpu().contiguous(),
        }
    )


def _features_from_bytes(data: bytes) -> Features:
    tensors = torch_tensors.load(data)
    pyramid_map, tower, prototypes = (tensors[k] for k in ("pyramid_map", "tower", "prototypes"))
    if pyramid_map.ndim != 4 or pyramid_map.shape != tower.shape or prototypes.ndim != 3:
        raise ValueError("its maps have other shapes")
    return Features(FrameFeatures(pyramid_map, tower), prototypes.float())
