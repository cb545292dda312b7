"""Leftovers: files that a process keeps for itself, and how those of dead ones are known."""

from __future__ import annotations

import os
import platform
import re
import time
from contextlib import suppress
from pathlib import Path

from mtbench.store.files import LOG, REQUEST

HALF_WRITTEN_SECONDS = 300
"""Age from which a half-written file counts as left: its process may be on another machine."""

ATTEMPT_SECONDS = 7 * 24 * 3600
"""The same for the files of an attempt, which may wait for another process's run."""

_ATTEMPT = re.compile(
    rf"\.?({re.escape(REQUEST)}|{re.escape(LOG)})\.((?P<host>.+)-)?(?P<pid>\d+)-\d+(\.\d+)?"
)
_HALF_WRITTEN = re.compile(r"\..+\.(?P<pid>\d+)")


def attempt_name(name: str, number: int) -> str:
    """Return the name of this process's own version of a run's file, for its n-th attempt."""
    return f"{name}.{platform.node()}-{os.getpid()}-{number}"


def sweep(folder: Path) -> None:
    """Remove what dead processes left in a folder; what may be a live one's stays.

    Raises:
        OSError: if the folder cannot be read.
    """
    for file in [*folder.iterdir()]:
        with suppress(OSError):  # gone meanwhile, or another user's: that may stay
            if _is_left(file):
                file.unlink()


def _is_left(file: Path) -> bool:
    attempt = _ATTEMPT.fullmatch(file.name)
    match = attempt or _HALF_WRITTEN.fullmatch(file.name)
    if match is None or not _has_ended(int(match["pid"])):
        return False
    if attempt and attempt["host"] in (None, platform.node()):
        return True
    age = time.time() - file.lstat().st_mtime
    return age > (ATTEMPT_SECONDS if attempt else HALF_WRITTEN_SECONDS)


def _has_ended(pid: int) -> bool:
    """Whether there is no such process on this machine; False where that cannot be told."""
    if os.name == "nt":  # there, signal 0 is a Ctrl-C
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:  # another user's
        pass
    return False
