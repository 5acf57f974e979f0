"""A folder of pictures as a video, in the order people mean: 2.jpg before 10.jpg."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np

from stmask_core.errors import VideoError
from stmask_core.opencv import cv2
from stmask_core.structures.masks import check_image_size
from stmask_core.video.source import Picture, VideoInfo

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"))
JPEG_END = b"\xff\xd9"
LARGEST_FILE = 1 << 30  # bytes; a picture on disk is never larger


def picture_files(folder: Path) -> list[Path]:
    """The pictures directly in a folder, numbers in their names compared as numbers.

    Hidden files, folders and links that lead out of the folder are left out.
    """
    root = folder.resolve()
    found = []
    for path in folder.iterdir():
        if path.name.startswith(".") or path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        if path.is_symlink() and root not in path.resolve().parents:
            continue
        found.append(path)
    return sorted(found, key=natural_order)


def _present(files: Sequence[Path]) -> list[Path]:
    """Named pictures that must all be there."""
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise VideoError(f"{len(missing)} of {len(files)} pictures are missing, the first is {missing[0]}.")
    return list(files)


def natural_order(path: Path) -> list[tuple[int, int, str]]:
    """Sort key: runs of digits by value, the rest as text without case; the name itself breaks ties."""
    parts = re.split(r"(\d+)", path.name)
    key = [(0, int(part), "") if part.isdigit() else (1, 0, part.casefold()) for part in parts if part]
    return [*key, (2, 0, path.name)]


class ImageFolder:
    """Pictures of one size as frames; see ``VideoSource``. Pictures are turned upright as their EXIF data
    asks.

    A picture that cannot be read, or of another size than the first, is a VideoError naming the file when its
    frame is asked for: to leave it out silently would shift every frame behind it.
    """

    def __init__(
        self, folder: Path, files: Sequence[Path] | None = None, rate: Fraction | None = None
    ) -> None:
        self._files = picture_files(folder) if files is None else _present(files)
        if not self._files:
            raise VideoError(
                f"There are no pictures in {folder}.", f"Pictures end in {', '.join(sorted(SUFFIXES))}."
            )
        first = read_picture(self._files[0])
        empty = [path.name for path in self._files if path.stat().st_size == 0]
        self.info = VideoInfo(
            path=folder,
            width=first.shape[1],
            height=first.shape[0],
            frame_count=len(self._files),
            frame_rate=rate,
            duration=float(len(self._files) / rate) if rate else 0.0,
            warnings=(f"Empty files: {', '.join(empty[:5])}.",) if empty else (),
        )

    def __len__(self) -> int:
        return self.info.frame_count

    def __iter__(self) -> Iterator[Picture]:
        return self.frames()

    def frame(self, n: int) -> Picture:
        """Frame ``n``; VideoError naming the file when it cannot be read or is of another size."""
        if not 0 <= n < len(self):
            raise IndexError(f"frame {n} of a video of {len(self)} frames")
        picture = read_picture(self._files[n])
        height, width, _ = picture.shape
        if (width, height) != (self.info.width, self.info.height):
            raise VideoError(
                f"{self._files[n].name} (frame {n}) is {width} x {height}, "
                f"the first picture {self.info.width} x {self.info.height}.",
                "All pictures of a video must be of one size.",
            )
        return picture

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Picture]:
        """Frames start..stop - 1 in order."""
        for n in range(start, len(self) if stop is None else min(stop, len(self))):
            yield self.frame(n)

    def time_of(self, n: int) -> float:
        """Seconds from the first frame; 0 when the rate is not known."""
        return float(n / self.info.frame_rate) if self.info.frame_rate else 0.0

    def close(self) -> None:
        """Nothing is held open."""

    def __enter__(self) -> ImageFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_picture(path: Path) -> Picture:
    """One picture as (height, width, 3) uint8 RGB, upright. VideoError when it is damaged or too large."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise VideoError(f"{path.name} is too large for a picture.")
        data = path.read_bytes()
    except OSError as error:
        raise VideoError(f"{path.name} cannot be read ({error.strerror}).") from error
    size = _claimed_size(data)
    try:
        if size is not None:
            check_image_size(*size)
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except (cv2.error, ValueError) as error:
        raise VideoError(f"{path.name} cannot be decoded ({error}).") from error
    is_jpeg = data[:2] == b"\xff\xd8"
    if picture is None or (is_jpeg and JPEG_END not in data[-4096:]):
        raise VideoError(f"{path.name} is damaged or not a picture.", "Replace it or take it out.")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def _claimed_size(data: bytes) -> tuple[int, int] | None:
    """(height, width) that a PNG or BMP header claims; None for other kinds, which OpenCV bounds itself."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        return int.from_bytes(data[20:24], "big"), int.from_bytes(data[16:20], "big")
    if data[:2] == b"BM" and len(data) >= 26:
        height = int.from_bytes(data[22:26], "little", signed=True)
        return abs(height), int.from_bytes(data[18:22], "little")
    return None
