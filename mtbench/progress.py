"""Progress on stderr: bars on a terminal and in a notebook, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from typing import Any

from mtbench.console import say
from mtbench.escaping import visible
from mtbench.executors import Job, Observer
from mtbench.planning import Plan
from mtbench.refusals import faults

SILENCE_SECONDS = 60
"""How long a run may go on in a log without a word."""

WIDTH = 32
"""Columns of a run's name beside its bar; of a longer one the end is shown, which tells more."""


@contextmanager
def observing(total: int) -> Iterator[Observer]:
    """Give the observer that fits where stderr goes, for so many runs."""
    if not (sys.stderr.isatty() or _in_notebook()):
        yield Lines(total)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[phase]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bars(progress, total)


def silent(total: int) -> AbstractContextManager[Observer]:  # noqa: ARG001 - as ``observing`` is
    """Give the observer that says nothing."""
    return nullcontext(Silence())


def watching(
    observing: Callable[[int], AbstractContextManager[Observer]], warn: Callable[[str], None]
) -> Callable[[Plan], AbstractContextManager[Observer]]:
    """Return what gives the observer of the runs that a plan, such as a search's stage, is to do.

    It first warns of the cells that cannot be trained: before the hours of the others.

    Args:
        observing: gives the observer of so many runs.
    """

    def watch(plan: Plan) -> AbstractContextManager[Observer]:
        if told := faults([cell.fault for cell in plan.cells]):
            warn(f"{told}; the others go on")
        return observing(len(plan.to_do()))

    return watch


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

    def finished(self, job: Job, result: dict[str, Any]) -> None: ...


class Lines:
    """A line when a run starts, when it ends, and now and then in between."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._begun = 0
        self._started: dict[str, float] = {}
        self._said: dict[str, float] = {}

    def started(self, job: Job) -> None:
        """Say that a run starts."""
        self._begun += 1
        self._started[job.folder.key] = self._said[job.folder.key] = time.monotonic()
        say(f"[{self._begun}/{self._total}] {job.name} ...")

    def progressed(self, job: Job, event: dict[str, Any]) -> None:
        """Say now and then how far a long run is."""
        if time.monotonic() - self._said[job.folder.key] < SILENCE_SECONDS:
            return
        self._said[job.folder.key] = time.monotonic()
        step = f"step {event['step']} of {event['total']}" if "total" in event else None
        say(f"{job.name}: {step or event.get('phase', 'evaluating')}")

    def finished(self, job: Job, result: dict[str, Any]) -> None:
        """Say how a run ended, and after how long."""
        seconds = time.monotonic() - self._started[job.folder.key]
        say(f"{job.name}: {outcome(job, result)} ({seconds:.0f} s)")


class Bars:
    """One bar over all runs, and one for each that is under way."""

    def __init__(self, progress: Any, total: int) -> None:
        self._progress = progress
        self._all = progress.add_task("runs", total=total, visible=total > 0, phase="")
        self._bars: dict[str, Any] = {}

    def started(self, job: Job) -> None:
        """Add a bar."""
        name = visible(job.name)
        name = name if len(name) <= WIDTH else "…" + name[1 - WIDTH :]
        bar = self._progress.add_task(name, total=None, phase="starting")
        self._bars[job.folder.key] = bar

    def progressed(self, job: Job, event: dict[str, Any]) -> None:
        """Move the run's bar."""
        bar = self._bars[job.folder.key]
        if event["event"] == "step":
            self._progress.update(
                bar, completed=event["step"], total=event["total"], phase="training"
            )
        elif event["event"] == "phase":
            self._progress.update(bar, phase=event["phase"])

    def finished(self, job: Job, result: dict[str, Any]) -> None:
        """Take the bar away; say how the run ended if it failed."""
        self._progress.remove_task(self._bars.pop(job.folder.key))
        self._progress.advance(self._all)
        if result["status"] == "failed":
            told = visible(f"{job.name}: {outcome(job, result)}")
            self._progress.console.print(told, markup=False)


def outcome(job: Job, result: dict[str, Any]) -> str:
    """Say in a few words how a run ended."""
    if result["status"] == "failed":
        return f"failed: {result['error']} (mtbench status {job.folder.key[:12]} --log)"
    overall = result["overall"]
    return f"overall {'undefined' if overall is None else f'{overall:.3f}'}"
