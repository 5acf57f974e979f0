"""Frames into an mp4 file, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from stmask_core.errors import VideoError
from stmask_core.formats.atomic import atomic_path
from stmask_core.video.source import Picture


def write_video(
    path: str | os.PathLike[str],
    frames: Iterable[Picture],
    fps: float | Fraction,
    *,
    quality: int = 20,
    key_seconds: float = 1.0,
) -> int:
    """Encode (height, width, 3) uint8 RGB frames as H.264; returns how many.

    Odd sizes are kept by storing colour at full resolution. quality: the encoder's constant rate factor,
    lower is better. key_seconds: between key frames at most; a jump to a frame decodes from the key frame
    ahead of it, so most cameras write one a second too. Raises VideoError when the disk is full or there is
    no frame; then nothing is left behind.
    """
    target = Path(path)
    count = 0
    try:
        with atomic_path(target) as beside, av.open(str(beside), "w", format="mp4") as container:
            rate = Fraction(fps).limit_denominator(100_000)
            stream = container.add_stream("libx264", rate=rate)
            for picture in frames:
                height, width, _ = picture.shape
                if not count:
                    stream.width, stream.height = width, height
                    stream.pix_fmt = "yuv420p" if width % 2 == 0 and height % 2 == 0 else "yuv444p"
                    group = max(1, round(key_seconds * rate))
                    stream.options = {"crf": str(quality), "preset": "medium", "g": str(group)}
                container.mux(
                    stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24"))
                )
                count += 1
            if not count:
                raise VideoError(f"{target.name} was not written: there are no frames.")
            container.mux(stream.encode())
    except (av.error.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise VideoError(
            f"{target} cannot be written ({reason}).", "Check the disk and the folder."
        ) from error
    return count
