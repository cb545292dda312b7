"""Integrity: whether the files of a run are what was written, and fit together."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtbench.store.fields import FORMAT
from mtbench.store.files import DAMAGE, FILES, REQUEST, RESULT, SEALED
from mtbench.store.owners import OWNER, is_owned
from mtbench.store.records import (
    Failure,
    Record,
    Request,
    Result,
    SealedFile,
    StoredFailure,
    StoredResult,
    read_result,
)
from mtbench.system.files import (
    as_text,
    digest_of,
    parse_object,
    read_file,
    reason_of,
    renamed,
    write_json,
)

BLANK = "0" * 64
"""Stands for the digest of a file in that file, while the digest is taken."""


def read_record(folder: Path) -> Record:
    """Return what a run's folder holds; what does not fit together is told, and nothing raised.

    It is cheap: digests say that ``result.json`` and ``run.json`` are as a run wrote them, and of
    a large file the size alone is compared. Whoever reads such a file compares its digest.
    """
    try:
        sizes = _sizes(folder)
        if RESULT in sizes:
            return _ended(folder, sizes)
        if REQUEST in sizes:
            request = _checked_request(folder, _content(folder, REQUEST))
            return Record("running" if is_owned(folder) else "missing", "", request)
    except (OSError, ValueError) as error:
        if is_owned(folder):  # which is about to clear it, or has done so in between
            return Record("running")
        return Record("damaged", reason_of(error), _sound_request(folder))
    return Record("running" if OWNER in sizes and is_owned(folder) else "missing")


def _sizes(folder: Path) -> dict[str, int]:
    """Return which files of a run are there, and how many bytes those have that are sealed.

    Raises:
        OSError: if the folder cannot be read.
        ValueError: if what lies in the place of a file is none.
    """
    sizes = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name in FILES:
                    if not entry.is_file():
                        raise ValueError(f"{entry.name}: no regular file")
                    sizes[entry.name] = entry.stat().st_size if entry.name in SEALED else 0
    except FileNotFoundError:
        return {}
    return sizes


def _ended(folder: Path, sizes: Mapping[str, int]) -> Record:
    """Return the record of a run that has a result.

    Raises:
        ValueError: if it does not fit together; it names the file.
    """
    content = _content(folder, RESULT)
    result = read_result(_parsed(RESULT, content))
    unsealed = content.replace(result.digest.encode(), BLANK.encode())
    if result.digest != hashlib.sha256(unsealed).hexdigest():
        raise ValueError(f"{RESULT}: not as it was written")
    if result.key != folder.name:
        raise ValueError(f"{RESULT}: of another run, {result.key[:12]}")
    if isinstance(result, StoredResult):
        _check_sizes(sizes, result.files)
    request = _request_of(folder, result) if REQUEST in sizes else None
    if isinstance(result, StoredFailure):
        return Record("failed", "", request, failure=result)
    if DAMAGE in sizes:
        damage = read_json(folder, DAMAGE)
        if damage.get("result") == result.digest:
            raise ValueError(str(damage.get("reason")))
    return Record("done", "", request, result)


def _request_of(folder: Path, result: StoredResult | StoredFailure) -> Request:
    """Return what a run was asked for that has this result.

    Raises:
        ValueError: if it was asked for something else; it names the file.
    """
    content = _content(folder, REQUEST)
    if isinstance(result, StoredFailure):
        return _checked_request(folder, content)
    _compare(REQUEST, hashlib.sha256(content).hexdigest(), result)
    request = Request.read(_parsed(REQUEST, content), REQUEST)
    if request.config["tasks"].keys() != result.scores.dev.keys():
        raise ValueError(f"{RESULT}: scores of other tasks than {REQUEST} asks for")
    return request


def _check_sizes(sizes: Mapping[str, int], files: Mapping[str, SealedFile]) -> None:
    """Make sure that the files are there that a result is sealed with, in their size."""
    for name, sealed in files.items():
        if name not in sizes:
            raise ValueError(f"{name}: not there")
        if sizes[name] != sealed.bytes:
            raise ValueError(f"{name}: {sizes[name]} bytes, and {sealed.bytes} were written")


def _sound_request(folder: Path) -> Request | None:
    """Return the request of a run that is damaged otherwise; None where it is not sound."""
    try:
        return _checked_request(folder, _content(folder, REQUEST))
    except ValueError:
        return None


def _checked_request(folder: Path, content: bytes) -> Request:
    """Return what ``run.json`` holds.

    Raises:
        ValueError: if it is not what the run of this folder was asked for.
    """
    request = Request.read(_parsed(REQUEST, content), REQUEST)
    request.check_key(folder.name)
    return request


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Return the JSON object of one of a run's files.

    Raises:
        ValueError: if it cannot be read; it names the file.
    """
    return _parsed(name, _content(folder, name))


def _content(folder: Path, name: str) -> bytes:
    try:
        return read_file(folder / name)
    except OSError as error:
        raise ValueError(f"{name}: {reason_of(error)}") from None


def _parsed(name: str, content: bytes) -> dict[str, Any]:
    try:
        return parse_object(content)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def write_result(folder: Path, result: Result | Failure, ended: str) -> None:
    """Write the result of a run, with digests of itself and, if it has scores, of its files.

    Args:
        ended: when it did, in UTC.
    """
    sealed: dict[str, Any] = {"format": FORMAT, "status": result.status, "ended": ended}
    sealed |= {**result.model_dump(), "key": folder.name, "digest": BLANK}
    if isinstance(result, Result):
        files = {name: folder / name for name in SEALED}
        sealed["files"] = {n: _sealed(file) for n, file in files.items() if file.is_file()}
    text = as_text(sealed)
    digest = hashlib.sha256(text.encode()).hexdigest()
    with renamed(folder / RESULT) as temporary:
        temporary.write_text(text.replace(BLANK, digest), encoding="utf-8", newline="\n")


def _sealed(file: Path) -> dict[str, Any]:
    return {"bytes": file.stat().st_size, "sha256": digest_of(file)}


def content_of(folder: Path, name: str, result: StoredResult) -> bytes:
    """Return a large file's content.

    Raises:
        ValueError: if it is not what the result was written with; it names the file.
    """
    content = _content(folder, name)
    _compare(name, hashlib.sha256(content).hexdigest(), result)
    return content


def check_content(folder: Path, name: str, result: StoredResult) -> None:
    """Make sure, without reading it into memory, that a file is what its result says.

    Raises:
        ValueError: if it is not; it names the file.
    """
    try:
        digest = digest_of(folder / name)
    except OSError as error:
        raise ValueError(f"{name}: {reason_of(error)}") from None
    _compare(name, digest, result)


def _compare(name: str, digest: str, result: StoredResult) -> None:
    if name not in result.files:
        raise ValueError(f"{name}: {RESULT} holds no digest of it")
    if digest != result.files[name].sha256:
        raise ValueError(f"{name}: not what {RESULT} was written with")


def note_damage(folder: Path, result: StoredResult, reason: str) -> None:
    """Have the next look at a run know what a reader found.

    Raises:
        OSError: if that cannot be written.
    """
    write_json(folder / DAMAGE, {"result": result.digest, "reason": reason})
