"""Small videos whose frames carry their number as black and white blocks, readable after lossy coding."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS, BLOCK = 8, 16
WIDTH, HEIGHT = BITS * BLOCK, 64


def numbered(n: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A picture (height, width, 3) RGB that says ``n`` in its upper half, with a moving grey bar below."""
    picture = np.full((height, width, 3), 90, np.uint8)
    for bit in range(BITS):
        value = 235 if n >> bit & 1 else 20
        picture[: height // 2, bit * BLOCK : (bit + 1) * BLOCK] = value
    at = n * 7 % width
    picture[height // 2 :, at : at + 12] = 200
    return picture


def number_of(picture: np.ndarray) -> int:
    """The number that a picture carries."""
    rows = slice(8, HEIGHT // 2 - 8)
    means = [picture[rows, b * BLOCK + 4 : (b + 1) * BLOCK - 4].mean() for b in range(BITS)]
    return sum(1 << bit for bit, mean in enumerate(means) if mean > 128)


def write_clip(
    path: Path,
    count: int,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    times: list[int] | None = None,
    base: Fraction = Fraction(1, 24),
    size: tuple[int, int] = (WIDTH, HEIGHT),
    format_: str | None = None,
) -> Path:
    """Encode frames 0..count - 1. times: presentation times in units of ``base`` (one by one when None)."""
    with av.open(str(path), "w", format=format_) as container:
        stream = container.add_stream(codec, rate=1 / base)
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        stream.time_base = base
        stream.codec_context.time_base = base
        stream.options = options or {}
        for n in range(count):
            frame = av.VideoFrame.from_ndarray(numbered(n, *size), "rgb24")
            frame.pts = n if times is None else times[n]
            frame.time_base = base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
