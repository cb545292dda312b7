"""Addresses: what the sides of a comparison are called: a run, a cell, a matrix, a store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mtbench.comparison.subjects import (
    Side,
    of_plan,
    of_planned_cell,
    of_run,
    of_store,
    of_stored_cell,
)
from mtbench.devices import CPU
from mtbench.errors import NothingToCompare, UsageError, unknown
from mtbench.filtering import name_filter
from mtbench.matrix.file import cells, read_matrix
from mtbench.matrix.overrides import NO_OVERRIDES, Overrides
from mtbench.planned_runs import Plan
from mtbench.registry import Registry
from mtbench.store import REQUEST, RunFolder, Store
from mtbench.study import make_plan

BETWEEN = "::"
"""Parts a place from the cell in it, as in the node ids of pytest."""


@dataclass(frozen=True)
class Reader:
    """Finds what addresses name.

    Attributes:
        registry: gives the plugins for a matrix, of which it is given the path.
        overrides, expression, device: for matrices; the expression is for stores too.
        plugins: gives the plugin files for a matrix, or for the working directory.
    """

    registry: Callable[[Path], Registry]
    overrides: Overrides = NO_OVERRIDES
    expression: str | None = None
    device: str = CPU
    plugins: Callable[[Path], Sequence[Path]] = lambda _: ()

    def both(
        self, a: str, b: str, store: Store, store_b: Store | None = None
    ) -> tuple[Side, Side]:
        """Return the sides of a comparison; a ``b`` that starts with ``::`` is in ``a``'s place.

        Args:
            store: where runs, and those of a matrix, lie.
            store_b: the same for ``b``, where it is another one.

        Raises:
            UsageError, PluginError, NothingToCompare: as for ``side``; a ``UsageError`` too if
                there are overrides, and no matrix that they could lie over.
        """
        if b.startswith(BETWEEN):
            b = a.partition(BETWEEN)[0] + b
        laid_over = self.overrides
        changes = laid_over.set.keys() - {"data.dir"} or laid_over.axes or laid_over.seeds
        if changes and not (_names_matrix(a) or _names_matrix(b)):
            raise UsageError(
                "--set, --axis and --seeds change how a matrix is read, and neither "
                f"{a!r} nor {b!r} names one"
            )
        return self.side(a, store), self.side(b, store_b or store)

    def side(self, address: str, store: Store) -> Side:
        """Return what an address names.

        Args:
            address: ``MATRIX::CELL`` or ``STORE::CELL``, one cell; ``MATRIX`` (a file, or the
                folder of a ``matrix.toml``) or ``STORE`` (a folder that holds ``runs/``), all
                cells; else a run: the start of its key, or its folder.
            store: where runs, and those of a matrix, lie.

        Raises:
            UsageError: if there is no such thing.
            PluginError: if a plugin broke the one cell that is asked for.
            NothingToCompare: if nothing of that cell or run is stored.
        """
        matrix = Path(address.partition(BETWEEN)[0]) if _names_matrix(address) else Path()
        found = self._side(address, store)
        cells = [replace(cell, plugins=self.plugins(matrix)) for cell in found.cells]
        return replace(found, cells=cells)

    def _side(self, address: str, store: Store) -> Side:
        place, between, cell = address.partition(BETWEEN)
        path = Path(place)
        if _is_store(path):
            fits = None if self.expression is None else name_filter(self.expression)
            return of_stored_cell(Store(path), cell) if between else of_store(Store(path), fits)
        if between:
            return of_planned_cell(self._plan_cell(path, store, cell), store, place)
        if (path / REQUEST).is_file():
            return of_run(RunFolder(path.resolve()))
        if _names_matrix(address):
            return of_plan(self._plan(path, store, self.expression), store, place)
        return of_run(_find(address, store))

    def _plan(self, matrix: Path, store: Store, expression: str | None) -> Plan:
        registry = self.registry(matrix)
        try:
            return make_plan(
                matrix,
                registry,
                store,
                self.overrides,
                expression,
                device=self.device,
                stored_only=True,
            )
        except UsageError as error:
            given = {
                "--set": self.overrides.set.keys() - {"data.dir"},
                "--axis": self.overrides.axes,
                "-k": self.expression,
            }
            options = ", ".join(option for option, value in given.items() if value)
            if not options:
                raise
            raise UsageError(f"{matrix} with {options}: {error}") from error

    def _plan_cell(self, matrix: Path, store: Store, name: str) -> Plan:
        """Return the plan of one cell; it looks at as few others as can be."""
        names = [cell.name for cell in cells(read_matrix(matrix), self.overrides)]
        if name not in names:
            raise unknown("cell", name, names, where=str(matrix))
        plan = self._plan(matrix, store, None if '"' in name else f'"{name}"')
        return replace(plan, cells=[cell for cell in plan.cells if cell.name == name])


def _is_store(path: Path) -> bool:
    return (path / "runs").is_dir() and not (path / "matrix.toml").is_file()


def _names_matrix(address: str) -> bool:
    place, between, _ = address.partition(BETWEEN)
    path = Path(place)
    if _is_store(path) or (path / REQUEST).is_file():
        return False
    return bool(between) or path.exists() or path.suffix == ".toml"


def _find(key: str, store: Store) -> RunFolder:
    try:
        return store.find(key)
    except UsageError as error:
        raise UsageError(
            f"{error}; besides a run, what is compared may be MATRIX{BETWEEN}CELL, MATRIX, "
            f"STORE{BETWEEN}CELL or STORE"
        ) from None


def check_cells(side: Side) -> None:
    """Make sure that something of a side is stored.

    Raises:
        NothingToCompare: if nothing is.
    """
    if not side.cells:
        told = "; ".join(f"{name}: {reason}" for name, reason in [*side.absent.items()][:3])
        raise NothingToCompare(
            f"nothing of {side.title} is stored" + (f" ({told})" if told else "")
        )
