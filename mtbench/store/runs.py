"""Runs: the store, and a folder in it for each run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from filelock import FileLock

from mtbench.errors import UsageError
from mtbench.store import integrity
from mtbench.store.files import (
    CHECKPOINT,
    DAMAGE,
    FILES,
    HISTORY,
    LOCK,
    LOG,
    PREDICTIONS,
    REQUEST,
    RESULT,
    Damaged,
)
from mtbench.store.history import parse_event
from mtbench.store.leftovers import sweep
from mtbench.store.owners import owning
from mtbench.store.records import (
    Failure,
    Record,
    Request,
    Result,
    State,
    StoredResult,
)
from mtbench.system.files import (
    open_file,
    read_file,
    reason_of,
    remove,
    remove_what_is_no_file,
    renamed,
)

TAIL = 16_384
"""Bytes at the end of a history that hold its last event in any case."""


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @cached_property
    def key(self) -> str:
        return self.path.name

    @property
    def store(self) -> Store:
        """The store that it is in."""
        return Store(self.path.parent.parent)

    def record(self) -> Record:
        """Return all that is known of the run without reading its large files."""
        return integrity.read_record(self.path)

    def state(self) -> State:
        """Return whether the run is stored, failed, under way, damaged, or none of them."""
        return self.record().state

    def content(self, name: str) -> bytes:
        """Return what a large file of a stored run holds.

        Raises:
            Damaged: if it is not what was written, or the run is damaged otherwise.
        """
        result = self.result()
        try:
            return integrity.content_of(self.path, name, result)
        except ValueError as error:
            raise self.damaged(str(error)) from None

    def check(self, name: str) -> None:
        """Make sure that a large file of a stored run, of any size, is what was written.

        Raises:
            Damaged: if it is not, or the run is damaged otherwise.
        """
        result = self.result()
        try:
            integrity.check_content(self.path, name, result)
        except ValueError as error:
            raise self.damaged(str(error)) from None

    def damaged(self, reason: str) -> Damaged:
        """Return the error for what a reader of a large file found, and note it in the folder.

        So the next plan knows. Where the store cannot be written, it could not train either.
        """
        with suppress(OSError):
            integrity.note_damage(self.path, self.result(), reason)
        return Damaged(self.key, reason)

    def result(self) -> StoredResult:
        """Return what came of a run that was trained.

        Raises:
            Damaged: if it has no score.
        """
        record = self.record()
        if record.result is None:
            raise Damaged(self.key, record.damage or f"it is {record.state}")
        return record.result

    def request(self) -> Request:
        """Return what the run was asked for, whatever has become of it.

        Raises:
            Damaged: if that is not there, or is none.
        """
        try:
            return Request.read(integrity.read_json(self.path, REQUEST), REQUEST)
        except ValueError as error:
            raise Damaged(self.key, str(error)) from None

    def end(self, result: Result | Failure) -> None:
        """Write the result of the run, and when that was (``ended``, UTC) beside its status.

        It gets digests of itself and, where it has scores, of the files beside it.
        """
        ended = datetime.now(UTC).isoformat(timespec="milliseconds")
        integrity.write_result(self.path, result, ended)

    def last_event(self) -> dict[str, Any] | None:
        """Return the newest event of the history, or None; only the end of the file is read."""
        try:
            with open_file(self.path / HISTORY) as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                tail = file.read()
            *complete, _ = tail.split(b"\n")  # a line that is still being written is left out
            return parse_event(complete[-1]) if complete else None
        except (OSError, ValueError):  # not there, or spoilt: nothing depends on it
            return None

    def log(self) -> str:
        """Return what the run's process printed."""
        try:
            return read_file(self.path / LOG).decode("utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise Damaged(self.key, f"{LOG}: {reason_of(error)}") from None

    def lock(self, timeout: float = -1) -> FileLock:
        """Return the lock that the process that trains the run holds; readers never take it."""
        file = self.path / LOCK
        remove_what_is_no_file(file)
        return FileLock(file, timeout=timeout)

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Hold the lock, and tell those who read that this process trains the run."""
        with self.lock(), owning(self.path):
            yield

    def clear(self) -> None:
        """Remove what an earlier try left, half-written files too, and what is no file."""
        if (self.path / RESULT).is_file():
            open_file(self.path / RESULT).close()  # what may not be read may be whole: it stays
        for name in (RESULT, HISTORY, PREDICTIONS, CHECKPOINT, DAMAGE):
            for path in (self.path / name, *self.path.glob(f".{name}.*")):
                remove(path)
        for name in FILES:
            remove_what_is_no_file(self.path / name)


class Store:
    """What lies below one folder, by default ``.mtbench``.

    Attributes:
        runs: holds a folder a run, named by its key.
        timings: holds a file a cell and machine, what its steps took; see ``timings``.
        tokens: holds the token ids that runs share; see ``token_cache``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = root / "runs"
        self.timings = root / "timings"
        self.tokens = root / "tokens"

    def run(self, key: str) -> RunFolder:
        """Return the folder of a key, which may not exist yet."""
        return RunFolder(self.runs / key)

    def create(self, key: str) -> RunFolder:
        """Return the folder of a key, made if it was not there; version control leaves it alone.

        Raises:
            UsageError: if it cannot be made.
        """
        folder = self.run(key)
        with self.writing():
            if not folder.path.is_dir():
                folder.path.unlink(missing_ok=True)
        self._make(folder.path)
        return folder

    def check(self, folder: Path) -> None:
        """Make sure that one of the store's folders can be written.

        Raises:
            UsageError: if it cannot.
        """
        self._make(folder)
        with self.writing(), TemporaryFile(dir=folder, buffering=0) as file:
            file.write(b"\n")  # a full disk may still take a name

    def _make(self, folder: Path) -> None:
        ignore = self.root / ".gitignore"
        with self.writing():
            folder.mkdir(parents=True, exist_ok=True)
            if not ignore.exists():
                with renamed(ignore) as temporary:
                    temporary.write_text("*\n", encoding="utf-8")
            for each in {self.root, folder}:
                sweep(each)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Have what goes wrong in writing here end in one line.

        Raises:
            UsageError: in place of an ``OSError``.
        """
        try:
            yield
        except OSError as error:
            raise UsageError(f"the store {self.root} cannot be written: {error}") from None

    def keys(self) -> set[str]:
        """Return the keys that have a folder, or a link in its place.

        Raises:
            UsageError: if the store cannot be read.
        """
        try:
            # A link is not followed here: one that leads to itself is the damage of one run.
            entries = os.scandir(self.runs)
            return {entry.name for entry in entries if entry.is_symlink() or entry.is_dir()}
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise UsageError(f"the store {self.root} cannot be read: {error}") from None

    def find(self, prefix: str) -> RunFolder:
        """Return the run whose key starts so.

        Raises:
            UsageError: if none does, or more than one.
        """
        keys = sorted(key for key in self.keys() if key.startswith(prefix))
        if not keys or not prefix:
            raise UsageError(f"no run {prefix!r} in {self.root} ('mtbench status' lists the runs)")
        if len(keys) > 1:
            shown = ", ".join(key[:12] for key in keys[:5])
            raise UsageError(f"{prefix!r} fits {len(keys)} runs of {self.root}: {shown} ...")
        return self.run(keys[0])
