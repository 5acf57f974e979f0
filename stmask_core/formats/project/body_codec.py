"""The heavy part of an annotation as bytes: checksum, fixed head, maybe a box and extra fields, the runs."""

from __future__ import annotations

import json
import struct
import zlib

import numpy as np

from stmask_core.document.records import MaskBody
from stmask_core.errors import ProjectFileError
from stmask_core.formats.project.connection import RESCUE
from stmask_core.structures.masks import Mask, check_image_size

_HEAD = struct.Struct("<BIIIIIII")  # contents, height, width, y0, x0, crop height, crop width, extra's length
_CHECKSUM = struct.Struct("<I")  # CRC-32 of what follows: a flipped bit must not become another shape
_BOX = struct.Struct("<4d")
_HAS_BOX, _IS_PACKED = 1, 2
_PACK_FROM = 96  # bytes of runs from which compression pays
MAX_EXTRA = 1 << 24


def body_to_bytes(body: MaskBody) -> bytes:
    """The stored form of pixels, box and extra fields."""
    mask, box, fields = body
    extra = json.dumps(dict(fields), ensure_ascii=False).encode() if fields else b""
    runs = mask.runs
    contents = _HAS_BOX if box is not None else 0
    if len(runs) >= _PACK_FROM:
        runs, contents = zlib.compress(runs, 1), contents | _IS_PACKED
    head = _HEAD.pack(
        contents,
        mask.height,
        mask.width,
        mask.y0,
        mask.x0,
        mask.crop_height,
        mask.crop_width,
        len(extra),
    )
    content = b"".join((head, _BOX.pack(*box) if box is not None else b"", extra, runs))
    return _CHECKSUM.pack(zlib.crc32(content)) + content


def body_from_bytes(data: bytes) -> MaskBody:
    """Read and check the stored form; ProjectFileError when it cannot be one of ours."""
    try:
        if _CHECKSUM.unpack_from(data)[0] != zlib.crc32(data[_CHECKSUM.size :]):
            raise ValueError("its checksum is wrong")
        return _parse(data[_CHECKSUM.size :])
    except (struct.error, zlib.error, ValueError, RecursionError) as error:
        raise ProjectFileError(f"A mask in the project file is damaged ({error}).", RESCUE) from error


def _parse(data: bytes) -> MaskBody:
    contents, height, width, y0, x0, crop_height, crop_width, num_extra = _HEAD.unpack_from(data)
    check_image_size(height, width)
    at = _HEAD.size
    box = None
    if contents & ~(_HAS_BOX | _IS_PACKED) or num_extra > MAX_EXTRA:
        raise ValueError("unknown contents")
    if contents & _HAS_BOX:
        box = _BOX.unpack_from(data, at)
        at += _BOX.size
        if not np.isfinite(box).all():
            raise ValueError("its box is not four numbers")
    extra = json.loads(data[at : at + num_extra]) if num_extra else {}
    if not isinstance(extra, dict):
        raise ValueError("its extra fields have no names")
    runs = data[at + num_extra :]
    area = crop_height * crop_width
    if (
        y0 + crop_height > height
        or x0 + crop_width > width
        or (area == 0) != (crop_height == crop_width == 0)
    ):
        raise ValueError("its crop does not fit the image")
    item = 2 if area < 65536 else 4
    if contents & _IS_PACKED:
        unpack = zlib.decompressobj()
        runs = unpack.decompress(runs, (area + 2) * item)
        if not unpack.eof:
            raise ValueError("its runs do not end")
    if len(runs) % item or (not runs) != (area == 0):
        raise ValueError("its runs are cut off")
    lengths = np.frombuffer(runs, "<u2" if item == 2 else "<u4")
    if int(lengths.sum(dtype=np.int64)) > area or (area and len(lengths) % 2):
        raise ValueError("its runs do not fit the crop")
    if area and not lengths[1:].all():
        raise ValueError("it has an empty run")
    if area == 0 and (y0, x0) != (0, 0):
        raise ValueError("an empty mask has a place")
    return MaskBody(Mask(height, width, y0, x0, crop_height, crop_width, runs), box, extra)
