"""What a model run knew in a frame: every detection, every carried track, the scores between them, the
decision.

Kept as bytes beside a run's frames (``evidence_to_bytes``): a version, a JSON header, arrays and masks,
packed. Bytes from a file are checked before anything is believed.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stmask_core.errors import FormatError
from stmask_core.structures.detections import Floats
from stmask_core.structures.masks import Mask

MAGIC = b"STE1"
MOST_BYTES = 1 << 28  # unpacked evidence of one frame
_HEAD = struct.Struct("<4sII")  # magic, bytes unpacked, CRC-32 of the packed rest


@dataclass(frozen=True)
class Suppressed:
    """A detection that suppression dropped for a better one it overlaps. category: from 1, of the network."""

    mask: Mask
    category: int
    score: float


@dataclass(frozen=True, eq=False)
class FrameEvidence:
    """One frame. N detections after suppression, best first; M tracks as they were carried into the frame.

    boxes, track_boxes: xyxy in image pixels. scores, centerness: (N,). outcomes: (N,) 0 new track, 1 took
    its track over, 2 lost it to a better detection. wanted: (N,) track id each went for, for a new track
    its new id. track_ids, track_ages, track_scores, track_categories: (M,), ages with this frame counted.
    cosine, mask_iou, box_iou: (N, M). new_score: what a detection scores against "new". shown: ids of the
    tracks that were shown. masks, track_masks: of the image. suppressed: see ``model.postprocess``; none in
    what older versions kept.
    """

    boxes: Floats
    categories: NDArray[np.int64]
    scores: Floats
    centerness: Floats
    outcomes: NDArray[np.uint8]
    wanted: NDArray[np.int64]
    track_ids: NDArray[np.int64]
    track_ages: NDArray[np.int64]
    track_scores: Floats
    track_categories: NDArray[np.int64]
    track_boxes: Floats
    cosine: Floats
    mask_iou: Floats
    box_iou: Floats
    shown: NDArray[np.int64]
    new_score: float
    masks: tuple[Mask, ...]
    track_masks: tuple[Mask, ...]
    suppressed: tuple[Suppressed, ...] = ()

    @property
    def hidden(self) -> NDArray[np.int64]:
        """Ids of carried tracks that are not shown but can still be matched."""
        return np.setdiff1d(self.track_ids, self.shown)


KINDS: dict[str, tuple[str, str]] = {  # field -> (stored type, axes)
    "boxes": ("<f4", "N4"), "categories": ("<i8", "N"), "scores": ("<f4", "N"), "centerness": ("<f4", "N"),
    "outcomes": ("|u1", "N"), "wanted": ("<i8", "N"), "track_ids": ("<i8", "M"), "track_ages": ("<i8", "M"),
    "track_scores": ("<f4", "M"), "track_categories": ("<i8", "M"), "track_boxes": ("<f4", "M4"),
    "cosine": ("<f4", "NM"), "mask_iou": ("<f4", "NM"), "box_iou": ("<f4", "NM"), "shown": ("<i8", "S"),
}  # fmt: skip


def evidence_to_bytes(evidence: FrameEvidence) -> bytes:
    """The stored form; a few kilobytes for a frame of ten objects."""
    header: dict[str, Any] = {
        "N": len(evidence.scores),
        "M": len(evidence.track_ids),
        "S": len(evidence.shown),
        "new_score": float(evidence.new_score),
        "masks": [mask.to_coco() for mask in evidence.masks],
        "track_masks": [mask.to_coco() for mask in evidence.track_masks],
        "suppressed": suppressed_to_values(evidence.suppressed),
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    arrays = b"".join(
        np.ascontiguousarray(getattr(evidence, name), kind).tobytes() for name, (kind, _) in KINDS.items()
    )
    content = struct.pack("<I", len(text)) + text + arrays
    packed = zlib.compress(content, 6)
    return _HEAD.pack(MAGIC, len(content), zlib.crc32(packed)) + packed


def evidence_from_bytes(data: bytes) -> FrameEvidence:
    """Read the stored form. FormatError when it is damaged or not evidence."""
    try:
        content = _unpacked(data)
        (length,) = struct.unpack_from("<I", content)
        header = json.loads(content[4 : 4 + length])
        sizes = {axis: _count(header[axis]) for axis in "NMS"} | {"4": 4}
        arrays, at = {}, 4 + length
        for name, (kind, axes) in KINDS.items():
            shape = tuple(sizes[axis] for axis in axes)
            nbytes = math.prod(shape) * np.dtype(kind).itemsize
            if at + nbytes > len(content):
                raise ValueError(f"{name} is cut off")
            arrays[name] = np.frombuffer(content, kind, math.prod(shape), at).reshape(shape).copy()
            at += nbytes
        masks = [_masks(header[name], sizes[axis]) for name, axis in (("masks", "N"), ("track_masks", "M"))]
        new_score = float(header["new_score"])
        suppressed = suppressed_from_values(header.get("suppressed", []))
    except (ValueError, KeyError, TypeError, struct.error, zlib.error, RecursionError) as error:
        raise FormatError(
            f"The evidence of a frame cannot be read ({error}).", "Run the model again."
        ) from error
    return FrameEvidence(
        **arrays, new_score=new_score, masks=masks[0], track_masks=masks[1], suppressed=suppressed
    )


def suppressed_to_values(suppressed: Sequence[Suppressed]) -> list[dict[str, Any]]:
    """Plain JSON values."""
    return [{"mask": s.mask.to_coco(), "category": s.category, "score": s.score} for s in suppressed]


def suppressed_from_values(values: Any) -> tuple[Suppressed, ...]:
    """Inverse; ValueError, KeyError or TypeError when they are something else."""
    found = tuple(
        Suppressed(Mask.from_coco(value["mask"]), _count(value["category"]), float(value["score"]))
        for value in values
    )
    if not all(math.isfinite(one.score) for one in found):
        raise ValueError("a score is no number")
    return found


def _unpacked(data: bytes) -> bytes:
    magic, size, checksum = _HEAD.unpack_from(data)
    packed = data[_HEAD.size :]
    if magic != MAGIC or size > MOST_BYTES or zlib.crc32(packed) != checksum:
        raise ValueError("it is damaged or of another kind")
    content = zlib.decompressobj().decompress(packed, size + 1)
    if len(content) != size:
        raise ValueError("its size is wrong")
    return content


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 1 << 20:
        raise ValueError("a count is impossible")
    return value


def _masks(values: Sequence[Any], count: int) -> tuple[Mask, ...]:
    if not isinstance(values, list) or len(values) != count:
        raise ValueError("the masks do not fit the arrays")
    return tuple(Mask.from_coco(value) for value in values)


assert {field.name for field in fields(FrameEvidence)} == {
    *KINDS, "new_score", "masks", "track_masks", "suppressed",
}  # fmt: skip
