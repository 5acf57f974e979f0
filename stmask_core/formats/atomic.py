"""Files appear whole or not at all: write beside the target, flush to disk, then replace it."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from stmask_core.errors import WriteError


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO]:
    """Open a temporary file beside ``path``; on a clean exit it replaces ``path``.

    mode: "w" (UTF-8 text, ``\\n`` line ends) or "wb".
    If the block or the disk fails, the old file stays as it was and the temporary file is removed.
    Raises WriteError when the system refuses.
    """
    target = Path(path)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        with refusals_in_words(target):
            with open(beside, mode, **text) as file:  # type: ignore[call-overload]
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Like ``atomic_write`` for writers that want a file name (a video encoder, SQLite).

    Yields the temporary path, which keeps the suffix of ``path``. Who may read the file is decided as for any
    new file, not by the writer.
    """
    target = Path(path)
    beside = target.with_name(f".{target.stem}.{secrets.token_hex(4)}.part{target.suffix}")
    try:
        beside.touch()
        mode = beside.stat().st_mode
        beside.unlink()
        yield beside
        beside.chmod(mode)
        with open(beside, "rb") as file:
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


@contextlib.contextmanager
def refusals_in_words(target: Path) -> Iterator[None]:
    """What the system says while something is written to ``target``, as a WriteError that names it."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"{target} cannot be written ({reason})."
        raise WriteError(message, "Check the disk and the folder.") from error
