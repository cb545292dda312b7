"""The reader of addresses: finds what they name, for a comparison, a list, a prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from mtbench.comparison.addresses import BETWEEN, Address, pick, pick_planned, read_address
from mtbench.comparison.subjects import (
    Side,
    StoredCells,
    of_plan,
    of_planned_cell,
    of_run,
    of_store,
    stored_cells,
)
from mtbench.components.registry import Registry
from mtbench.errors import MtbenchError, UsageError, unknown
from mtbench.matrix.file import cells as cells_of
from mtbench.matrix.file import read_matrix
from mtbench.matrix.filtering import name_filter
from mtbench.store import RunFolder, Store
from mtbench.study.plan import Plan
from mtbench.study.setup import Setup
from mtbench.study.study import Session
from mtbench.study.unchecked import unchecked


class PlannedFor(NamedTuple):
    """What a plan asks of a run, as its request would have it."""

    matrix: str
    cell: str
    seed: int
    device: str


class ListedRun(NamedTuple):
    """A run that may not be there yet, and what a plan asks of it, if it is in one.

    Attributes:
        folder: None where its data are not at hand, and so nothing tells its key.
    """

    folder: RunFolder | None
    planned: PlannedFor | None = None


class Models(NamedTuple):
    """Stored runs of one cell, or one run.

    Attributes:
        folders: by what they are called.
        plugins: plugin files that may be loaded for them.
        seeds: of the cell, those without a score too; none of a run that was named itself.
        remark: what is to be known of the choice; empty for nothing.
        problem: what is to be raised when all is done.
    """

    folders: Mapping[str, RunFolder]
    plugins: Sequence[Path]
    seeds: Sequence[int] = ()
    remark: str = ""
    problem: MtbenchError | None = None


class Reader:
    """Finds what addresses name.

    Args:
        setup: has the store in which runs, and those of a matrix, lie; what is laid over a matrix,
            and its plugins, beside the file that lies beside it. Its ``cells`` are for stores too.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        # What several addresses share is read once, and what is wrong with it told once.
        self._warn = setup.warner()
        self._stores: dict[Path, StoredCells] = {}
        self._registries: dict[tuple[Path, ...], Registry] = {}

    def both(self, a: str, b: str, store_b: Store | None = None) -> tuple[Side, Side]:
        """Return the sides of a comparison.

        An ``a`` that starts with ``::`` is in the set-up's matrix, such a ``b`` in ``a``'s place.

        Args:
            store_b: where the runs of ``b`` lie, if elsewhere.

        Raises:
            UsageError, PluginError, NothingToCompare: as for ``side``; a ``UsageError`` too if
                there are overrides, and no matrix that they could lie over.
        """
        if a.startswith(BETWEEN) and isinstance(self.setup.matrix, Path):
            a = f"{self.setup.matrix}{a}"
        if b.startswith(BETWEEN):
            b = a.partition(BETWEEN)[0] + b
        changes = self.setup.set.keys() - {"data.dir"} or self.setup.axes or self.setup.seeds
        if changes and "matrix" not in (read_address(a).kind, read_address(b).kind):
            raise UsageError(
                "--set, --axis and --seeds change how a matrix is read, and neither "
                f"{a!r} nor {b!r} names one"
            )
        return self.side(a), self.side(b, store_b)

    def side(self, text: str, store: Store | None = None) -> Side:
        """Return what an address names, as a side of a comparison.

        Args:
            text: ``MATRIX::CELL`` or ``STORE::CELL``, one cell, or ``[seed N]`` of it; ``MATRIX``
                (a file, or the folder of a ``matrix.toml``) or ``STORE`` (a folder that holds
                ``runs/``), all cells; else a run: the start of its key, or its folder.
            store: where runs, and those of a matrix, lie, if not in that of the set-up.

        Raises:
            UsageError: if there is no such thing.
            PluginError: if a plugin broke the one cell that is asked for.
            NothingToCompare: if nothing of that cell or run is stored.
        """
        address = read_address(text)
        side = self._side(address, store or self.setup.store)
        plugins = self._plugins(address)
        return replace(side, cells=[replace(cell, plugins=plugins) for cell in side.cells])

    def models(self, text: str) -> Models:
        """Return the stored runs of the one cell, or the one run, that an address names.

        Raises:
            UsageError, PluginError, NothingToCompare: as for ``side``; a ``UsageError`` too if it
                names all cells.
        """
        address = read_address(text)
        if address.is_run:
            folder = _find(address, self.setup.store)
            return Models({f"run {folder.key[:12]}": folder}, self._plugins(address))
        if address.is_whole:
            raise UsageError(
                f"{text}: of which cell? {text}{BETWEEN}CELL ('mtbench status {text}' lists them)"
            )
        side = self.side(text)
        (cell,) = side.cells
        folders = {f"{cell.name} [seed {seed}]": folder for seed, folder in cell.runs.items()}
        seeds = sorted([*cell.runs, *cell.missing])
        return Models(folders, cell.plugins, seeds, cell.remark, side.problem)

    def listed(self, text: str) -> list[ListedRun]:
        """Return all runs that an address names, whatever became of them.

        Raises:
            UsageError: if there is no such thing, or the expression fits no cell of a matrix.
            PluginError: if plugins break every cell of a matrix.
        """
        address, store = read_address(text), self.setup.store
        if address.is_run:
            return [ListedRun(_find(address, store))]
        if address.kind == "matrix":
            plan, _ = self._plan(address, store, self.setup.cells)
            for remark in unchecked(plan.cells):
                self._warn(remark)
            return [
                ListedRun(run.place, PlannedFor(plan.title, cell.name, run.seed, plan.device))
                for cell in plan.cells
                for run in cell.runs
            ]
        place = Store(address.path)
        if address.cell is None:
            return [ListedRun(place.run(key)) for key in sorted(place.keys())]
        chosen, _ = self._stored_cell(place, address.cell)
        return [ListedRun(run) for found in chosen.values() for runs in found for run in runs]

    def _plugins(self, address: Address) -> Sequence[Path]:
        return self.setup.of(address.path if address.kind == "matrix" else None).files

    def _side(self, address: Address, store: Store) -> Side:
        if address.is_run:
            return of_run(_find(address, store))
        if address.kind == "matrix":
            plan, seed = self._plan(address, store, self.setup.cells)
            place = address.text.partition(BETWEEN)[0]
            if address.cell is None:
                return of_plan(plan, place)
            return _with_seed(of_planned_cell(plan, place), seed)
        held = Store(address.path)
        if address.cell is not None:
            chosen, seed = self._stored_cell(held, address.cell)
            return _with_seed(of_store(held, chosen).alone(), seed)
        cells = self.setup.cells
        fits = name_filter(cells) if cells is not None else lambda _: True
        return of_store(held, {n: runs for n, runs in self._cells(held).items() if fits(n)})

    def _cells(self, store: Store) -> StoredCells:
        """Return the cells of a store."""
        if store.root not in self._stores:
            self._stores[store.root] = stored_cells(store, self._warn)
        return self._stores[store.root]

    def _stored_cell(self, store: Store, text: str) -> tuple[StoredCells, str]:
        """Return one cell of a store by its name, and the seed that its runs were reduced to."""
        cells = self._cells(store)
        name, seed = pick(text, cells, where=str(store.root))
        if not seed:
            return {name: cells[name]}, seed
        chosen = [[run for run in runs if str(run.request().seed) == seed] for runs in cells[name]]
        if not any(chosen):
            seeds = {str(run.request().seed) for runs in cells[name] for run in runs}
            raise unknown("seed", seed, seeds, where=f"{store.root}{BETWEEN}{name}")
        return {name: [runs for runs in chosen if runs]}, seed

    def _plan(self, address: Address, store: Store, cells: str | None) -> tuple[Plan, str]:
        """Return the plan of a matrix, or of one cell, and the seed that its runs are reduced to.

        That of a cell looks at as few others as can be.
        """
        setup = self.setup.of(address.path)
        files = tuple(setup.files)
        if files not in self._registries:
            self._registries[files] = setup.load_plugins(self._warn)

        def plan(cells: str | None) -> Plan:
            changed = setup.model_copy(update={"store": store, "cells": cells})
            return self._stored_plan(changed, self._registries[files])

        if address.cell is None:
            return plan(cells), ""
        matrix, where = read_matrix(address.path), str(address.path)
        if matrix.design == "staged":  # its stored runs tell what its later cells are
            plan_of_cells = plan(None)
            if plan_of_cells.to_come:
                where += f" (its search adds up to {plan_of_cells.to_come} more)"
            names = [cell.name for cell in plan_of_cells.cells]
            name, seed = pick_planned(address.cell, names, self._cells, store, where=where)
        else:
            names = [cell.name for cell in cells_of(matrix, setup.overrides)]
            name, seed = pick_planned(address.cell, names, self._cells, store, where=where)
            plan_of_cells = plan(None if '"' in name else f'"{name}"')
        (cell,) = (cell for cell in plan_of_cells.cells if cell.name == name)
        if seed and cell.runs:
            runs = [run for run in cell.runs if str(run.seed) == seed]
            if not runs:
                seeds = [str(run.seed) for run in cell.runs]
                raise unknown("seed", seed, seeds, where=f"{address.path}{BETWEEN}{name}")
            cell = replace(cell, runs=runs)
        return replace(plan_of_cells, cells=[cell]), seed

    def _stored_plan(self, setup: Setup, registry: Registry) -> Plan:
        """Return what is stored of a matrix, its data at hand or not."""
        try:
            return Session(setup, registry, stored_only=True).plan()
        except UsageError as error:
            options = {
                "--set": setup.set.keys() - {"data.dir"},
                "--axis": setup.axes,
                "-k": self.setup.cells,  # those of the set-up may be of an address
            }
            named = ", ".join(option for option, value in options.items() if value)
            if not named:
                raise
            raise UsageError(f"{setup.matrix} with {named}: {error}") from error


def _with_seed(side: Side, seed: str) -> Side:
    """Return a side of one cell whose title tells the seed that it was reduced to, if it was."""
    if not seed:
        return side
    title = f"{side.title} [seed {seed}]"
    return replace(side, title=title, cells=[replace(cell, address=title) for cell in side.cells])


def _find(address: Address, store: Store) -> RunFolder:
    if address.kind == "run":
        return RunFolder(address.path)
    try:
        return store.find(address.text)
    except UsageError as error:
        raise UsageError(
            f"{error}; besides a run, it may be MATRIX{BETWEEN}CELL, MATRIX, STORE{BETWEEN}CELL "
            "or STORE"
        ) from None
