"""The videos of a YouTube-VIS dataset: a JSON file that names the frames, and a folder that holds them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stmask_core.errors import VideoError
from stmask_core.video.image_folder import SUFFIXES, ImageFolder

LARGEST_JSON = 4 << 30  # bytes


@dataclass(frozen=True)
class DatasetVideo:
    """One video of a dataset. id: as the JSON file numbers it. files: its frames in the file's order."""

    id: int
    name: str
    folder: Path
    files: tuple[Path, ...]

    def open(self) -> ImageFolder:
        """Its frames as a video."""
        return ImageFolder(self.folder, self.files)


def open_dataset(json_path: str | os.PathLike[str], root: str | os.PathLike[str]) -> list[DatasetVideo]:
    """Every video that a YouTube-VIS JSON file lists, with the places of its frames under ``root``.

    ``root`` is the folder of the video folders, or one that holds them in ``JPEGImages``. Raises VideoError,
    naming the place, for a file that is not one, for names that lead out of the root, and when no video is
    under it. A video that lacks frames is an error when it is opened: the others can still be used.
    """
    source, base = Path(json_path), Path(root)
    if (base / "JPEGImages").is_dir():
        base = base / "JPEGImages"
    videos = [_video(source, base, at, entry) for at, entry in enumerate(_videos_of(source))]
    if videos and not any(video.files[0].is_file() for video in videos):
        raise VideoError(
            f"No video of {source.name} is under {base}: there is no {videos[0].files[0].relative_to(base)}.",
            "Give the folder that holds the video folders.",
        )
    return videos


def _videos_of(source: Path) -> list[object]:
    try:
        if source.stat().st_size > LARGEST_JSON:
            raise VideoError(f"{source.name} is too large for a dataset file.")
        content = json.loads(source.read_bytes())
    except OSError as error:
        raise VideoError(f"{source} cannot be read ({error.strerror}).", "Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise VideoError(f"{source.name} is not JSON ({error}).") from error
    videos = content.get("videos") if isinstance(content, dict) else None
    if not isinstance(videos, list):
        raise VideoError(f'{source.name} lists no "videos".', "Give a YouTube-VIS file.")
    return videos


def _video(source: Path, base: Path, at: int, entry: object) -> DatasetVideo:
    where = f"{source.name}: videos[{at}]"
    names = entry.get("file_names") if isinstance(entry, dict) else None
    number = entry.get("id") if isinstance(entry, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise VideoError(f"{where} has no file_names.")
    if not isinstance(number, int) or isinstance(number, bool):
        raise VideoError(f"{where} has no id.")
    files = tuple(base / _safe(name, where) for name in names)
    return DatasetVideo(number, files[0].parent.name, files[0].parent, files)


def _safe(name: str, where: str) -> PurePosixPath:
    """A name that stays under the root."""
    path = PurePosixPath(name.replace("\\", "/"))
    bad = path.is_absolute() or ".." in path.parts or ":" in name or "\0" in name
    if bad or path.suffix.lower() not in SUFFIXES:
        raise VideoError(f"{where}: {name[:80]!r} is no name of a picture inside the dataset.")
    return path
