"""Exports that are folders: written beside the target, then renamed; read without following links out."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from stmask_core.errors import FormatError
from stmask_core.formats.atomic import refusals_in_words

MOST_FILES = 1_000_000  # per export folder; more is a disk, not an annotation


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str], *, replace: bool = False) -> Iterator[Path]:
    """Yield an empty folder that becomes ``path`` when the block ends well, and vanishes when it does not.

    replace: a folder that is already there is kept until the new one is complete, then removed; without it,
    one that holds anything is refused with FormatError. Raises WriteError when the system refuses.
    """
    target = Path(path)
    occupied = target.exists() and (not target.is_dir() or any(target.iterdir()))
    if occupied and not (replace and target.is_dir()):
        hint = "Choose another place." if not target.is_dir() else "Choose another place or say --force."
        raise FormatError(f"{target} is already there.", hint)
    token = secrets.token_hex(4)
    beside = target.with_name(f".{target.name}.{token}.part")
    aside = target.with_name(f".{target.name}.{token}.old")
    try:
        with refusals_in_words(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            beside.mkdir()
            yield beside
            _take_place(beside, target, aside)
        shutil.rmtree(aside, ignore_errors=True)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _take_place(new: Path, target: Path, aside: Path) -> None:
    """Put a complete folder where an older one may be; the older one comes back if that fails."""
    if target.exists():
        target.rename(aside)
    try:
        new.rename(target)
    except BaseException:
        if aside.exists():
            aside.rename(target)
        raise


class SafeNames:
    """Folder or file names out of any names: no separators, no leading dot, no two alike.

    taken: names that are never given.
    """

    def __init__(self, *taken: str) -> None:
        self._taken = {name.casefold() for name in taken}

    def give(self, name: str) -> str:
        """A name for ``name`` that was not given before."""
        base = re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", name).strip(". ")[:120] or "video"
        candidate, number = base, 2
        while candidate.casefold() in self._taken:
            candidate, number = f"{base}_{number}", number + 1
        self._taken.add(candidate.casefold())
        return candidate


def natural_order(name: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key under which ``2.png`` comes before ``10.png``."""
    parts = re.split(r"([0-9]{1,18})", name)
    return tuple((0, int(part)) if index % 2 else (1, part) for index, part in enumerate(parts))


def picture_folders(root: Path, suffix: str = ".png") -> list[tuple[str, list[Path]]]:
    """(video name, pictures in natural order) of every folder under ``root`` that holds pictures.

    The name of a folder called ``instances`` is its parent's. Links are not followed; four levels are looked
    at (``Annotations/480p/<video>``, ``<video>/instances``).
    """
    found: list[tuple[str, list[Path]]] = []
    count = 0
    for folder, subfolders, files in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        subfolders[:] = sorted(s for s in subfolders if depth < 4 and not s.startswith("."))
        pictures = [Path(folder, f) for f in files if f.lower().endswith(suffix) and not f.startswith(".")]
        pictures = [p for p in pictures if not p.is_symlink()]
        count += len(pictures)
        if count > MOST_FILES:
            raise FormatError(f"{root} holds more than {MOST_FILES} pictures.")
        if pictures:
            here = Path(folder)
            name = here.parent.name if here.name == "instances" and depth else here.name
            found.append((name, sorted(pictures, key=lambda p: natural_order(p.name))))
    return found
