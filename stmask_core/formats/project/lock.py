"""One writer per project: a lock file beside it, held by the system and gone with the process."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from pathlib import Path

from stmask_core.errors import ProjectFileError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOCKED_BYTE = 4096  # behind the text, which others want to read


class WriterLock:
    """Held from construction until ``release`` or the death of the process, however it dies."""

    def __init__(self, project: Path) -> None:
        """Take the lock; ProjectFileError when another holds it, OSError when the folder refuses the file."""
        self._path = project.with_name(f".{project.name}.lock")
        while True:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _lock(self._file)
            except OSError as error:
                holder = _holder(self._file)
                os.close(self._file)
                raise ProjectFileError(
                    f"The project is open for editing elsewhere{holder}.",
                    "Close it there, or open it read-only here.",
                ) from error
            if self._is_current():
                break
            os.close(self._file)  # the last holder removed the file while we waited for it
        with contextlib.suppress(OSError):  # a full disk: the lock holds without its holder's name
            self._sign()

    def release(self) -> None:
        """Give the lock back; does nothing the second time."""
        if self._file < 0:
            return
        if sys.platform != "win32":  # Windows cannot remove an open file
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        os.close(self._file)
        self._file = -1
        if sys.platform == "win32":
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def _sign(self) -> None:
        """Write down who holds the lock, for the message that others get."""
        who = json.dumps({"process": os.getpid(), "computer": socket.gethostname()}).encode()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, who, 0) if hasattr(os, "pwrite") else os.write(self._file, who)

    def _is_current(self) -> bool:
        """True when the locked file is still the one under the name."""
        try:
            there, here = os.stat(self._path), os.fstat(self._file)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def _lock(file: int) -> None:
    if sys.platform == "win32":
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(file: int) -> str:
    """Who holds the lock, in words, when the lock file says so."""
    try:
        os.lseek(file, 0, os.SEEK_SET)
        who = json.loads(os.read(file, 1024))
        return f" (process {int(who['process'])} on {who['computer']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
