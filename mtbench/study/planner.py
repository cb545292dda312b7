"""Planning: a matrix's cells to the runs that are stored, those to do, those that cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mtbench.components.attribution import naming
from mtbench.components.registry import Registry
from mtbench.data import holds_nothing
from mtbench.devices import CPU
from mtbench.errors import Incomplete, MtbenchError, PluginError, UsageError, unknown
from mtbench.matrix.designs import NamedCell
from mtbench.store import Store
from mtbench.study.identity import Identifier
from mtbench.study.plan import Plan, PlannedCell, PlannedRun, planned_runs
from mtbench.study.relatives import Relatives
from mtbench.study.resolution import Resolver, task_name
from mtbench.study.unchecked import nearest, with_stored_data
from mtbench.system.tracebacks import show

Cells = Sequence[NamedCell]

STORED = "; 'mtbench leaderboard' shows what is stored without them"
"""Of data that are not at hand, where a command needs them."""


class Planner:
    """Makes plans for a device; what cells share (data, checkpoints, sources) is read once.

    Args:
        stored_only: whether the plan only shows what is stored. Cells whose data are not at hand
            then have the stored runs that agree in all else, where there are any for some cell.
        named_folder: whether the data folder was named for this one plan. One that is not there,
            or has no data of any task, is then a mistake.
    """

    def __init__(
        self,
        registry: Registry,
        store: Store,
        device: str = CPU,
        *,
        stored_only: bool = False,
        named_folder: bool = False,
    ) -> None:
        self._resolver = Resolver(registry)
        self._store = store
        self._identifier = Identifier()
        self._device = device
        self._relatives = Relatives(store) if stored_only else None
        self._took_stored_data = False
        self._named_folder = named_folder

    def plan(self, title: str, cells: Cells, seeds: Sequence[int], *, beside: Cells = ()) -> Plan:
        """Resolve the cells and look up their runs; one that is broken stops no other.

        ``beside`` are further cells of the matrix, which are not planned.

        Raises:
            UsageError: if a cell names something unknown, or data are not where they should be,
                or if every cell is broken and the first one lacks a parameter.
            PluginError: if every cell is broken, the first one by a plugin.
        """
        planned, errors = self.look_up(cells, seeds, beside=beside)
        if errors and len(errors) == len(cells):
            raise errors[0]
        for different in {str(error): error for error in errors}.values():
            show(different)
        _check_task_names(cells, beside)
        return Plan(title, list(seeds), planned, self._device)

    def look_up(
        self, cells: Cells, seeds: Sequence[int], *, beside: Cells = ()
    ) -> tuple[list[PlannedCell], list[PluginError | Incomplete]]:
        """Return cells with their runs, and the errors of those that are broken.

        A cell is broken where a plugin raises, or where it lacks a parameter, such as that of one
        level of an axis.

        Where data are not at hand, stored runs may be those of a cell ``beside``.

        Raises:
            UsageError: if a cell names something unknown, or data are not where they should be.
        """
        if self._relatives is None:
            return self._plan_cells(cells, seeds)
        planned, errors = self._plan_cells(cells, seeds, without_data=True)
        if unread := [cell for cell in planned if cell.unread]:
            if self._named_folder and _lie_elsewhere(unread):
                return self._plan_cells(cells, seeds)
            besides = self._plan_others(cells, seeds, beside)
            planned = with_stored_data(planned, seeds, self._relatives, besides)
            self._took_stored_data |= any(
                cell.dispute or any(run.state != "missing" for run in cell.runs)
                for cell in planned
                if cell.unread
            )
            if not self._took_stored_data:
                try:
                    return self._plan_cells(cells, seeds)
                except UsageError as error:
                    near = nearest(planned, seeds, self._relatives)
                    raise UsageError(f"{error}{near}") from error
        return planned, errors

    def _plan_others(self, cells: Cells, seeds: Sequence[int], beside: Cells) -> list[PlannedCell]:
        """Return the cells beside some, as far as they can be planned."""
        names = {cell.name for cell in cells}
        stored = self._store.keys()
        planned = []
        for cell in beside:
            if cell.name not in names:
                with suppress(MtbenchError):
                    planned.append(self._plan_cell(cell, seeds, stored, without_data=True))
        return planned

    def _plan_cells(
        self, cells: Cells, seeds: Sequence[int], *, without_data: bool = False
    ) -> tuple[list[PlannedCell], list[PluginError | Incomplete]]:
        stored = self._store.keys()
        planned: list[PlannedCell] = []
        errors: list[PluginError | Incomplete] = []
        for cell in cells:
            try:
                planned.append(self._plan_cell(cell, seeds, stored, without_data=without_data))
            except (PluginError, Incomplete) as error:
                errors.append(error)
                planned.append(PlannedCell(cell, None, [], str(error)))
        return planned, errors

    def _plan_cell(
        self, cell: NamedCell, seeds: Sequence[int], stored: set[str], *, without_data: bool
    ) -> PlannedCell:
        unread: Mapping[str, str] = {}
        try:
            resolved = self._resolver.resolve(cell.config)
            if resolved.rejection:
                return PlannedCell(cell, resolved, [])
            with naming(resolved.all_entries):
                unread = self._identifier.absent_data(resolved)
                identity, text = self._identifier.identity(
                    resolved, self._device, without=unread if without_data else ()
                )
        except Incomplete:
            raise
        except UsageError as error:
            hint = STORED if unread and stored and self._relatives is None else ""
            raise UsageError(f"cell {cell.name!r}: {error}{hint}") from error
        if unread:  # what the keys are made from is not known
            runs = [PlannedRun(None, seed, "missing") for seed in seeds]
        else:
            runs = planned_runs(self._store, text, seeds, stored)
        caveats = resolved.caveats()
        return PlannedCell(
            cell, resolved, runs, caveats=caveats, identified=identity, unread=unread
        )


def _lie_elsewhere(cells: Sequence[PlannedCell]) -> bool:
    """Whether no data of cells are in their folder."""
    tasks = [task.task for cell in cells for task in cell.tasks.values()]
    folder = cells[0].config["data"]["dir"]
    return folder is not None and holds_nothing(Path(folder), tasks)


def _check_task_names(cells: Cells, beside: Cells) -> None:
    """Refuse a head or a published score for a task that is in no cell: nothing would use it."""
    lists = {id(cell.config["tasks"]): cell.config["tasks"] for cell in [*cells, *beside]}
    tasks = {task_name(task) for tasks in lists.values() for task in tasks}
    for cell in cells:
        for name in cell.config.get("heads", {}):
            if name not in tasks:
                raise unknown("task", name, tasks, where="heads")
        for name in cell.paper:
            if name not in {*tasks, "overall"}:
                raise unknown("task", name, {*tasks, "overall"}, where=f"paper of {cell.name!r}")
