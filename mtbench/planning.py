"""Planning: a matrix's cells to the runs that are stored, those to do, those that cannot be."""

from __future__ import annotations

from collections.abc import Sequence

from mtbench.attribution import naming
from mtbench.devices import CPU
from mtbench.errors import PluginError, UsageError, unknown
from mtbench.identity import Identifier, all_entries
from mtbench.matrix.designs import NamedCell
from mtbench.planned_runs import Plan, PlannedCell, PlannedRun, planned_run
from mtbench.registry import Registry
from mtbench.resolution import Resolved, Resolver, task_name
from mtbench.store import Store, canonical, run_key
from mtbench.tracebacks import show

Cells = Sequence[NamedCell]


class Planner:
    """Makes plans for a device; what cells share (data, checkpoints, sources) is read once."""

    def __init__(self, registry: Registry, store: Store, device: str = CPU) -> None:
        self._resolver = Resolver(registry)
        self._store = store
        self._identifier = Identifier()
        self._device = device

    def plan(self, title: str, cells: Cells, seeds: Sequence[int], *, beside: Cells = ()) -> Plan:
        """Resolve the cells and look up their runs; a cell that a plugin breaks stops no other.

        ``beside`` are further cells of the matrix, which are not planned.

        Raises:
            UsageError: if a cell names something unknown, or data are not where they should be.
            PluginError: if plugins break every cell; it is that of the first one.
        """
        planned, errors = self.look_up(cells, seeds)
        if errors and len(errors) == len(cells):
            raise errors[0]
        for different in {str(error): error for error in errors}.values():
            show(different)
        _check_task_names(cells, beside)
        return Plan(title, list(seeds), planned, self._device)

    def look_up(
        self, cells: Sequence[NamedCell], seeds: Sequence[int]
    ) -> tuple[list[PlannedCell], list[PluginError]]:
        """Return cells with their runs, and what plugins raised in those that they break.

        Raises:
            UsageError: if a cell names something unknown, or data are not where they should be.
        """
        stored = self._store.keys()
        planned: list[PlannedCell] = []
        errors: list[PluginError] = []
        for cell in cells:
            try:
                planned.append(self._plan_cell(cell, seeds, stored))
            except PluginError as error:
                errors.append(error)
                planned.append(_broken(cell, error))
        return planned, errors

    def _plan_cell(self, cell: NamedCell, seeds: Sequence[int], stored: set[str]) -> PlannedCell:
        try:
            resolved = self._resolver.resolve(cell.config)
            with naming(all_entries(resolved)):
                identity = (
                    {} if resolved.rejection else self._identifier.identity(resolved, self._device)
                )
        except UsageError as error:
            raise UsageError(f"cell {cell.name!r}: {error}") from error
        runs = []
        if not resolved.rejection:
            text = canonical(identity)
            keys = [(seed, run_key(text, seed)) for seed in seeds]
            runs = [
                planned_run(self._store, key, seed)
                if key in stored
                else PlannedRun(key, seed, "missing")
                for seed, key in keys
            ]
        return PlannedCell(
            name=cell.name,
            note=cell.note,
            paper=cell.paper,
            config=resolved.config,
            tasks=resolved.tasks,
            runs=runs,
            rejection=resolved.rejection,
            caveats=resolved.caveats(),
            identity=identity,
            providers=_providers(resolved),
            against=cell.against,
            levels=cell.levels,
        )


def _broken(cell: NamedCell, error: PluginError) -> PlannedCell:
    """Return a cell that cannot be planned, because a plugin that it needs is broken."""
    return PlannedCell(
        name=cell.name,
        note=cell.note,
        paper=cell.paper,
        config=cell.config,
        tasks={},
        runs=[],
        rejection=None,
        caveats=[],
        identity={},
        providers={},
        fault=str(error),
        against=cell.against,
        levels=cell.levels,
    )


def _check_task_names(cells: Cells, beside: Cells) -> None:
    """Refuse a head or a published score for a task that is in no cell: nothing would use it."""
    tasks = {task_name(task) for cell in [*cells, *beside] for task in cell.config["tasks"]}
    for cell in cells:
        for name in cell.config.get("heads", {}):
            if name not in tasks:
                raise unknown("task", name, tasks, where="heads")
        for name in cell.paper:
            if name not in {*tasks, "overall"}:
                raise unknown("task", name, {*tasks, "overall"}, where=f"paper of {cell.name!r}")


def _providers(resolved: Resolved) -> dict[str, str]:
    return {
        part: f"{entry.provider.distribution} {entry.provider.version}".rstrip()
        for part, entry in all_entries(resolved).items()
    }
