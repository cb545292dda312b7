"""Data files: whether they are there, and their text, unpacked up to a limit."""

import gzip
import zlib
from pathlib import Path

from mtbench.errors import NotAtHand, UsageError, nearest

RATIO = 100
"""How many times its size a file of texts unpacks to at most; a tenth of that is already rare."""

FREE = 1 << 26
"""Bytes that any file may unpack to, however small it is."""

POINTER = b"version https://git-lfs.github.com/spec/"
"""How a file begins that Git LFS left in place of a large one."""


def read_text(path: Path) -> str:
    """Return what a file holds, without a byte order mark; a ``.gz`` is unpacked.

    Raises:
        NotAtHand: if it is not there.
        UsageError: if it cannot be read, unpacks to more than ``limit`` says, or is not UTF-8.
    """
    check_there(path, "table")
    data = _read_bytes(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Without the mark, which the error's places do not count.
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise UsageError(
            f"{path}:{line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"
        ) from None


def limit(path: Path) -> int:
    """Return the bytes that a packed file may unpack to."""
    return max(FREE, RATIO * path.stat().st_size)


def too_large(path: Path) -> UsageError:
    """Say that a file unpacks to more than its ``limit``."""
    return UsageError(
        f"cannot read {path}: it is of {path.stat().st_size:,} bytes and unpacks to more than "
        f"{limit(path):,}, which texts do not; where that is meant, store it unpacked"
    )


def check_there(path: Path, what: str) -> None:
    """Make sure that a file is there, and no pointer that Git LFS left in its place.

    Args:
        what: is looked for in it, for the message.

    Raises:
        NotAtHand: if it is not.
        UsageError: if it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            beginning = stream.read(len(POINTER))
    except FileNotFoundError:
        raise _missing(path) from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    if beginning == POINTER:
        raise NotAtHand(f"{path}: a Git LFS pointer, not the {what}; 'git lfs pull' fetches it")


def _missing(path: Path) -> NotAtHand:
    """Say what is not there: the folder, or the file in it."""
    if path.is_symlink():
        return NotAtHand(f"{path}: a link to {path.readlink()}, which is not there")
    if not path.parent.is_dir():
        return NotAtHand(f"{path.name} is looked for in {path.parent}, which is no folder")
    guess = nearest(path.name, (file.name for file in sorted(path.parent.iterdir())))
    return NotAtHand(
        f"no file {path.name} in {path.parent}" + (f"; did you mean {guess!r}?" if guess else "")
    )


def _read_bytes(path: Path) -> bytes:
    try:
        if path.suffix != ".gz":
            return path.read_bytes()
        most = limit(path)
        with path.open("rb") as packed, gzip.GzipFile(fileobj=packed) as stream:
            data = stream.read(most + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UsageError(f"cannot read {path}: it is no whole gzip file") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    if len(data) > most:
        raise too_large(path)
    return data
