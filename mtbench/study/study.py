"""A study: a matrix file's plan, the training of what is missing, the table."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from mtbench.components.registry import Registry
from mtbench.devices import CPU, require
from mtbench.errors import UsageError
from mtbench.executors.process import Job, Observer, default_jobs, run_all
from mtbench.matrix.designs import NamedCell, short
from mtbench.matrix.file import Matrix, arrange, read_matrix, seeds
from mtbench.matrix.filtering import name_filter
from mtbench.matrix.overrides import NO_OVERRIDES, Overrides
from mtbench.store import Store
from mtbench.study.durations import Estimate
from mtbench.study.durations import estimate as reckon
from mtbench.study.plan import Plan
from mtbench.study.planner import Planner
from mtbench.study.relatives import Relatives
from mtbench.study.requests import request
from mtbench.study.run_states import checked, refreshed
from mtbench.study.search import Searcher, remarks, winner
from mtbench.study.unchecked import unchecked

Observing = Callable[[Plan], AbstractContextManager[Observer]]

Barring = Callable[[Plan], Collection[str]]
"""Gives the names of the cells of a plan that are not to be trained."""


def make_plan(
    matrix: Path | Matrix,
    registry: Registry,
    store: Store,
    overrides: Overrides = NO_OVERRIDES,
    expression: str | None = None,
    *,
    device: str = CPU,
    stored_only: bool = False,
) -> Plan:
    """Return the plan of a matrix.

    Args:
        matrix: its file, the folder of that, or what such a file holds.
        expression: keeps the cells whose names it fits; see ``filtering``.
        device: that the runs are trained on; it need not be there to look runs up.
        stored_only: as for ``Planner``.

    Raises:
        UsageError: if something in the file or the overrides does not fit, or no cell is left.
        PluginError: if a plugin that is needed is broken.
    """
    study = Study(
        matrix, registry, store, overrides, expression, device=device, stored_only=stored_only
    )
    return study.plan()


class Study:
    """A matrix with what is laid over it; what its plans share is read once."""

    def __init__(
        self,
        matrix: Path | Matrix,
        registry: Registry,
        store: Store,
        overrides: Overrides,
        expression: str | None,
        *,
        device: str,
        stored_only: bool = False,
    ) -> None:
        self._matrix = matrix if isinstance(matrix, Matrix) else read_matrix(matrix)
        self._planner = Planner(registry, store, device, stored_only=stored_only)
        self._overrides = overrides
        self._expression = expression

    def plan(self) -> Plan:
        """Return the plan as far as what is stored tells it."""
        drawn = seeds(self._matrix, self._overrides)
        searcher = Searcher(self._planner, drawn)
        found = arrange(self._matrix, self._overrides, searcher)
        won = winner(found.stages, found.to_come)
        cells = [
            replace(cell, note=searcher.verdict()) if cell.name == won else cell
            for cell in found.cells
        ]
        if self._expression is not None:
            cells = _fitting(cells, self._expression, found.to_come)
        planned = self._planner.plan(self._matrix.title, cells, drawn, beside=found.cells)
        return replace(
            planned,
            design=self._matrix.design,
            stages=found.stages,
            to_come=found.to_come,
            remarks=[
                *self._asked_besides(len(cells), len(found.cells)),
                *remarks(found.stages, found.to_come),
                *filter(None, [found.remark]),
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
        if self._expression is not None and shown < cells:
            yield f"{shown} of the matrix' {cells} cells: those that -k {self._expression!r} fits"

    def train(
        self,
        plan: Plan,
        *,
        observer: Observer | Observing,
        jobs: int | None = None,
        plugins: Sequence[Path] = (),
        blocked: Sequence[str] = (),
        barred: Barring = lambda _: (),
    ) -> Plan:
        """Train what a plan of this study lacks, stage after stage; return it as it then stands.

        A run that fails is not tried again in one call.

        Args:
            observer, jobs, plugins, blocked: as for ``ablate``.
            barred: asked before each stage which cells are not to be trained.

        Raises:
            UsageError: if something does not fit, or the plan's device is not there.
        """
        plan = checked(plan)
        tried: set[str] = set()
        while (stage := _next_stage(plan, tried | {*barred(plan)})) is not None:
            watching = observer(stage) if callable(observer) else nullcontext(observer)
            with watching as watcher:
                train_missing(stage, plugins, jobs, watcher, blocked=blocked)
            tried |= {cell.name for cell in stage.cells}
            plan = self.plan() if plan.stages else refreshed(plan)
        return plan


def _fitting(cells: Sequence[NamedCell], expression: str, to_come: int) -> list[NamedCell]:
    """Return the cells whose names an expression fits; who wins a stage it does not change."""
    fits = name_filter(expression)
    chosen = [cell for cell in cells if fits(cell.name)]
    if not chosen:
        names = [cell.name for cell in cells]
        shown = "; ".join(names[:10]) + ("; ..." if len(names) > 10 else "")
        later = f"; of a search up to {to_come} are still to come" if to_come else ""
        raise UsageError(f"-k {expression!r} fits no cell (cells: {shown}{later})")
    return chosen


def estimate(plan: Plan, relatives: Relatives, jobs: int | None = None) -> Estimate:
    """Return how long the runs of a plan that are to do will take.

    Args:
        relatives: the stored runs of the plan's store.
        jobs: runs at a time; None for as many as the cores can take.
    """
    threads = [cell.config["train"]["threads"] for cell, _ in plan.to_do()]
    return reckon(plan, relatives, jobs or default_jobs(max(threads, default=1), plan.device))


def ablate(
    matrix: Path | Matrix,
    registry: Registry,
    store: Store,
    overrides: Overrides = NO_OVERRIDES,
    expression: str | None = None,
    *,
    observer: Observer | Observing,
    device: str = CPU,
    jobs: int | None = None,
    plugins: Sequence[Path] = (),
    blocked: Sequence[str] = (),
) -> Plan:
    """Train every run of a matrix that is not stored, and return the plan as it then stands.

    A search is trained stage after stage; a run that fails is not tried again in one call.

    Args:
        matrix, overrides, expression, device: as for ``make_plan``.
        observer: as for ``train_missing``; or a function that is given the plan of what is about
            to be trained, a stage of a search or the whole, and gives an observer for it.
        jobs, plugins, blocked: as for ``train_missing``.

    Raises:
        UsageError: if something does not fit, or the plan's device is not there.
        PluginError: if a plugin that every cell needs is broken.
    """
    study = Study(matrix, registry, store, overrides, expression, device=device)
    return study.train(
        study.plan(), observer=observer, jobs=jobs, plugins=plugins, blocked=blocked
    )


def _next_stage(plan: Plan, left_out: set[str]) -> Plan | None:
    """Return the first stage that has runs to do, or at last all cells; some left out."""
    for names in (*(stage.cells for stage in plan.stages), [cell.name for cell in plan.cells]):
        cells = [cell for cell in plan.cells if cell.name in {*names} - left_out]
        stage = replace(plan, cells=cells)
        if stage.to_do():
            return stage
    return None


def train_missing(
    plan: Plan,
    plugins: Sequence[Path],
    jobs: int | None,
    observer: Observer,
    *,
    blocked: Sequence[str] = (),
) -> None:
    """Train every run of a plan that is not stored, failed ones again.

    Args:
        plugins: plugin files that the runs' processes load too.
        blocked: names of plugins that they leave out.
        jobs: runs at a time; None for as many as the device can take.

    Raises:
        UsageError: if there are such runs, and the plan's device is not there, or the store
            cannot be written.
    """
    waiting = [
        Job(
            name=f"{cell.name} [seed {run.seed}]",
            folder=run.folder,
            threads=cell.config["train"]["threads"],
            request=request(
                cell, run, plugins, matrix=plan.title, device=plan.device, blocked=blocked
            ),
        )
        for cell, run in plan.to_do()
    ]
    if waiting:
        require(plan.device)
        store = waiting[0].folder.store
        store.check(store.runs)
        threads = max(job.threads for job in waiting)
        run_all(waiting, jobs or default_jobs(threads, plan.device), observer)
