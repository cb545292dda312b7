"""A study: a matrix file's plan, the training of what is missing, the table."""

from collections.abc import Sequence
from pathlib import Path

from mtbench.devices import CPU, require
from mtbench.durations import Estimate
from mtbench.durations import estimate as reckon
from mtbench.errors import UsageError
from mtbench.executors import Job, Observer, default_jobs, run_all
from mtbench.filtering import name_filter
from mtbench.matrix import NO_OVERRIDES, Matrix, Overrides, cells, read_matrix, seeds
from mtbench.planning import Plan, Planner, refreshed
from mtbench.registry import Registry
from mtbench.requests import request
from mtbench.store import Store


def make_plan(
    matrix: Path | Matrix,
    registry: Registry,
    store: Store,
    overrides: Overrides = NO_OVERRIDES,
    expression: str | None = None,
    *,
    device: str = CPU,
) -> Plan:
    """Return the plan of a matrix.

    Args:
        matrix: its file, the folder of that, or what such a file holds.
        expression: keeps the cells whose names it fits; see ``filtering``.
        device: that the runs are trained on; it need not be there to look runs up.

    Raises:
        UsageError: if something in the file or the overrides does not fit, or no cell is left.
        PluginError: if a plugin that is needed is broken.
    """
    table = matrix if isinstance(matrix, Matrix) else read_matrix(matrix)
    chosen = cells(table, overrides)
    if expression is not None:
        fits = name_filter(expression)
        names = [cell.name for cell in chosen]
        chosen = [cell for cell in chosen if fits(cell.name)]
        if not chosen:
            shown = "; ".join(names[:10]) + ("; ..." if len(names) > 10 else "")
            raise UsageError(f"-k {expression!r} fits no cell (cells: {shown})")
    return Planner(registry, store, device).plan(table.title, chosen, seeds(table, overrides))


def estimate(plan: Plan, store: Store, jobs: int | None = None) -> Estimate:
    """Return how long the runs of a plan that are to do will take.

    Args:
        jobs: runs at a time; None for as many as the cores can take.
    """
    threads = [cell.config["train"]["threads"] for cell, _ in plan.to_do()]
    return reckon(plan, store, jobs or default_jobs(max(threads, default=1), plan.device))


def ablate(
    matrix: Path | Matrix,
    registry: Registry,
    store: Store,
    overrides: Overrides = NO_OVERRIDES,
    expression: str | None = None,
    *,
    observer: Observer,
    device: str = CPU,
    jobs: int | None = None,
    plugins: Sequence[Path] = (),
    blocked: Sequence[str] = (),
) -> Plan:
    """Train every run of a matrix that is not stored, and return the plan as it then stands.

    Args:
        matrix, overrides, expression, device: as for ``make_plan``.
        observer, jobs, plugins, blocked: as for ``train_missing``.

    Raises:
        UsageError: if something does not fit, or the plan's device is not there.
        PluginError: if a plugin that every cell needs is broken.
    """
    plan = make_plan(matrix, registry, store, overrides, expression, device=device)
    train_missing(plan, store, plugins, jobs, observer, blocked=blocked)
    return refreshed(plan, store)


def train_missing(
    plan: Plan,
    store: Store,
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
        UsageError: if there are such runs, and the plan's device is not there.
    """
    waiting = [
        Job(
            name=f"{cell.name} [seed {run.seed}]",
            store=store,
            key=run.key,
            threads=cell.config["train"]["threads"],
            request=request(
                cell, run, plugins, matrix=plan.title, device=plan.device, blocked=blocked
            ),
        )
        for cell, run in plan.to_do()
    ]
    if waiting:
        require(plan.device)
        threads = max(job.threads for job in waiting)
        run_all(waiting, jobs or default_jobs(threads, plan.device), observer)
