"""Executors: where runs run, each in a process of its own, many at a time."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mtbench.store import LOG, RESULT, RunFolder, write_json

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Job:
    """A run to be trained: its name for people, its folder, the threads it computes with."""

    name: str
    folder: RunFolder
    threads: int


class Observer(Protocol):
    """Sees runs come and go; what shows progress is one."""

    def started(self, job: Job) -> None: ...

    def progressed(self, job: Job, event: dict[str, Any]) -> None: ...

    def finished(self, job: Job, result: dict[str, Any]) -> None: ...


def default_jobs(threads: int) -> int:
    """Return how many runs fit on this machine's cores at a time."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, cores // threads)


def run_all(jobs: Iterable[Job], at_a_time: int, observer: Observer) -> None:
    """Train runs, so many at a time, until all have a result.

    An interrupt ends the runs that are under way; they stay without a result, and the next call
    trains them.
    """
    waiting = list(jobs)[::-1]
    active: list[tuple[Job, subprocess.Popen[bytes]]] = []
    try:
        while waiting or active:
            while waiting and len(active) < at_a_time:
                job = waiting.pop()
                active.append((job, _start(job)))
                observer.started(job)
            time.sleep(POLL_SECONDS)
            still = []
            for job, process in active:
                if process.poll() is None:
                    event = job.folder.last_event()
                    if event is not None:
                        observer.progressed(job, event)
                    still.append((job, process))
                else:
                    observer.finished(job, _result(job, process.returncode))
            active = still
    finally:
        _stop([process for _, process in active])


def _start(job: Job) -> subprocess.Popen[bytes]:
    """Start a run's process; all it prints goes to its log."""
    if job.folder.state() == "failed":
        (job.folder.path / RESULT).unlink()  # what is read afterwards is this try's own result
    environment = os.environ | {
        "OMP_NUM_THREADS": str(job.threads),
        "MKL_NUM_THREADS": str(job.threads),
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONHASHSEED": "0",
    }
    with (job.folder.path / LOG).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "mtbench.worker", str(job.folder.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )


def _result(job: Job, status: int) -> dict[str, Any]:
    """Return what a run's process left; one that died without a word is a failed run."""
    result = job.folder.read(RESULT)
    if result is None:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        result = {
            "status": "failed",
            "error": f"the run's process {how} and left no result",
            "traceback": job.folder.log(),
        }
        write_json(job.folder.path / RESULT, result)
    return result


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait()
