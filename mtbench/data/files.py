"""Data files: whether they are there, and their text, unpacked up to a limit."""

import gzip
import stat
import zlib
from pathlib import Path

from mtbench.errors import NotAtHand, UsageError, nearest
from mtbench.system.files import reason_of

RATIO = 100
"""How many times its size a file of texts unpacks to at most; a tenth of that is already rare."""

FREE = 1 << 26
"""Bytes that any file may unpack to, however small it is."""

POINTER = b"version https://git-lfs.github.com/spec/"
"""How a file begins that Git LFS left in place of a large one."""

UTF_16 = "it is UTF-16: save it as UTF-8"
PACKED = "it is packed by {}: unpack it, or pack it by gzip"
EXCEL = "it is a workbook of Excel, or an archive: save the table as CSV in UTF-8"
BEGINNINGS = {
    b"\x1f\x8b": "it is packed by gzip: let its name end in .gz",
    b"BZh": PACKED.format("bzip2"),
    b"\xfd7zXZ": PACKED.format("xz"),
    b"\x28\xb5\x2f\xfd": PACKED.format("zstd"),
    b"PK\x03\x04": EXCEL,
    b"\xd0\xcf\x11\xe0": EXCEL,
    b"PAR1": 'it is Parquet: `format = "parquet"` of a table reads it',
    b"\xff\xfe\0\0": "it is UTF-32: save it as UTF-8",
    b"\xff\xfe": UTF_16,
    b"\xfe\xff": UTF_16,
}
"""What a file that is no UTF-8 is by its first bytes, and what to do then."""


def read_text(path: Path) -> str:
    """Return what a file holds, without a byte order mark; a ``.gz`` is unpacked.

    Raises:
        NotAtHand: if it is not there.
        UsageError: if it cannot be read, unpacks to more than ``limit`` says, or is not UTF-8.
    """
    data = _read_bytes(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Without the mark, which the error's places do not count.
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start : error.start + 1]
        raise UsageError(
            f"{path}:{line}: byte 0x{byte.hex()} is not UTF-8; {_advice(data, byte)}"
        ) from None
    start = data[:200]
    if any(start) and start.count(0) * 3 > len(start):  # of each letter, a byte is 0
        raise UsageError(f"cannot read {path}: {UTF_16}")
    return text


def _advice(data: bytes, byte: bytes) -> str:
    """Say what a file is, as far as its beginning tells that, or which letter a byte may be."""
    kind = next((BEGINNINGS[mark] for mark in BEGINNINGS if data.startswith(mark)), None)
    letter = byte.decode("cp1252", errors="replace")
    likely = "" if letter == "\ufffd" else f" (in Latin-1, or Windows-1252, it is {letter!r})"
    return kind or f"save the file as UTF-8{likely}"


def check_there(path: Path, what: str) -> None:
    """Make sure that a path leads to a regular file, and to no pointer of Git LFS.

    Args:
        what: is looked for in it, for the message.

    Raises:
        NotAtHand: if nothing is there, or a pointer.
        UsageError: if something else is, or it cannot be looked at.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            what = "it is a folder" if stat.S_ISDIR(mode) else "it is no regular file"
            raise UsageError(f"cannot read {path}: {what}")
        with path.open("rb") as file:
            beginning = file.read(len(POINTER))
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(path) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {reason_of(error)}") from None
    if beginning == POINTER:
        raise NotAtHand(f"{path}: a Git LFS pointer, not the {what}; 'git lfs pull' fetches it")


def nearest_beside(path: Path) -> str | None:
    """Return what lies in the folder of a path and is called almost like it, if anything is."""
    try:
        return nearest(path.name, sorted(other.name for other in path.absolute().parent.iterdir()))
    except OSError:  # there is no such folder, or it may not be listed
        return None


def limit(path: Path) -> int:
    """Return the bytes that a packed file may unpack to."""
    return max(FREE, RATIO * path.stat().st_size)


def too_large(path: Path) -> UsageError:
    """Say that a file unpacks to more than its ``limit``."""
    return UsageError(
        f"cannot read {path}: it is of {path.stat().st_size:,} bytes and unpacks to more than "
        f"{limit(path):,}, which texts do not; where that is meant, store it unpacked"
    )


def _missing(path: Path) -> NotAtHand:
    """Say what is not there, the folder or the file in it, and what is named almost like it."""
    folder = path.parent.absolute()
    if path.is_symlink():
        return NotAtHand(f"{path}: a link to {path.readlink()}, which is not there")
    if folder.is_dir():
        what, problem = folder / path.name, f"no file {path.name} in {folder}"
    else:
        what, problem = folder, f"{path.name} is looked for in {folder}, which is no folder"
        while not what.parent.is_dir():
            what = what.parent
    guess = nearest_beside(what)
    if folder.is_relative_to(Path.cwd()):
        problem += " (relative paths count from the working directory)"
    return NotAtHand(problem + (f"; did you mean {guess!r}?" if guess else ""))


def _read_bytes(path: Path) -> bytes:
    check_there(path, "table")
    try:
        if path.suffix != ".gz":
            return path.read_bytes()
        most = limit(path)
        with path.open("rb") as packed, gzip.GzipFile(fileobj=packed) as stream:
            data = stream.read(most + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UsageError(f"cannot read {path}: it is no whole gzip file") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {reason_of(error)}") from None
    if len(data) > most:
        raise too_large(path)
    return data
