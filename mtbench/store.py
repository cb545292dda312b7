"""The store: a folder a run, a file a timing, a folder a set of token ids, all written whole."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

from filelock import FileLock, Timeout

from mtbench.errors import UsageError

State = Literal["done", "failed", "running", "missing"]

RESULT = "result.json"
REQUEST = "run.json"
HISTORY = "history.jsonl"
LOG = "log.txt"
PREDICTIONS = "predictions.npz"
CHECKPOINT = "checkpoint.safetensors"
LOCK = "lock"

TEST_USES = "test_uses.jsonl"
"""A line each time that test labels were read; nothing in mtbench ever takes one away."""

TIMING_FORMAT = 1
"""Raised by hand when the file of a timing changes; older ones are left out."""

TAIL = 16_384
"""Bytes at the end of a history that hold its last event in any case."""


@contextmanager
def renamed(path: Path) -> Iterator[Path]:
    """Give a temporary path beside the one meant, and rename it when all is written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object by rename; NaN and infinity are refused, they are no JSON."""
    with renamed(path) as temporary:
        temporary.write_text(
            json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
            encoding="utf-8",
        )


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def key(self) -> str:
        return self.path.name

    @property
    def store(self) -> Store:
        """The store that it is in."""
        return Store(self.path.parent.parent)

    def read(self, name: str) -> dict[str, Any] | None:
        """Return one of the JSON files, or None where it is not there."""
        try:
            text = (self.path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        value: dict[str, Any] = json.loads(text)
        return value

    def state(self) -> State:
        """Return whether the run is stored, failed, under way in some process, or none of them."""
        result = self.read(RESULT)
        if result is not None:
            return "failed" if result["status"] == "failed" else "done"
        return "running" if self._is_locked() else "missing"

    def end(self, result: Mapping[str, Any]) -> None:
        """Write the result of the run, and when that was (``ended``, UTC) beside its status."""
        ended = datetime.now(UTC).isoformat(timespec="milliseconds")
        write_json(self.path / RESULT, {"status": result["status"], "ended": ended, **result})

    def last_event(self) -> dict[str, Any] | None:
        """Return the newest event of the history, or None; only the end of the file is read."""
        try:
            with (self.path / HISTORY).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                tail = file.read()
        except FileNotFoundError:
            return None
        *complete, _ = tail.split(b"\n")  # a line that is still being written is left out
        event: dict[str, Any] | None = json.loads(complete[-1]) if complete else None
        return event

    def log(self) -> str:
        """Return what the run's process printed."""
        try:
            return (self.path / LOG).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def lock(self, timeout: float = -1) -> FileLock:
        """Return the lock that the process that trains the run holds."""
        return FileLock(self.path / LOCK, timeout=timeout)

    def clear(self) -> None:
        """Remove what an earlier, failed try left, half-written files too."""
        for name in (RESULT, HISTORY, PREDICTIONS, CHECKPOINT):
            for file in (self.path / name, *self.path.glob(f".{name}.*")):
                file.unlink(missing_ok=True)

    def _is_locked(self) -> bool:
        if not (self.path / LOCK).exists():
            return False
        try:
            with self.lock(timeout=0):
                return False
        except Timeout:
            return True


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
        self._make(folder.path)
        return folder

    def write_timing(self, key: str, timing: Mapping[str, Any]) -> None:
        """Store what a cell's steps took, in the place of an older timing of it.

        Raises:
            UsageError: if the store cannot be written.
        """
        self._make(self.timings)
        with self._writing():
            write_json(self.timings / f"{key}.json", {"format": TIMING_FORMAT, **timing})

    def read_timings(self) -> dict[str, dict[str, Any]]:
        """Return all timings by key; those that are torn or older are named on stderr."""
        timings, left_out = {}, []
        for file in sorted(self.timings.glob("[!.]*.json")):
            try:
                value = json.loads(file.read_text(encoding="utf-8"))
            except ValueError:  # no JSON, or no UTF-8
                value = None
            if isinstance(value, dict) and value.pop("format", None) == TIMING_FORMAT:
                timings[file.stem] = value
            else:
                left_out.append(file.name)
        if left_out:
            more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
            sys.stderr.write(
                f"warning: {self.timings / left_out[0]}{more} left out: torn, or written by "
                "another version of mtbench\n"
            )
        return timings

    def check_timings(self) -> None:
        """Make sure that timings can be written.

        Raises:
            UsageError: if they cannot.
        """
        self._make(self.timings)
        with self._writing(), TemporaryFile(dir=self.timings):
            pass

    def log_test_use(self, use: Mapping[str, Any]) -> None:
        """Add a line to ``test_uses.jsonl``, one process at a time; see ``held_out``.

        Raises:
            UsageError: if the store cannot be written.
        """
        self._make(self.root)
        line = json.dumps(use, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        file = self.root / TEST_USES
        with self._writing(), FileLock(f"{file}.{LOCK}"), file.open("ab+") as log:
            if log.tell():
                log.seek(-1, os.SEEK_END)
                if log.read(1) != b"\n":  # a process died while it wrote
                    line = b"\n" + line
            log.write(line)
            log.flush()
            os.fsync(log.fileno())

    def test_uses(self, keys: Collection[str] | None = None) -> list[dict[str, Any]]:
        """Return the lines of ``test_uses.jsonl``, oldest first; torn ones are named on stderr.

        Args:
            keys: of the runs that are asked for; None for all.
        """
        try:
            lines = (self.root / TEST_USES).read_bytes().splitlines()
        except FileNotFoundError:
            return []
        uses = []
        for number, line in enumerate(lines, start=1):
            try:
                use = json.loads(line)
            except ValueError:  # no JSON, or no UTF-8
                use = None
            if not isinstance(use, dict):
                sys.stderr.write(f"warning: {self.root / TEST_USES}:{number} left out: torn\n")
            elif keys is None or use["run"] in keys:
                uses.append(use)
        return uses

    def _make(self, folder: Path) -> None:
        ignore = self.root / ".gitignore"
        with self._writing():
            folder.mkdir(parents=True, exist_ok=True)
            if not ignore.exists():
                with renamed(ignore) as temporary:
                    temporary.write_text("*\n", encoding="utf-8")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UsageError(f"the store {self.root} cannot be written: {error}") from None

    def keys(self) -> set[str]:
        """Return the keys that have a folder."""
        try:
            return {entry.name for entry in os.scandir(self.runs) if entry.is_dir()}
        except FileNotFoundError:
            return set()

    def find(self, prefix: str) -> RunFolder:
        """Return the run whose key starts so.

        Raises:
            UsageError: if none does, or more than one.
        """
        found = sorted(key for key in self.keys() if key.startswith(prefix))
        if not found or not prefix:
            raise UsageError(f"no run {prefix!r} in {self.root} ('mtbench status' lists the runs)")
        if len(found) > 1:
            shown = ", ".join(key[:12] for key in found[:5])
            raise UsageError(f"{prefix!r} fits {len(found)} runs of {self.root}: {shown} ...")
        return self.run(found[0])


def machine() -> dict[str, Any]:
    """Describe this machine, for the record of a run."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
