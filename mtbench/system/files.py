"""Files: written whole and synced, and read only where they are files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Any

from mtbench.errors import UsageError

LARGEST = 1 << 28
"""Bytes that are read into memory at once; no file of ours comes near."""


@contextmanager
def renamed(path: Path) -> Iterator[Path]:
    """Give a temporary path beside the one meant; sync and rename it when all is written.

    The file gets the permissions of any new one, whatever a library gave it that wrote it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.touch()
        permissions = stat.S_IMODE(temporary.stat().st_mode)
        temporary.unlink()
        yield temporary
        temporary.chmod(permissions)
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder outlive a power cut, where the system can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object by rename; NaN and infinity are refused, they are no JSON."""
    with renamed(path) as temporary:
        temporary.write_text(as_text(value), encoding="utf-8")


def as_text(value: Mapping[str, Any]) -> str:
    """Return a JSON object as it is written.

    Raises:
        UsageError: if there is something in it that is no text, such as a path that is no UTF-8.
    """
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        line = text.splitlines()[text.count("\n", 0, error.start)].strip()
        raise UsageError(f"what is no UTF-8 cannot be written to a file: {line}") from None
    return text


def open_file(path: Path) -> BufferedReader:
    """Open a regular file to be read; a pipe or a device is not waited for.

    Raises:
        FileNotFoundError: if nothing is there.
        OSError: if it is no regular file, or cannot be opened.
    """
    try:
        descriptor = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
    except FileNotFoundError:
        if path.is_symlink():
            raise OSError("a link that leads nowhere") from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("no regular file")
    return os.fdopen(descriptor, "rb")


def read_file(path: Path) -> bytes:
    """Return what a regular file holds.

    Raises:
        FileNotFoundError: if nothing is there.
        OSError: if it is no regular file, is larger than ``LARGEST``, or cannot be read.
    """
    with open_file(path) as file:
        if os.fstat(file.fileno()).st_size > LARGEST:
            raise OSError(f"larger than {LARGEST >> 20} MiB")
        return file.read()


def parse_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object that a file holds.

    Raises:
        ValueError: if it is not one, in UTF-8 and without NaN and infinity.
    """
    try:
        value = json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
        if b"\\u" in content:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except (ValueError, RecursionError):
        raise ValueError("torn, or no JSON" if content else "empty") from None
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a regular file of any size.

    Raises:
        FileNotFoundError: if nothing is there.
        OSError: if it is no regular file, or cannot be read.
    """
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove(path: Path) -> None:
    """Remove whatever lies there: a file, a link, a pipe, a folder with all it holds."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_what_is_no_file(path: Path) -> None:
    """Remove what lies in the place of a regular file."""
    if not path.is_file():
        remove(path)


def reason_of(error: OSError | ValueError) -> str:
    """Say in a few words why a file cannot be read."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
