"""What a video is, whatever it is called: a hash of its size and samples of its content.

Reading a file of many gigabytes whole would take minutes; sixteen samples of 64 KiB, spread over it, tell
real videos apart. Equal fingerprints of different files would need equal sizes and equal samples.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from stmask_core.errors import VideoError

SAMPLES = 16
SAMPLE_BYTES = 1 << 16


def fingerprint(path: str | os.PathLike[str]) -> str:
    """``sampled-sha256:<hex>`` of a video file, or of a folder's pictures with their names.

    Raises VideoError when it cannot be read.
    """
    place = Path(path)
    try:
        if place.is_dir():
            return _of_folder(place)
        if place.exists() and not place.is_file():
            raise VideoError(f"{place} is no file that ends.", "Choose a video or a folder of frames.")
        digest = hashlib.sha256()
        _add_file(digest, place)
    except OSError as error:
        raise VideoError(f"{place} cannot be read ({error.strerror}).", "Check the path.") from error
    return f"sampled-sha256:{digest.hexdigest()}"


def _of_folder(folder: Path) -> str:
    """Names and sizes of all pictures, content of up to sixteen of them."""
    from stmask_core.video.image_folder import picture_files

    files = picture_files(folder)
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
    for at in _spread(len(files)):
        _add_file(digest, files[at])
    return f"sampled-sha256:{digest.hexdigest()}"


def _add_file(digest: hashlib._Hash, path: Path) -> None:
    size = path.stat().st_size
    digest.update(size.to_bytes(8, "little"))
    with path.open("rb") as file:
        if size <= SAMPLES * SAMPLE_BYTES:
            digest.update(file.read())
            return
        for at in _spread(size - SAMPLE_BYTES + 1):
            file.seek(at)
            digest.update(file.read(SAMPLE_BYTES))


def _spread(count: int) -> list[int]:
    """Up to sixteen numbers below ``count``, evenly spread, the first and the last among them."""
    if count <= SAMPLES:
        return list(range(count))
    return [at * (count - 1) // (SAMPLES - 1) for at in range(SAMPLES)]
