"""Subjects: the cells that a comparison is between, each with its stored runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from mtbench.errors import MtbenchError, NothingToCompare, PluginError, RunsMissing, unknown
from mtbench.evidence.outcomes import CellOutcomes, outcomes, readable, sound_predictions
from mtbench.store import Damaged, Request, RunFolder, Store, StoredResult
from mtbench.study.plan import Plan, PlannedCell
from mtbench.study.unchecked import unchecked

StoredCells = Mapping[str, Sequence[Sequence[RunFolder]]]
"""Cells of a store by name, and the runs of each of their versions."""


@dataclass(frozen=True)
class ComparedCell:
    """A cell, and those of its runs that have a score.

    Attributes:
        name: of the cell.
        address: what the command line calls it.
        runs: that are stored, by seed; at least one.
        missing: seeds whose runs have no score.
        remark: what a reader must know of the choice of the runs; empty for nothing.
        plugins: plugin files that may be loaded to read the sentences of its data.
    """

    name: str
    address: str
    runs: Mapping[int, RunFolder]
    missing: Sequence[int] = ()
    remark: str = ""
    plugins: Sequence[Path] = ()

    @cached_property
    def requests(self) -> Mapping[int, Request]:
        """What the runs were asked for, by seed."""
        return {seed: folder.request() for seed, folder in self.runs.items()}

    @cached_property
    def results(self) -> Mapping[int, StoredResult]:
        """What is stored of the runs, by seed."""
        return {seed: folder.result() for seed, folder in self.runs.items()}

    @cached_property
    def metrics(self) -> Mapping[str, str]:
        """Each task's primary metric, which is the first of those that are stored."""
        result = next(iter(self.results.values()))
        return {task: next(iter(scores)) for task, scores in result.scores.dev.items()}

    @cached_property
    def outcomes(self) -> CellOutcomes:
        """What the runs made of dev."""
        return outcomes(self.name, self.runs, self.metrics)


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        title: what it is called.
        cells: those with stored runs, of different names.
        single: whether it is one cell that was asked for, and not all of a matrix or store.
        absent: cells of which nothing is stored, and why.
        problem: what is to be raised when all is told: a broken plugin, or missing runs.
    """

    title: str
    cells: Sequence[ComparedCell]
    single: bool = False
    absent: Mapping[str, str] = field(default_factory=dict)
    problem: MtbenchError | None = None

    def alone(self) -> Side:
        """Return the side as the one cell that was asked for.

        Raises:
            NothingToCompare: if nothing of it is stored.
        """
        for name, reason in self.absent.items():
            raise NothingToCompare(f"{self.title}::{name}: {reason}")
        return replace(self, title=self.cells[0].address, single=True)

    def cell(self, name: str) -> ComparedCell:
        """Return the cell of a name.

        Raises:
            UsageError: if it has none of that name; it tells the nearest.
        """
        for subject in self.cells:
            if subject.name == name:
                return subject
        raise unknown("cell", name, [s.name for s in self.cells], where=self.title)


def of_run(folder: RunFolder) -> Side:
    """Return a side that is one stored run.

    Raises:
        NothingToCompare: if it has no score.
        Damaged: if what is stored of it is not what was written.
    """
    record = folder.record()
    if damage := _damage(folder):
        raise Damaged(folder.key, damage)
    request = record.request
    if record.state != "done" or request is None:
        raise NothingToCompare(f"run {folder.key[:12]} is {record.state}, so it has no score")
    address = f"run {folder.key[:12]} ({request.cell} [seed {request.seed}])"
    return Side(address, [ComparedCell(request.cell, address, {request.seed: folder})], True)


def of_plan(plan: Plan, title: str) -> Side:
    """Return a side that is all cells of a plan."""
    plan = readable(plan)
    subjects, absent = [], {}
    for cell in plan.cells:
        if any(run.state == "done" for run in cell.runs):
            subjects.append(_planned(cell, f"{title}::{cell.name}"))
        else:
            absent[cell.name] = _reason(cell)
    return Side(title, subjects, absent=absent, problem=_problem(plan))


def of_planned_cell(plan: Plan, title: str) -> Side:
    """Return a side that is the one cell of a plan.

    Raises:
        PluginError: if a plugin broke it.
        NothingToCompare: if it was rejected, or none of its runs is stored.
    """
    (cell,) = plan.cells
    if cell.fault is not None:
        raise PluginError(cell.fault)
    return of_plan(plan, title).alone()


def _planned(cell: PlannedCell, address: str) -> ComparedCell:
    return ComparedCell(
        name=cell.name,
        address=address,
        runs={run.seed: run.folder for run in cell.runs if run.state == "done"},
        missing=[run.seed for run in cell.runs if run.state != "done"],
        remark="; ".join(
            filter(None, [_damages({r.seed: r.damage for r in cell.runs}), *unchecked([cell])])
        ),
    )


def _reason(cell: PlannedCell) -> str:
    if cell.obstacle is not None:
        return ": ".join(cell.obstacle)
    if cell.dispute:
        return cell.dispute
    if damages := _damages({run.seed: run.damage for run in cell.runs}):
        return damages
    return f"none of its {len(cell.runs)} runs is stored; 'mtbench ablate' trains them"


def _damages(by_seed: Mapping[int, str]) -> str:
    """Say which runs are damaged, and how, by their seeds; empty where none is."""
    return "; ".join(f"seed {seed} is damaged: {why}" for seed, why in by_seed.items() if why)


def _problem(plan: Plan) -> MtbenchError | None:
    """Return what stands in the way of a complete comparison, as the other commands say it."""
    try:
        plan.check_complete()
    except NothingToCompare:
        return None  # of which the comparison itself has the say
    except (PluginError, RunsMissing) as error:
        return error
    return None


def stored_cells(store: Store, warn: Callable[[str], None]) -> StoredCells:
    """Return all cells of a store, whatever matrices they were trained for.

    Runs of one matrix title and cell name are a cell. They may be of several versions: other
    code, data or settings under the same name, which make other keys.

    Args:
        warn: is told of a run whose request is damaged, so that nothing tells its cell.
    """
    versions: dict[tuple[str, str], dict[str, list[RunFolder]]] = {}
    for key in sorted(store.keys()):
        folder = store.run(key)
        record = folder.record()
        if (request := record.request) is None:  # or made and given up before it was written
            if record.damage:
                warn(str(Damaged(key, record.damage)))
            continue
        named = versions.setdefault((request.matrix, request.cell), {})
        named.setdefault(request.identity.text, []).append(folder)
    names = [cell for _, cell in versions]
    return {
        cell if names.count(cell) == 1 else f"{matrix}::{cell}": list(of_cell.values())
        for (matrix, cell), of_cell in sorted(versions.items())
    }


def of_store(store: Store, cells: StoredCells) -> Side:
    """Return a side that is cells of a store.

    Of several versions, the one whose run ended last is taken, and a remark names that run.
    """
    subjects, absent = [], {}
    for name, versions in cells.items():
        damages = {folder: _damage(folder) for version in versions for folder in version}
        if scored := [f for f, damage in damages.items() if not damage and f.state() == "done"]:
            subjects.append(_newest(name, f"{store.root}::{name}", versions, scored, damages))
        else:
            first = next(filter(None, damages.values()), "")
            absent[name] = f"damaged: {first}" if first else "none of its runs has a score"
    missing = sum(len(subject.missing) for subject in subjects)
    problem = RunsMissing(
        f"{missing} run(s) of {store.root} have no score; 'mtbench status RUN --log' tells why "
        "one failed"
    )
    return Side(str(store.root), subjects, absent=absent, problem=problem if missing else None)


def _newest(
    name: str,
    address: str,
    versions: Sequence[Sequence[RunFolder]],
    scored: Sequence[RunFolder],
    damages: Mapping[RunFolder, str],
) -> ComparedCell:
    """Return the version of a cell whose run ended last, of those that have a score."""
    newest = max(scored, key=lambda folder: folder.result().ended)
    chosen = next(version for version in versions if newest in version)
    seeds = {folder: folder.request().seed for folder in chosen}
    ordered = sorted(chosen, key=seeds.__getitem__)
    remarks = [_damages({seeds[folder]: damages[folder] for folder in ordered})]
    if len(versions) > 1:
        remarks.append(
            f"{len(versions)} versions of it are stored; taken: that of run {newest.key[:12]}, "
            "which ended last"
        )
    return ComparedCell(
        name=name,
        address=address,
        runs={seeds[folder]: folder for folder in ordered if folder in scored},
        missing=[seeds[folder] for folder in ordered if folder not in scored],
        remark="; ".join(filter(None, remarks)),
    )


def _damage(folder: RunFolder) -> str:
    """Return what is wrong with a run, its predictions too; empty where nothing is."""
    record = folder.record()
    if record.state == "done":
        try:
            sound_predictions(folder)
        except Damaged as error:
            return error.reason
    return record.damage
