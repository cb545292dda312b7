"""Executors: where runs run, each in a process of its own, many at a time."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from filelock import Timeout

from mtbench.devices import CPU, DETERMINISTIC
from mtbench.errors import UsageError
from mtbench.store import (
    LOG,
    REQUEST,
    Damaged,
    Failure,
    Request,
    Result,
    RunFolder,
    attempt_name,
)
from mtbench.store.owners import owner_of
from mtbench.system.files import write_json
from mtbench.system.processes import without_result

POLL_SECONDS = 0.2

WAITING_FOR = "waiting_for"
"""Key of an event that says which process trains the run, where it is none of ours."""

KEPT = {
    # Memory that a step frees is needed again in the next one: handed back to the system and
    # zeroed anew, it takes a few per cent of a step. The second is the most that all versions of
    # the GNU C library take; others know neither.
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 25),
}
"""Settings, in bytes, by which freed memory stays with a run's process."""


@dataclass(frozen=True)
class Job:
    """A run to be trained.

    Attributes:
        name: for people.
        folder: where its files go.
        threads: that it computes with.
        request: all that its process needs to know; see ``requests``.
    """

    name: str
    folder: RunFolder
    threads: int
    request: Request

    @property
    def key(self) -> str:
        """The run's."""
        return self.folder.key


class RunProgress(Protocol):
    """Is told how runs come, go on and go."""

    def started(self, job: Job) -> None: ...

    def progressed(self, job: Job, event: dict[str, Any]) -> None: ...

    def finished(self, job: Job, result: Result | Failure) -> None: ...


def default_jobs(threads: int, device: str) -> int:
    """Return how many runs fit at a time: on this machine's cores, or one on a CUDA device."""
    if device != CPU:
        return 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, cores // threads)


def environment(threads: int) -> dict[str, str]:
    """Return the environment of a process that computes a cell with so many threads."""
    return os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONHASHSEED": "0",
        "PYTHONIOENCODING": "utf-8:backslashreplace",  # of the log, whatever the console takes
        **KEPT,
        **DETERMINISTIC,
    }


def command(module: str, *arguments: object) -> list[str]:
    """Return the command line of a process of ours, in which ``-P`` hides the working directory.

    Args:
        module: of the harness, which the process runs.
    """
    return [sys.executable, "-P", "-m", f"mtbench.{module}", *map(str, arguments)]


def run_all(jobs: Iterable[Job], at_a_time: int, progress: RunProgress) -> None:
    """Train runs, so many at a time, until all have been tried.

    One whose result cannot be stored, or whose process cannot be started, has failed; the others
    go on. An interrupt ends the runs that are under way; they stay without a result, and the next
    call trains them.
    """
    waiting = list(jobs)[::-1]
    active: list[_Attempt] = []
    try:
        while waiting or active:
            while waiting and len(active) < at_a_time:
                job = waiting.pop()
                progress.started(job)
                try:
                    active.append(_Attempt(job))
                except (OSError, UsageError) as error:
                    problem = f"its process cannot be started: {error}"
                    progress.finished(job, Failure(error=problem, traceback=""))
            time.sleep(POLL_SECONDS)
            still = []
            for attempt in active:
                if attempt.process.poll() is None:
                    event = attempt.event()
                    if event is not None:
                        progress.progressed(attempt.job, event)
                    still.append(attempt)
                else:
                    progress.finished(attempt.job, attempt.result())
            active = still
    finally:
        for attempt in active:
            attempt.end()
        for attempt in active:
            attempt.process.wait()
            attempt.tidy()


class _Attempt:
    """A process that is to train a run, or to find that another one does.

    Its request, and what it prints before its turn has come, lie beside the run's own files.

    Raises:
        UsageError: if the store cannot be written.
        OSError: if the system gives no process.
    """

    _count = itertools.count()

    def __init__(self, job: Job) -> None:
        self.job = job
        store = job.folder.store
        folder = store.create(job.key)
        self._before = folder.record().ending
        number = next(self._count)
        self._request = folder.path / attempt_name(REQUEST, number)
        self._output = folder.path / attempt_name(LOG, number)
        try:
            with store.writing():
                write_json(self._request, job.request.model_dump())
                output = self._output.open("wb")
            with output:
                self.process = subprocess.Popen(
                    # Code is named here, and not by a file that lies in a store.
                    command("runs.worker", folder.path, self._request, *job.request.plugins),
                    stdin=subprocess.PIPE,  # it ends when that closes; see ``processes.orders``
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment(job.threads),
                )
        except BaseException:
            self.tidy()
            raise

    def end(self) -> None:
        """Have the process end."""
        self.process.terminate()
        self._let_go()

    def event(self) -> dict[str, Any] | None:
        """Return the newest event of the run, and who trains it while this process waits."""
        event = self.job.folder.last_event()
        # The process takes up its request when its turn has come.
        owner = owner_of(self.job.folder.path) if self._request.exists() else None
        if owner is None or owner.pid == self.process.pid:
            return event
        event = event or {"event": "phase", "phase": "waiting"}
        return {**event, WAITING_FOR: f"{owner.host}, process {owner.pid}"}

    def result(self) -> Result | Failure:
        """Return the run's result; that of a process that died without a word is a failure."""
        printed = ""
        with suppress(OSError):
            printed = self._output.read_text(encoding="utf-8", errors="replace")
        self._let_go()
        self.tidy()
        ending = self.job.folder.record().ending
        # It may have died on its way out, with its result written.
        if ending is not None and (self.process.returncode == 0 or ending != self._before):
            return ending
        return self._failure(printed)

    def tidy(self) -> None:
        """Remove the files of this attempt; those of the run stay."""
        for file in (self._request, self._output):
            with suppress(OSError):  # a later call will
                file.unlink(missing_ok=True)

    def _let_go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def _failure(self, printed: str) -> Failure:
        folder = self.job.folder
        with suppress(Damaged):
            printed = printed or folder.log()
        error = without_result("the run's process", self.process.returncode, printed)
        failed = Failure(error=error, traceback=printed)
        try:
            # Where another process trains the run, its result will count.
            with folder.store.writing(), suppress(Timeout), folder.lock(timeout=0):
                if folder.state() != "done":
                    folder.clear()
                    folder.end(failed)
        except UsageError as unwritten:
            return failed.model_copy(update={"error": f"{error}; {unwritten}"})
        return failed
