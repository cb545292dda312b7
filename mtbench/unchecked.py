"""Unchecked cells: what is stored of those whose data are not at hand, and what is said of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mtbench.errors import SHOWN
from mtbench.planned_runs import PlannedCell, planned_runs
from mtbench.relatives import Relative, Relatives
from mtbench.store import Store, canonical


def with_stored_data(
    cells: Sequence[PlannedCell],
    seeds: Sequence[int],
    store: Store,
    relatives: Relatives,
    others: Sequence[PlannedCell] = (),
) -> list[PlannedCell]:
    """Return the cells, those whose data are not at hand with the stored runs that agree.

    These agree in all but the fingerprints of the data that cannot be read. None is taken where
    they are of several versions of the data, or where cells agree but for where their data lie,
    so that the runs may be another cell's.

    Args:
        others: cells of the matrix that are not asked for.
    """
    keys = store.keys()
    everything = [*cells, *others]
    checked = {run.key for cell in everything if not cell.unread for run in cell.runs}
    places = defaultdict(set)
    for cell in everything:
        if cell.unread:
            places[canonical(cell.identity)].add(_place(cell))

    def settled(cell: PlannedCell) -> PlannedCell:
        fitting = [
            run
            for run in relatives.but_for_data(cell.identity, cell.unread)
            if run.seed in seeds and run.key not in checked
        ]
        fitting.sort(key=lambda run: run.ended)
        versions = {canonical(run.identity["data"]): run for run in fitting}
        rivals = len(places[canonical(cell.identity)])
        if not versions:
            return cell
        if len(versions) > 1 or rivals > 1:
            return replace(cell, dispute=_dispute(cell, list(versions.values()), rivals))
        identity = fitting[0].identity
        return replace(cell, identity=identity, runs=planned_runs(store, identity, seeds, keys))

    return [settled(cell) if cell.unread else cell for cell in cells]


def _place(cell: PlannedCell) -> str:
    return canonical([cell.config["tasks"], cell.config["data"]])


def _dispute(cell: PlannedCell, newest: Sequence[Relative], rivals: int) -> str:
    """Say why no stored run was taken.

    Args:
        newest: the run of each version that ended last.
        rivals: places of the data of the cells that agree in all else.
    """
    data = f"the data of {', '.join(cell.unread)}"
    what = (
        f"stored runs of {len(newest)} versions of {data} fit"
        if len(newest) > 1
        else f"{rivals} cells differ in nothing but where {data} lie"
    )
    runs = "; ".join(
        f"run {run.key[:12]} of {run.cell!r} in {run.matrix!r}, ended {run.ended}"
        for run in newest[:SHOWN]
    )
    return (
        f"{what}, and these are not there to tell: none is taken ({runs}); put the data in their "
        "place, or give --data DIR"
    )


def nearest(cells: Iterable[PlannedCell], seeds: Sequence[int], relatives: Relatives) -> str:
    """Say of a cell whose data are not at hand in what else a stored run of its name differs."""
    for cell in cells:
        for seed in seeds if cell.unread else ():
            if moved := relatives.nearest(cell.name, seed, cell.identity):
                run = f"the stored run {moved.key[:12]} of {cell.name!r}"
                return f"; {run} differs in {moved.differing}"
    return ""


def unchecked(cells: Iterable[PlannedCell]) -> list[str]:
    """Return what a reader must know: whose data were not checked, and where none was taken."""
    tasks: dict[str, list[str]] = {}
    disputes = []
    for cell in cells:
        for task, absence in cell.unread.items():
            named = tasks.setdefault(absence, [])
            if task not in named:
                named.append(task)
        if cell.dispute:
            disputes.append(f"{cell.name}: {cell.dispute}")
    more = [f"{len(disputes) - SHOWN} more cells: likewise"] if len(disputes) > SHOWN else []
    data = [f"the data of {', '.join(n)} were not checked: {why}" for why, n in tasks.items()]
    return [*data, *disputes[:SHOWN], *more]
