"""Binary masks as run lengths of their tight crop.

A mask remembers the size of its image, where its tight crop sits, and the run lengths inside the crop in
column-major order (the order of COCO), so that a small object costs a few hundred bytes whatever the image
and the way to and from COCO never decodes a full frame. Pixel (y, x) is True inside the object.
Editing (morphology, interpolation) is in ``mask_editing``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

MAX_IMAGE_PIXELS = 1 << 28  # 16,384 x 16,384; a header that claims more is lying
MAX_PERIMETER = 4_000_000  # pixels around all polygons of one mask

Bits = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Mask:
    """One object's pixels in one image; two masks are equal when their pixels are.

    height, width: image size in pixels. y0, x0, crop_height, crop_width: tight crop, all 0 when empty.
    runs: run lengths of the crop, column-major, first a run of False, the last run of False left out;
    little-endian 16-bit when the crop has fewer than 65,536 pixels, else 32-bit.
    """

    height: int
    width: int
    y0: int
    x0: int
    crop_height: int
    crop_width: int
    runs: bytes

    @classmethod
    def empty(cls, height: int, width: int) -> Mask:
        """A mask without a pixel."""
        check_image_size(height, width)
        return cls(height, width, 0, 0, 0, 0, b"")

    @classmethod
    def from_bits(cls, bits: NDArray) -> Mask:
        """From an (H, W) array; every non-zero entry is inside."""
        height, width = bits.shape
        return cls.from_crop(bits, y0=0, x0=0, height=height, width=width)

    @classmethod
    def from_crop(cls, bits: NDArray, *, y0: int, x0: int, height: int, width: int) -> Mask:
        """From an (h, w) array whose top-left pixel is (y0, x0) of an image height x width.

        The crop may hang over the image; what lies outside is cut off. It need not be tight.
        """
        check_image_size(height, width)
        bits = np.asarray(bits) != 0
        top, left = max(0, -y0), max(0, -x0)
        bits = bits[top : max(top, height - y0), left : max(left, width - x0)]
        rows, columns = np.flatnonzero(bits.any(axis=1)), np.flatnonzero(bits.any(axis=0))
        if not len(rows):
            return cls.empty(height, width)
        tight = bits[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        flat = np.zeros(tight.size + 2, np.int8)
        flat[1:-1] = tight.T.ravel()
        edges = np.flatnonzero(np.diff(flat))
        y0, x0 = int(y0 + top + rows[0]), int(x0 + left + columns[0])
        crop_height, crop_width = tight.shape
        runs = _pack(np.diff(edges, prepend=0), crop_height * crop_width)
        return cls(height, width, y0, x0, crop_height, crop_width, runs)

    @classmethod
    def from_counts(cls, counts: NDArray | Sequence[int], height: int, width: int) -> Mask:
        """From the run lengths of the whole image (COCO order: column-major, first False).

        Raises ValueError when a run is negative or the runs do not add up to the image.
        """
        check_image_size(height, width)
        lengths = np.asarray(counts)
        if lengths.ndim != 1 or (lengths.size and lengths.dtype.kind not in "iu"):
            raise ValueError("counts are not a flat list of integers")
        lengths = np.ascontiguousarray(lengths, np.int64)
        if lengths.size and int(lengths.view(np.uint64).max()) > height * width:  # negative ones are huge
            raise ValueError("counts hold a run that does not fit the image")
        ends = lengths.cumsum()
        total = int(ends[-1]) if len(ends) else 0
        if total != height * width:
            raise ValueError(f"counts add up to {total} pixels, the image has {height * width}")
        num_edges = len(lengths) - len(lengths) % 2
        edges = ends[:num_edges]  # start, stop, start, stop, ... of the runs of True
        if not lengths[1:num_edges].all():
            edges = _merged(edges)
        if not len(edges):
            return cls.empty(height, width)
        column = edges[0::2] // height
        y0, y1 = _rows_reached(edges, column * height, height)
        x0, x1 = int(column[0]), int(edges[-1] - 1) // height + 1
        crop_height, crop_width = y1 - y0, x1 - x0
        # Only where no run passes a column's end is the crop less high than the image.
        shift = column * (height - crop_height)
        shift += x0 * crop_height + y0
        cropped = np.empty(len(edges), np.int64)
        np.subtract(edges[0::2], shift, out=cropped[0::2])
        np.subtract(edges[1::2], shift, out=cropped[1::2])
        lengths = _differences(cropped)
        if not lengths[1:].all():  # runs of neighbouring columns that touch in the crop
            lengths = _differences(_merged(cropped))
        return cls(height, width, y0, x0, crop_height, crop_width, _pack(lengths, crop_height * crop_width))

    @classmethod
    def from_coco(cls, rle: Mapping[str, Any]) -> Mask:
        """From COCO ``{"size": [h, w], "counts": list | str | bytes}``; ValueError when inconsistent."""
        height, width = _size_of(rle)
        counts = rle.get("counts")
        if isinstance(counts, str | bytes):
            return cls.from_counts(decompress_counts(counts), height, width)
        if not isinstance(counts, list | tuple | np.ndarray):
            raise ValueError("counts are neither a list nor a string")
        try:
            lengths = np.asarray(counts)
        except (ValueError, OverflowError) as error:
            raise ValueError("counts are not a flat list of integers") from error
        if lengths.size == 0:
            lengths = np.zeros(0, np.int64)
        return cls.from_counts(lengths, height, width)

    @classmethod
    def from_polygons(cls, polygons: Sequence[Sequence[float]], height: int, width: int) -> Mask:
        """Union of polygons, each ``[x1, y1, x2, y2, ...]`` in image pixels, filled as COCO does."""
        check_image_size(height, width)
        far = 10.0 * max(height, width)
        checked: list[list[float]] = []
        perimeter = 0.0
        for polygon in polygons:
            try:
                points = np.asarray(polygon, dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise ValueError("a polygon is not a flat list of numbers") from error
            if points.ndim != 1 or len(points) % 2 or len(points) < 6:
                raise ValueError("a polygon needs at least three x, y pairs")
            if not np.isfinite(points).all() or np.abs(points).max() > far:
                raise ValueError("a polygon lies far outside the image")
            perimeter += float(np.abs(np.diff(points.reshape(-1, 2), axis=0)).max(axis=1).sum())
            if perimeter > MAX_PERIMETER:  # COCO's filling takes memory for every pixel of the outline
                raise ValueError("the polygons' outline is too long for any object")
            checked.append(points.tolist())
        if not checked:
            return cls.empty(height, width)
        merged = coco.merge(coco.frPyObjects(checked, height, width))
        return cls.from_counts(decompress_counts(merged["counts"]), height, width)

    @property
    def is_empty(self) -> bool:
        """True when no pixel is inside."""
        return self.crop_width == 0

    @property
    def area(self) -> int:
        """Number of pixels inside."""
        return int(np.add.reduce(self._stored()[1::2], dtype=np.int64))

    @property
    def box(self) -> tuple[int, int, int, int] | None:
        """Tight box (x1, y1, x2, y2), half open, in image pixels; None when empty."""
        if self.is_empty:
            return None
        return self.x0, self.y0, self.x0 + self.crop_width, self.y0 + self.crop_height

    def crop_bits(self) -> Bits:
        """The crop as a (crop_height, crop_width) array."""
        lengths = self._lengths()
        flat = np.zeros(self.crop_height * self.crop_width, np.bool_)
        values = np.zeros(len(lengths), np.bool_)
        values[1::2] = True
        inside = np.repeat(values, lengths)
        flat[: len(inside)] = inside
        return flat.reshape(self.crop_width, self.crop_height).T

    def bits(self) -> Bits:
        """The whole image as an (H, W) array."""
        full = np.zeros((self.height, self.width), np.bool_)
        y0, x0 = self.y0, self.x0
        full[y0 : y0 + self.crop_height, x0 : x0 + self.crop_width] = self.crop_bits()
        return full

    def window(self, x1: int, y1: int, x2: int, y2: int) -> Bits:
        """Pixels of the window (x1, y1, x2, y2), which may hang over the crop and the image."""
        out = np.zeros((y2 - y1, x2 - x1), np.bool_)
        top, bottom = max(y1, self.y0), min(y2, self.y0 + self.crop_height)
        left, right = max(x1, self.x0), min(x2, self.x0 + self.crop_width)
        if top < bottom and left < right:
            crop = self.crop_bits()
            out[top - y1 : bottom - y1, left - x1 : right - x1] = crop[
                top - self.y0 : bottom - self.y0, left - self.x0 : right - self.x0
            ]
        return out

    def coco_counts(self) -> Ints:
        """Run lengths of the whole image in COCO order."""
        total = self.height * self.width
        if self.is_empty:
            return np.array([total], np.int64)
        tall = self.crop_height
        edges = self._lengths().cumsum()
        column = edges[0::2] // tall
        if tall < self.height and int((edges[1::2] - column * tall).max()) > tall:
            edges = _split_at_columns(edges, tall)
            column = edges[0::2] // tall
        shift = column * (self.height - tall)
        shift += self.x0 * self.height + self.y0
        edges = np.append(edges, total)
        edges[0:-1:2] += shift
        edges[1::2] += shift
        counts = _differences(edges)
        return counts if counts[-1] else counts[:-1]

    def to_coco_list(self) -> list[int]:
        """Uncompressed COCO counts of the whole image."""
        return self.coco_counts().tolist()

    def to_coco(self) -> dict[str, Any]:
        """Compressed COCO run-length code, counts as text."""
        raw = {"size": [self.height, self.width], "counts": self.to_coco_list()}
        packed = coco.frPyObjects(raw, self.height, self.width)
        return {"size": [self.height, self.width], "counts": packed["counts"].decode("ascii")}

    def _lengths(self) -> Ints:
        return self._stored().astype(np.int64)

    def _stored(self) -> NDArray[np.unsignedinteger]:
        return np.frombuffer(self.runs, _run_type(self.crop_height * self.crop_width))


def intersection_area(a: Mask, b: Mask) -> int:
    """Pixels inside both masks; only the overlap of their crops is looked at."""
    window = _overlap(a, b)
    if window is None:
        return 0
    return int(np.count_nonzero(a.window(*window) & b.window(*window)))


def iou(a: Mask, b: Mask) -> float:
    """Intersection over union; 0 when both are empty (released code, spec 11)."""
    common = intersection_area(a, b)
    either = a.area + b.area - common
    return common / either if either else 0.0


def union(a: Mask, b: Mask) -> Mask:
    """Pixels in either mask."""
    if a.box is None or b.box is None:
        _check_same_image(a, b)
        return b if a.box is None else a
    x1, y1 = min(a.x0, b.x0), min(a.y0, b.y0)
    x2, y2 = max(a.box[2], b.box[2]), max(a.box[3], b.box[3])
    _check_same_image(a, b)
    bits = a.window(x1, y1, x2, y2) | b.window(x1, y1, x2, y2)
    return Mask.from_crop(bits, y0=y1, x0=x1, height=a.height, width=a.width)


def intersection(a: Mask, b: Mask) -> Mask:
    """Pixels in both masks."""
    window = _overlap(a, b)
    if window is None:
        return Mask.empty(a.height, a.width)
    bits = a.window(*window) & b.window(*window)
    return Mask.from_crop(bits, y0=window[1], x0=window[0], height=a.height, width=a.width)


def subtract(a: Mask, b: Mask) -> Mask:
    """Pixels in ``a`` that are not in ``b``."""
    if _overlap(a, b) is None or a.box is None:
        return a
    bits = a.crop_bits() & ~b.window(*a.box)
    return Mask.from_crop(bits, y0=a.y0, x0=a.x0, height=a.height, width=a.width)


def decompress_counts(text: str | bytes) -> Ints:
    """Run lengths from COCO's compressed text; ValueError on anything that is not such text.

    Each number is written in groups of 5 bits, lowest first, bit 6 saying that more follow, the top bit of
    the last group being the sign; from the fourth number on it is the difference to the one two before.
    """
    try:
        raw = text.encode("ascii") if isinstance(text, str) else bytes(text)
    except UnicodeEncodeError as error:
        raise ValueError("compressed counts hold a character outside ASCII") from error
    groups = np.frombuffer(raw, np.uint8).astype(np.int64) - 48
    if not len(groups):
        return np.zeros(0, np.int64)
    if int(groups.min()) < 0 or int(groups.max()) > 63:
        raise ValueError("compressed counts hold a character outside their alphabet")
    last = np.flatnonzero((groups & 0x20) == 0)
    if not len(last) or last[-1] != len(groups) - 1:
        raise ValueError("compressed counts end in the middle of a number")
    first = np.concatenate(([0], last[:-1] + 1))
    length = last - first + 1
    if int(length.max()) > 8:
        raise ValueError("compressed counts hold a number too large for any image")
    place = np.arange(len(groups)) - np.repeat(first, length)
    numbers = np.add.reduceat((groups & 0x1F) << (5 * place), first)
    negative = (groups[last] & 0x10) != 0
    numbers[negative] -= np.int64(1) << (5 * length[negative])
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def check_image_size(height: int, width: int) -> None:
    """Raise ValueError for a size no image of ours can have."""
    if height <= 0 or width <= 0 or height * width > MAX_IMAGE_PIXELS:
        raise ValueError(f"an image cannot be {width} x {height} pixels")


def _size_of(rle: Mapping[str, Any]) -> tuple[int, int]:
    if not isinstance(rle, Mapping):  # files hold anything
        raise ValueError("a mask is not an object with size and counts")
    size = rle.get("size")
    if not isinstance(size, list | tuple) or len(size) != 2:
        raise ValueError("size is not [height, width]")
    height, width = size
    if isinstance(height, bool) or isinstance(width, bool):
        raise ValueError("size is not [height, width] in whole pixels")
    if not isinstance(height, int | np.integer) or not isinstance(width, int | np.integer):
        raise ValueError("size is not [height, width] in whole pixels")
    check_image_size(int(height), int(width))
    return int(height), int(width)


def _run_type(crop_area: int) -> np.dtype:
    return np.dtype("<u2") if crop_area < 65536 else np.dtype("<u4")


def _pack(lengths: Ints, crop_area: int) -> bytes:
    return lengths.astype(_run_type(crop_area)).tobytes()


def _rows_reached(edges: Ints, tops: Ints, height: int) -> tuple[int, int]:
    """First row and the row behind the last that runs touch; tops: first pixel of the column of each."""
    y1 = int((edges[1::2] - tops).max())
    # A run around a column's end touches the last row and the first.
    return (int((edges[0::2] - tops).min()), y1) if y1 <= height else (0, height)


def _split_at_columns(edges: Ints, tall: int) -> Ints:
    """Runs of columns ``tall`` pixels high, each cut where a column ends."""
    starts, stops = edges[0::2], edges[1::2]
    first, last = starts // tall, (stops - 1) // tall
    pieces = last - first + 1
    owner = np.repeat(np.arange(len(starts)), pieces)
    order = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    top = (first[owner] + order) * tall
    return np.stack((np.maximum(starts[owner], top), np.minimum(stops[owner], top + tall)), axis=1).ravel()


def _differences(edges: Ints) -> Ints:
    """Run lengths (False first, no last run of False) from starts and stops in turn."""
    lengths = edges.copy()
    lengths[1:] -= edges[:-1]
    return lengths


def _merged(edges: Ints) -> Ints:
    """Starts and stops in turn, without empty runs, those that touch joined."""
    runs = edges.reshape(-1, 2)
    runs = runs[runs[:, 1] > runs[:, 0]]
    if not len(runs):
        return edges[:0]
    apart = runs[1:, 0] != runs[:-1, 1]
    return np.stack((runs[np.append(True, apart), 0], runs[np.append(apart, True), 1]), axis=1).ravel()


def _check_same_image(a: Mask, b: Mask) -> None:
    if (a.height, a.width) != (b.height, b.width):
        raise ValueError(f"masks of different images: {a.width}x{a.height} and {b.width}x{b.height}")


def _overlap(a: Mask, b: Mask) -> tuple[int, int, int, int] | None:
    """Common window (x1, y1, x2, y2) of the two crops, or None."""
    _check_same_image(a, b)
    x1, y1 = max(a.x0, b.x0), max(a.y0, b.y0)
    x2 = min(a.x0 + a.crop_width, b.x0 + b.crop_width)
    y2 = min(a.y0 + a.crop_height, b.y0 + b.crop_height)
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None
