"""Progress on stderr: bars on a terminal and in a notebook, plain lines elsewhere."""

import math
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

from mtbench.executors.process import WAITING_FOR, Job, RunProgress
from mtbench.rendering.escaping import visible
from mtbench.store import Failure, Result
from mtbench.study.durations import Estimate, duration
from mtbench.study.forecast import Forecast
from mtbench.system.console import say

SILENCE_SECONDS = 60
"""How long a run may go on in a log without a word."""

WIDTH = 32
"""Columns of a run's name beside its bar; of a longer one the end is shown, which tells more."""


@contextmanager
def observing(expected: Estimate) -> Iterator[RunProgress]:
    """Say how long some runs will take, and give the progress that fits where stderr goes."""
    if expected.seconds:
        say(expected.text())
    if not (sys.stderr.isatty() or _in_notebook()):
        yield ProgressLines(expected)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        # Not rich's own column: it knows neither of runs at a time nor of evaluations.
        TextColumn("{task.fields[left]}", style="progress.remaining"),
        TextColumn("{task.fields[phase]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bars(progress, expected)


def silent(expected: Estimate) -> AbstractContextManager[RunProgress]:  # noqa: ARG001 - as above
    """Give the progress that says nothing."""
    return nullcontext(Silence())


def _in_notebook() -> bool:
    """Whether this is a notebook's kernel, and one whose notebook can show bars."""
    if "IPython" not in sys.modules or find_spec("ipywidgets") is None:
        return False
    from rich.console import Console

    return Console(stderr=True).is_jupyter


class Silence:
    """Says nothing."""

    def started(self, job: Job) -> None: ...

    def progressed(self, job: Job, event: dict[str, Any]) -> None: ...

    def finished(self, job: Job, result: Result | Failure) -> None: ...


class ProgressLines:
    """A line when a run starts, when it ends, and now and then in between."""

    def __init__(self, expected: Estimate) -> None:
        self._total = expected.runs + expected.unknown
        self._forecast = Forecast(expected, time.monotonic)
        self._begun = self._ended = 0
        self._started: dict[str, float] = {}
        self._said: dict[str, float] = {}
        self._waits: set[str] = set()

    def started(self, job: Job) -> None:
        """Say that a run starts."""
        self._begun += 1
        self._started[job.key] = self._said[job.key] = time.monotonic()
        self._forecast.started(job.key)
        say(f"[{self._begun}/{self._total}] {job.name} ...")

    def progressed(self, job: Job, event: dict[str, Any]) -> None:
        """Say now and then how far a long run is, and at once that its process waits."""
        self._forecast.progressed(job.key, event)
        begins_to_wait = WAITING_FOR in event and job.key not in self._waits
        if time.monotonic() - self._said[job.key] < SILENCE_SECONDS and not begins_to_wait:
            return
        self._said[job.key] = time.monotonic()
        if begins_to_wait:
            self._waits.add(job.key)
        step = f"step {event['step']} of {event['total']}" if "total" in event else None
        phase = waiting(event) or step or event.get("phase", "evaluating")
        say(f"{job.name}: {phase}{self._to_go()}")

    def finished(self, job: Job, result: Result | Failure) -> None:
        """Say how a run ended, and after how long."""
        self._forecast.finished(job.key, result)
        self._ended += 1
        seconds = time.monotonic() - self._started[job.key]
        to_go = self._to_go() if self._ended < self._total else ""
        say(f"{job.name}: {outcome(job, result)} ({seconds:.0f} s){to_go}")

    def _to_go(self) -> str:
        seconds = self._forecast.seconds()
        return "" if seconds is None else f"; about {duration(seconds)} to go"


class Bars:
    """One bar over all runs, and one for each that is under way."""

    def __init__(self, progress: Any, expected: Estimate) -> None:
        self._progress = progress
        self._forecast = Forecast(expected, time.monotonic)
        total = expected.runs + expected.unknown
        left = clock(self._forecast.seconds())
        self._all = progress.add_task("runs", total=total, visible=total > 0, phase="", left=left)
        self._bars: dict[str, Any] = {}

    def started(self, job: Job) -> None:
        """Add a bar."""
        name = visible(job.name)
        name = name if len(name) <= WIDTH else "…" + name[1 - WIDTH :]
        self._forecast.started(job.key)
        left = clock(self._forecast.seconds_of(job.key))
        bar = self._progress.add_task(name, total=None, phase="starting", left=left)
        self._bars[job.key] = bar

    def progressed(self, job: Job, event: dict[str, Any]) -> None:
        """Move the run's bar."""
        bar = self._bars[job.key]
        self._forecast.progressed(job.key, event)
        changes: dict[str, Any] = {"left": clock(self._forecast.seconds_of(job.key))}
        if event["event"] == "step":
            changes |= {"completed": event["step"], "total": event["total"], "phase": "training"}
        elif event["event"] == "phase":
            changes |= {"phase": event["phase"]}
        if wait := waiting(event):
            changes |= {"phase": wait}
        self._progress.update(bar, **changes)
        self._progress.update(self._all, left=clock(self._forecast.seconds()))

    def finished(self, job: Job, result: Result | Failure) -> None:
        """Take the bar away; say how the run ended if it failed."""
        self._forecast.finished(job.key, result)
        self._progress.remove_task(self._bars.pop(job.key))
        self._progress.update(self._all, advance=1, left=clock(self._forecast.seconds()))
        if isinstance(result, Failure):
            error_line = visible(f"{job.name}: {outcome(job, result)}")
            self._progress.console.print(error_line, markup=False)


def waiting(event: Mapping[str, Any]) -> str:
    """Say whom a run's process waits for; empty where it trains the run itself."""
    if WAITING_FOR not in event:
        return ""
    return f"waiting for another process that trains this run ({event[WAITING_FOR]})"


def clock(seconds: float | None) -> str:
    """Write the time to go for a bar, such as ``0:01:30``; never nothing while there is some."""
    return "-:--:--" if seconds is None else str(timedelta(seconds=math.ceil(seconds)))


def outcome(job: Job, result: Result | Failure) -> str:
    """Say in a few words how a run ended."""
    if isinstance(result, Failure):
        return f"failed: {result.error} (mtbench status {job.key[:12]} --log)"
    overall = result.overall
    return f"overall {'undefined' if overall is None else f'{overall:.3f}'}"
