"""The bench: steps of many cells, a process each, timed in turn."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mtbench.devices import hardware, require
from mtbench.errors import NothingToCompare, PluginError, RunsMissing, UsageError
from mtbench.executors.process import command, environment
from mtbench.matrix.file import Matrix
from mtbench.store import LOG, REQUEST, Request, RunFolder, Store
from mtbench.study.plan import Plan, PlannedCell, faults
from mtbench.study.requests import machine, request, versions
from mtbench.study.setup import Setup
from mtbench.study.timings import Bench, Footprint, MeasuredCell, TimedStep, summarise
from mtbench.system.files import write_json
from mtbench.system.processes import without_result

WARM_UP = 3
"""Steps that are not timed: the first ones find cold caches and fill the allocator."""

MOST = 32
"""Cells at a time; each is a process that holds a model."""

DEFAULT = Matrix(
    title="bench: the sample tasks, sum and pcgrad",
    seeds=1,
    base={
        "tasks": ["sample-sst", "sample-pd", "sample-sts"],
        "encoder": "tiny",
        "train": {"batch_size": 16},
    },
    axes={"combiner": ["sum", "pcgrad"]},
)
"""What is measured where no matrix is named; it needs no file."""


def bench(plan: Plan, setup: Setup, steps: int, say: Callable[[str], None]) -> Bench:
    """Time the steps of a plan's cells, step by step in turn.

    A cell is measured with the plan's first seed. One that fails is left out from then on.
    Nothing is stored, so that the numbers can be shown first; see ``timings.store_timings``.

    Args:
        setup: has the store where the timings will be kept, and the plugins that the cells'
            processes load, or leave out.
        steps: to be timed, a cell.
        say: is told what happens, in a line.

    Raises:
        UsageError: if the cells are too many, the plan's device is not there, or the store
            cannot be written.
    """
    possible = [cell for cell in plan.cells if cell.obstacle is None]
    if len(possible) > MOST:
        raise UsageError(
            f"bench: {len(possible)} cells, each a process of its own; choose at most {MOST} "
            "of them with -k"
        )
    if possible:
        require(plan.device)
        setup.store.check(setup.store.timings)
    with TemporaryDirectory(prefix="mtbench-") as directory:
        processes: list[_CellProcess] = []
        try:
            for number, cell in enumerate(possible):
                say(f"{cell.name}: starting")
                folder = Store(Path(directory)).run(str(number))
                asked = request(
                    cell, cell.runs[0], setup.files, device=plan.device, blocked=setup.blocked
                )
                processes.append(_CellProcess(cell, folder, asked, steps + WARM_UP))
                processes[-1].hear()
            if processes:
                say(f"measuring, {WARM_UP} + {steps} steps a cell")
            for order in [*["warm_up"] * WARM_UP, *["step"] * steps, "footprint"]:
                for process in processes:  # each takes a step before any takes the next one
                    process.obey(order)
        finally:
            for process in processes:
                process.end()
        measured = iter([process.measured() for process in processes])
    cells = [
        next(measured)
        if cell.obstacle is None
        else MeasuredCell(
            cell.name,
            (cell.resolved or cell.named).config,
            rejection=cell.rejection,
            fault=cell.fault,
        )
        for cell in plan.cells
    ]
    return Bench(plan.title, machine(), hardware(plan.device), versions(), steps, cells)


def check_complete(measured: Bench) -> None:
    """Make sure that every cell that can be was measured.

    Raises:
        PluginError: if a plugin broke one.
        NothingToCompare: if every cell was rejected.
        RunsMissing: if one failed.
    """
    states = [cell.status for cell in measured.cells]
    failed, possible = states.count("failed"), len(states) - states.count("rejected")
    unmeasured = f"{failed} of {possible} cells failed; the table says why"
    if faulty := faults([cell.fault for cell in measured.cells]):
        raise PluginError(f"{faulty}; {unmeasured}" if failed else faulty)
    if not possible:
        raise NothingToCompare("every cell was rejected; the table says why")
    if failed:
        raise RunsMissing(unmeasured)


class _CellProcess:
    """A cell's process, which computes only between an order and its answer."""

    def __init__(self, cell: PlannedCell, folder: RunFolder, asked: Request, steps: int) -> None:
        self._cell = cell
        self._folder = folder
        self._answers: dict[str, list[Any]] = {}
        self._error: str | None = None
        folder.path.mkdir(parents=True)
        write_json(folder.path / REQUEST, asked.model_dump())
        with (folder.path / LOG).open("wb") as log:
            self._process = subprocess.Popen(
                command("bench.worker", folder.path, steps, *asked.plugins),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                env=environment(cell.config["train"]["threads"]),
            )

    def obey(self, order: str) -> None:
        """Give an order, unless the process has failed, and wait for the answer."""
        if self._error is not None:
            return
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{order}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended in between; so does its output, and that is told below
        answer = self.hear()
        self._answers.setdefault(order, []).append(answer)

    def hear(self) -> Any:
        """Wait for an answer and return its value; None where the process fails."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            self._error = without_result("the cell's process", status, self._folder.log())
            return None
        answer = json.loads(line)
        if answer["status"] == "failed":
            self._error = answer["error"]
        return answer.get("value")

    def end(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.communicate()

    def measured(self) -> MeasuredCell:
        """Return what was measured, or how it failed."""
        cell = self._cell
        if self._error is not None:
            return MeasuredCell(cell.name, cell.config, error=self._error, log=self._folder.log())
        samples = [TimedStep(**value) for value in self._answers["step"]]
        (footprint,) = self._answers["footprint"]
        return MeasuredCell(
            cell.name, cell.config, timing=summarise(samples, Footprint(**footprint))
        )
