"""Names of frame files inside annotation files: relative, forward slashes, never out of their folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from stmask_core.errors import FormatError
from stmask_core.formats.exchange import ExchangeVideo
from stmask_core.formats.folders import SafeNames


def safe_relative_name(name: str, place: str) -> str:
    """``name`` with forward slashes; FormatError when it is absolute or climbs out of its folder."""
    name = name.replace("\\", "/")
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name):
        raise FormatError(f"{place}: {name!r} points outside the folder of the images.")
    return PurePosixPath(name).as_posix()


def frame_file_names(video: ExchangeVideo) -> list[str]:
    """A name for every frame: the video's own where it has them, else ``<video>/00000.jpg`` and so on."""
    if len(video.frame_names) == video.length:
        return list(video.frame_names)
    folder = SafeNames().give(video.name)
    return [f"{folder}/{frame:05d}.jpg" for frame in range(video.length)]


def match_frames(annotated: ExchangeVideo, frame_count: int, names: Sequence[str] = ()) -> list[int]:
    """Which frame of the real video each frame of the annotations is.

    names: file names of the real video when it is a folder. Tried in this order: equal names (without folder
    and suffix); equally many frames; numbers in the annotated names that are frame indices (``00005.jpg`` is
    frame 5: data sets that annotate every fifth frame). Raises FormatError when none of them fits.
    """
    stems = [PurePosixPath(name).stem for name in annotated.frame_names]
    real = {PurePosixPath(name).stem: index for index, name in enumerate(names)}
    if stems and len(set(stems)) == len(stems) and all(stem in real for stem in stems):
        return [real[stem] for stem in stems]
    if annotated.length == frame_count:
        return list(range(frame_count))
    if len(stems) == annotated.length and all(re.fullmatch(r"[0-9]{1,9}", stem) for stem in stems):
        numbers = [int(stem) for stem in stems]
        if len(set(numbers)) == len(numbers) and max(numbers, default=0) < frame_count:
            return numbers
    raise FormatError(
        f"{annotated.name} is annotated for {annotated.length} frames, the video has {frame_count},"
        " and the frame names do not say which is which.",
        "Give the video or folder that was annotated.",
    )
