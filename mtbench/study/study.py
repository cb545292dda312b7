"""A study at work: its plan, and the training of what is missing."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from mtbench.components.registry import Registry
from mtbench.devices import require
from mtbench.executors.process import Job, RunProgress, run_all
from mtbench.matrix.designs import NamedCell, short
from mtbench.matrix.file import arrange, seeds
from mtbench.matrix.filtering import fits_none, name_filter
from mtbench.store import PREDICTIONS
from mtbench.study.durations import Estimate, estimate
from mtbench.study.plan import Plan, faults
from mtbench.study.planner import Planner
from mtbench.study.relatives import Relatives
from mtbench.study.requests import request
from mtbench.study.search import Searcher, remarks, winner
from mtbench.study.setup import Setup
from mtbench.study.unchecked import unchecked

Observing = Callable[[Estimate], AbstractContextManager[RunProgress]]
"""Gives the progress of runs of which so much is known."""

Barring = Callable[[Plan], Collection[str]]
"""Gives the names of the cells of a plan that are not to be trained."""


class Session:
    """A study at work: plugins loaded and matrix read; what its plans share is read once.

    Args:
        registry: plugins that are loaded already; None to load those of the set-up.
        stored_only: as for ``Planner``.

    Attributes:
        warn: is told what is wrong and stops nothing.

    Raises:
        UsageError: if something in the set-up or the file does not fit.
    """

    def __init__(
        self, setup: Setup, registry: Registry | None = None, *, stored_only: bool = False
    ) -> None:
        self.setup = setup
        self.warn = setup.warner()
        if registry is None:
            registry = setup.load_plugins(self.warn)
        self.matrix = setup.read_matrix()
        self._overrides = setup.overrides
        self._planner = Planner(
            registry,
            setup.store,
            setup.device,
            stored_only=stored_only,
            named_folder="data.dir" in self._overrides.set,
        )

    def plan(self) -> Plan:
        """Return the plan as far as what is stored tells it.

        Raises:
            UsageError: if something in the file or what is laid over it does not fit, or no cell
                is left.
            PluginError: if a plugin that every cell needs is broken.
        """
        drawn = seeds(self.matrix, self._overrides)
        searcher = Searcher(self._planner, drawn)
        arrangement = arrange(self.matrix, self._overrides, searcher)
        won = winner(arrangement.stages, arrangement.to_come)
        cells = [
            replace(cell, note=searcher.verdict()) if cell.name == won else cell
            for cell in arrangement.cells
        ]
        if self.setup.cells is not None:
            cells = _fitting(cells, self.setup.cells, arrangement.to_come)
        planned = self._planner.plan(self.matrix.title, cells, drawn, beside=arrangement.cells)
        return replace(
            planned,
            design=self.matrix.design,
            stages=arrangement.stages,
            to_come=arrangement.to_come,
            remarks=[
                *self._asked_besides(len(cells), len(arrangement.cells)),
                *remarks(arrangement.stages, arrangement.to_come),
                *filter(None, [arrangement.remark]),
                *unchecked(planned.cells),
            ],
        )

    def _asked_besides(self, shown: int, cells: int) -> Iterator[str]:
        """Yield what the matrix file does not say, and no cell's name shows."""
        # Where the data lie moves no number.
        chosen = {key: value for key, value in self._overrides.set.items() if key != "data.dir"}
        if chosen:
            written = ", ".join(f"{key}={short(value)}" for key, value in chosen.items())
            yield f"set beside the matrix: {written}"
        if self.setup.cells is not None and shown < cells:
            yield f"{shown} of the matrix' {cells} cells: those that -k {self.setup.cells!r} fits"

    def train(
        self,
        plan: Plan,
        *,
        observing: Observing,
        jobs: int | None = None,
        barred: Barring | None = None,
    ) -> Plan:
        """Train what a plan of this study lacks, stage after stage; return it as it then stands.

        A run that fails is not tried again in one call.

        Args:
            observing, jobs: as for ``train_missing``, for each stage of a search or the whole.
            barred: asked before each stage which cells are not to be trained; None where those
                that cannot be are to be warned of, before the hours of the others.

        Raises:
            UsageError: if something does not fit, or the plan's device is not there.
        """
        plan = plan.without_damaged(lambda _, run: run.check(PREDICTIONS))
        tried: set[str] = set()
        while stage := _next_stage(plan, tried | {*(barred(plan) if barred else ())}):
            if barred is None and (broken := faults([cell.fault for cell in stage.cells])):
                self.warn(f"{broken}; the others go on")
            train_missing(stage, self.setup, observing, jobs)
            tried |= {cell.name for cell in stage.cells}
            plan = self.plan() if plan.stages else plan.refreshed()
        return plan


def _fitting(cells: Sequence[NamedCell], expression: str, to_come: int) -> list[NamedCell]:
    """Return the cells whose names an expression fits; who wins a stage it does not change."""
    fits = name_filter(expression)
    chosen = [cell for cell in cells if fits(cell.name)]
    if not chosen:
        later = f"; of a search up to {to_come} are still to come" if to_come else ""
        raise fits_none(expression, [cell.name for cell in cells], later)
    return chosen


def _next_stage(plan: Plan, left_out: set[str]) -> Plan | None:
    """Return the first stage that has runs to do, or at last all cells; some left out."""
    for names in (*(stage.cells for stage in plan.stages), [cell.name for cell in plan.cells]):
        cells = [cell for cell in plan.cells if cell.name in {*names} - left_out]
        stage = replace(plan, cells=cells)
        if stage.to_do():
            return stage
    return None


def train_missing(plan: Plan, setup: Setup, observing: Observing, jobs: int | None = None) -> None:
    """Train every run of a plan that is not stored, failed ones again.

    Args:
        setup: has the store, and the plugins that the runs' processes load, or leave out.
        observing: gives what is told of the runs.
        jobs: runs at a time; None for as many as the device can take.

    Raises:
        UsageError: if there are such runs, and the plan's device is not there, or the store
            cannot be written.
    """
    store, files = setup.store, setup.files
    waiting = [
        Job(
            name=f"{cell.name} [seed {run.seed}]",
            folder=run.folder,
            threads=cell.config["train"]["threads"],
            request=request(
                cell, run, files, matrix=plan.title, device=plan.device, blocked=setup.blocked
            ),
        )
        for cell, run in plan.to_do()
    ]
    if waiting:
        expected = estimate(plan, Relatives(store), jobs)
        with observing(expected) as progress:
            require(plan.device)
            store.check(store.runs)
            run_all(waiting, expected.jobs, progress)
