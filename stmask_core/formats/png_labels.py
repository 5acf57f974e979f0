"""Pictures whose pixel values are labels: palette PNG (DAVIS) and 16-bit grey PNG (MOTS).

OpenCV expands a palette to colours and cannot write one, so the palette chunk is put in or taken out here:
a palette picture *is* a grey picture with a colour table beside it. The header is believed only as far as the
data that follows could fill it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stmask_core.opencv import cv2
from stmask_core.structures.masks import MAX_IMAGE_PIXELS

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, PALETTE = 0, 3
MOST_SQUEEZED = 1100  # deflate never packs more than about 1,030 bytes into one

Labels = NDArray[Any]  # (H, W) uint8 or uint16


def write_palette_png(labels: NDArray[np.uint8], palette: Sequence[tuple[int, int, int]]) -> bytes:
    """A PNG of (H, W) indices with a colour table of up to 256 RGB entries."""
    chunks = _chunks(_encode(labels))
    colours = bytes(value for colour in palette for value in colour)
    header = chunks[0][1]
    out = [(b"IHDR", header[:9] + bytes([PALETTE]) + header[10:]), (b"PLTE", colours)]
    out += [(kind, body) for kind, body in chunks if kind in (b"IDAT", b"IEND")]
    return _join(out)


def write_grey16_png(labels: NDArray[np.uint16]) -> bytes:
    """A 16-bit grey PNG of (H, W) values."""
    return _encode(labels)


def read_label_png(data: bytes) -> Labels:
    """The (H, W) label of every pixel: palette index, or grey value of 8 or 16 bits.

    Raises ValueError for anything that is not an intact PNG of that kind, before memory is taken for it.
    """
    chunks = _chunks(data)
    width, height, depth, colour = _header(chunks)
    _check_size(width, height, depth, sum(len(body) for kind, body in chunks if kind == b"IDAT"))
    header = chunks[0][1]
    grey = [(b"IHDR", header[:9] + bytes([GREY]) + header[10:])]
    grey += [(kind, body) for kind, body in chunks if kind in (b"IDAT", b"IEND")]
    _check_stream(chunks, width, height, depth, interlaced=header[12] != 0)
    try:
        image = cv2.imdecode(np.frombuffer(_join(grey), np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ValueError("the picture cannot be decoded") from error
    if image is None or image.shape != (height, width):
        raise ValueError("the picture cannot be decoded")
    if depth < 8:  # OpenCV stretches 1, 2 and 4 bit greys to the whole range
        image = image // (255 // ((1 << depth) - 1))
    if colour == PALETTE:
        colours = sum(len(body) for kind, body in chunks if kind == b"PLTE") // 3
        if int(image.max()) >= max(colours, 1):
            raise ValueError(f"a pixel has index {int(image.max())}, the palette has {colours} colours")
    return image


def _encode(labels: Labels) -> bytes:
    done, data = cv2.imencode(".png", np.ascontiguousarray(labels))
    if not done:
        raise ValueError("the picture cannot be encoded")
    return data.tobytes()


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """(kind, body) of each chunk; ValueError when the container is damaged."""
    if not data.startswith(SIGNATURE):
        raise ValueError("not a PNG file")
    found: list[tuple[bytes, bytes]] = []
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        end = at + 8 + length
        if end + 4 > len(data):
            raise ValueError("the PNG file is cut off")
        if struct.unpack_from(">I", data, end)[0] != zlib.crc32(kind + body):
            raise ValueError(f"the PNG file is damaged (check sum of {kind!r})")
        found.append((kind, body))
        at = end + 4
        if kind == b"IEND":
            return found
    raise ValueError("the PNG file is cut off")


def _header(chunks: list[tuple[bytes, bytes]]) -> tuple[int, int, int, int]:
    """(width, height, bit depth, colour type) of a picture that can hold labels."""
    if chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise ValueError("the PNG file has no header")
    width, height, depth, colour = struct.unpack(">IIBB", chunks[0][1][:10])
    if colour not in (GREY, PALETTE):
        raise ValueError("a colour picture, not labels (expected a palette or grey PNG)")
    if depth not in ((1, 2, 4, 8) if colour == PALETTE else (1, 2, 4, 8, 16)):
        raise ValueError(f"a PNG cannot have {depth} bits per label")
    return width, height, depth, colour


def _check_size(width: int, height: int, depth: int, packed: int) -> None:
    if not 0 < width * height <= MAX_IMAGE_PIXELS:
        raise ValueError(f"an image cannot be {width} x {height} pixels")
    if ((width * depth + 7) // 8) * height > packed * MOST_SQUEEZED:
        raise ValueError(f"{packed} bytes cannot hold {width} x {height} pixels")


def _check_stream(
    chunks: list[tuple[bytes, bytes]], width: int, height: int, depth: int, *, interlaced: bool
) -> None:
    """ValueError unless the pixel data is whole: a decoder would fill what is missing with zeros."""
    expected = ((width * depth + 7) // 8 + 1) * height
    unpack = zlib.decompressobj()
    size = 0
    try:
        for body in (body for kind, body in chunks if kind == b"IDAT"):
            while body and size <= 2 * expected:
                size += len(unpack.decompress(body, 1 << 20))
                body = unpack.unconsumed_tail
    except zlib.error as error:
        raise ValueError("the pixel data of the PNG file is damaged") from error
    if size < expected or not unpack.eof or (size > expected and not interlaced):
        raise ValueError("the pixel data of the PNG file is incomplete")


def _join(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    parts = [SIGNATURE]
    for kind, body in chunks:
        parts += [struct.pack(">I", len(body)), kind, body, struct.pack(">I", zlib.crc32(kind + body))]
    return b"".join(parts)
