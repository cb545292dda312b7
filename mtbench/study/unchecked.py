"""Unchecked cells: what is stored of those whose data are not at hand, and what is said of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mtbench.errors import SHOWN
from mtbench.store import canonical
from mtbench.study.plan import PlannedCell, planned_runs
from mtbench.study.relatives import Relatives, ScoredRun, ended


def with_stored_data(
    cells: Sequence[PlannedCell],
    seeds: Sequence[int],
    relatives: Relatives,
    besides: Sequence[PlannedCell] = (),
) -> list[PlannedCell]:
    """Return the cells, those whose data are not at hand with the stored runs that agree.

    These agree in all but the fingerprints of the data that cannot be read. None is taken where
    those of the cells are of several versions of a task's data, or where cells agree but for
    where their data lie, so that the runs may be another cell's.

    Args:
        besides: cells of the matrix that are not asked for.
    """
    keys = relatives.store.keys()
    everything = [*cells, *besides]
    checked = {run.key for cell in everything for run in cell.runs}
    places = defaultdict(set)
    for cell in everything:
        if cell.unread:
            places[cell.identity.text].add(_place(cell))

    def fitting(cell: PlannedCell) -> list[ScoredRun]:
        agreeing = relatives.but_for_data(cell.identity, cell.unread) if cell.unread else []
        kept = [
            run for run in agreeing if run.request.seed in seeds and run.request.key not in checked
        ]
        return sorted(kept, key=ended)

    runs = [fitting(cell) for cell in cells]
    versions: dict[str, dict[str, ScoredRun]] = defaultdict(dict)
    for cell, of_cell in zip(cells, runs, strict=True):
        for run in of_cell:
            for task in cell.unread:
                newest = versions[_place(cell, task)]
                version = canonical(run.request.identity.data[task])
                newest[version] = max(newest.get(version, run), run, key=ended)

    def settled(cell: PlannedCell, of_cell: Sequence[ScoredRun]) -> PlannedCell:
        if not of_cell:
            return cell
        rivals = len(places[cell.identity.text])
        several = {
            task: newest for task in cell.unread if len(newest := versions[_place(cell, task)]) > 1
        }
        if several or rivals > 1:
            return replace(cell, dispute=_dispute(cell, of_cell, several, rivals))
        identity = of_cell[0].request.identity
        stored = planned_runs(relatives.store, identity.text, seeds, keys)
        return replace(cell, identified=identity, runs=stored)

    return [settled(cell, of_cell) for cell, of_cell in zip(cells, runs, strict=True)]


def _place(cell: PlannedCell, *tasks: str) -> str:
    """Return where the data of some tasks lie, or of all if none is named."""
    config = cell.config["tasks"]
    return canonical(
        [{task: config[task] for task in tasks or config}, cell.config["data"]["dir"]]
    )


def _dispute(
    cell: PlannedCell,
    runs: Sequence[ScoredRun],
    several: Mapping[str, Mapping[str, ScoredRun]],
    rivals: int,
) -> str:
    """Say why no stored run was taken.

    Args:
        runs: that agree in all else, the one that ended last at the end.
        several: of tasks whose data are of several versions, the run of each that ended last.
        rivals: places of the data of the cells that agree in all else.
    """
    data = f"the data of {', '.join(several or cell.unread)}"
    named = {run.request.key: run for newest in several.values() for run in newest.values()}
    what = (
        f"stored runs of {max(map(len, several.values()))} versions of {data} fit"
        if several
        else f"{rivals} cells differ in nothing but where {data} lie"
    )
    listed = "; ".join(
        f"run {run.request.key[:12]} of {run.request.cell!r} in {run.request.matrix!r}, "
        f"ended {run.result.ended}"
        for run in [*(named.values() or runs[-1:])][:SHOWN]
    )
    return (
        f"{what}, and these are not there to tell: none is taken ({listed}); put the data in "
        "their place, or give --data DIR"
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
    absences: list[tuple[str, str]] = []
    disputes = []
    for cell in cells:
        absences += cell.unread.items()
        if cell.dispute:
            disputes.append(f"{cell.name}: {cell.dispute}")
    more = [f"{len(disputes) - SHOWN} more cells: likewise"] if len(disputes) > SHOWN else []
    return [*_joined(absences), *disputes[:SHOWN], *more]


def _joined(absences: Sequence[tuple[str, str]]) -> list[str]:
    """Return one remark on all tasks whose data are not at hand, or none where there is none.

    Of several reasons the first is told: most differ in the names of files alone.
    """
    tasks = ", ".join(dict.fromkeys(task for task, _ in absences))
    first, *others = dict.fromkeys(why for _, why in absences) or [""]
    more = f"; and {len(others)} more ('mtbench data status MATRIX' tells all)" if others else ""
    return [f"the data of {tasks} were not checked: {first}{more}"] if tasks else []
