"""Frames by number: the protocol every video follows, and ``open_video``, which finds the right reader.

Frame ``n`` is the same picture whether it is reached by playing or by seeking. Pictures are (height, width,
3) uint8 RGB, turned upright as the file asks, in stored pixels (a sample aspect ratio is not applied: masks
belong to pixels).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stmask_core.errors import VideoError

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a video once it is open.

    width, height: of the upright picture, pixels. frame_rate: average frames per second, None when unknown.
    duration: seconds from the first frame to the end of the last, 0 when unknown. warnings: damage and
    oddities a user should hear of, each one sentence.
    """

    path: Path
    width: int
    height: int
    frame_count: int
    frame_rate: Fraction | None = None
    duration: float = 0.0
    warnings: tuple[str, ...] = ()


class VideoSource(Protocol):
    """An open video. Use it as a context manager or call ``close``. Safe to use from several threads."""

    @property
    def info(self) -> VideoInfo:
        """Size, length, rate, warnings."""

    def __len__(self) -> int:
        """Number of frames."""

    def __iter__(self) -> Iterator[Picture]:
        """All frames in order."""

    def frame(self, n: int) -> Picture:
        """Frame ``n``; VideoError when it cannot be read, IndexError outside the video."""

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Picture]:
        """Frames start..stop - 1 in order, one in memory at a time."""

    def time_of(self, n: int) -> float:
        """Seconds from the first frame to frame ``n``."""

    def close(self) -> None:
        """Let go of the file; does nothing the second time."""

    def __enter__(self) -> VideoSource: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_video(path: str | os.PathLike[str]) -> VideoSource:
    """Open a video file or a folder of images.

    Raises VideoError for a path that is not there, is not a video, or holds no frame that can be decoded.
    """
    place = Path(path)
    if place.is_dir():
        from stmask_core.video.image_folder import ImageFolder

        return ImageFolder(place)
    if not place.is_file():
        raise VideoError(f"There is no video {place}.", "Check the path.")
    from stmask_core.video.pyav_source import PyavSource

    return PyavSource(place)
