"""Files of a checkpoint: JSON objects, and hashes."""

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from mtbench.api import UsageError, check_there


def read_json(file: Path, *, missing: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the object in a JSON file; ``missing``, where that is given and there is no file.

    Raises:
        UsageError: if it holds anything else.
    """
    if missing is not None and not file.exists():
        return missing
    content = read_any_json(file)
    if not isinstance(content, dict):
        raise UsageError(f"{file}: expected a JSON object")
    return content


def read_any_json(file: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        UsageError: if it is none.
    """
    check_there(file, "JSON")
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file}: no JSON in UTF-8 ({error})") from None


def file_hash(file: Path) -> str:
    """Return the SHA-256 of a file; one that did not change is read once a process."""
    status = file.stat()
    return _hash_once((file.resolve(), status.st_size, status.st_mtime_ns))


def digest_of(folder: Path, files: Iterable[Path]) -> str:
    """Return the SHA-256 of files by their names in a folder and their bytes."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(folder).as_posix()} {file_hash(file)}\n".encode())
    return digest.hexdigest()


@lru_cache(maxsize=256)
def _hash_once(version: tuple[Path, int, int]) -> str:
    """Return the SHA-256 of a file: read once a process, unless its size or time changes."""
    with version[0].open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
