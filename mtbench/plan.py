"""The plan of a matrix: the runs that are stored, those to do, those that cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mtbench.configuration import Config
from mtbench.devices import CPU
from mtbench.errors import NothingToCompare, RunsMissing, UsageError, unknown
from mtbench.identity import Identifier, all_entries, canonical, run_key
from mtbench.matrix import NamedCell
from mtbench.registry import Registry
from mtbench.resolution import Resolved, Resolver, TaskEntry
from mtbench.store import State, Store


@dataclass(frozen=True)
class PlannedRun:
    """A cell with a seed."""

    key: str
    seed: int
    state: State


@dataclass(frozen=True)
class PlannedCell:
    """A cell of the plan.

    Attributes:
        config: the resolved configuration.
        runs: one a seed; none where the cell is rejected.
        rejection: why the cell cannot be, or None.
        caveat: what a reader of its scores must know, or None.
        identity: what the runs' keys were made from, seed aside.
        providers: distribution and version behind each component.
    """

    name: str
    note: str
    paper: Mapping[str, float]
    config: Config
    tasks: Mapping[str, TaskEntry]
    runs: Sequence[PlannedRun]
    rejection: str | None
    caveat: str | None
    identity: Mapping[str, Any]
    providers: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """The runs of a matrix.

    Attributes:
        device: that they are trained on, such as ``"cuda:1"``.
    """

    title: str
    seeds: Sequence[int]
    cells: Sequence[PlannedCell]
    device: str = CPU

    def runs(self, *states: State) -> list[tuple[PlannedCell, PlannedRun]]:
        """Return the runs in one of the states, each key once, in the plan's order."""
        seen: dict[str, tuple[PlannedCell, PlannedRun]] = {}
        for cell in self.cells:
            for run in cell.runs:
                if not states or run.state in states:
                    seen.setdefault(run.key, (cell, run))
        return list(seen.values())

    def to_do(self) -> list[tuple[PlannedCell, PlannedRun]]:
        """Return the runs without a score; a failed one is tried again."""
        return self.runs("missing", "failed", "running")

    def check_complete(self) -> None:
        """Make sure that every run of the plan is stored.

        Raises:
            NothingToCompare: if there is no run, because every cell was rejected.
            RunsMissing: if a run failed or was not trained.
        """
        counts = self.counts()
        if not counts["runs"]:
            raise NothingToCompare("every cell was rejected; the table says why")
        missing = counts["runs"] - counts["stored"]
        if missing:
            raise RunsMissing(
                f"{missing} of {counts['runs']} runs have no score ({counts['failed']} failed); "
                "'mtbench ablate' trains them; 'mtbench status RUN --log' tells why one failed"
            )

    def counts(self) -> dict[str, int]:
        """Count cells, the cells that cannot be, and runs (each key once) by state."""
        runs = [run.state for _, run in self.runs()]
        return {
            "cells": len(self.cells),
            "rejected": sum(cell.rejection is not None for cell in self.cells),
            "runs": len(runs),
            "stored": runs.count("done"),
            "failed": runs.count("failed"),
            "running": runs.count("running"),
            "to_do": runs.count("missing"),
        }


class Planner:
    """Makes plans for a device; what cells share (data, checkpoints, sources) is read once."""

    def __init__(self, registry: Registry, store: Store, device: str = CPU) -> None:
        self._resolver = Resolver(registry)
        self._store = store
        self._identifier = Identifier()
        self._device = device

    def plan(self, title: str, cells: Sequence[NamedCell], seeds: Sequence[int]) -> Plan:
        """Resolve the cells and look up their runs.

        Raises:
            UsageError: if a cell names something unknown, or data are not where they should be.
            PluginError: if a plugin that is needed is broken.
        """
        stored = self._store.keys()
        planned = [self._plan_cell(cell, seeds, stored) for cell in cells]
        _check_task_names(cells, planned)
        return Plan(title, list(seeds), planned, self._device)

    def _plan_cell(self, cell: NamedCell, seeds: Sequence[int], stored: set[str]) -> PlannedCell:
        try:
            resolved = self._resolver.resolve(cell.config)
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
                PlannedRun(key, seed, self._store.run(key).state() if key in stored else "missing")
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
            caveat=resolved.caveat,
            identity=identity,
            providers=_providers(resolved),
        )


def _check_task_names(cells: Sequence[NamedCell], planned: Sequence[PlannedCell]) -> None:
    """Refuse a head or a published score for a task that is in no cell: nothing would use it."""
    tasks = {task for cell in planned for task in cell.tasks}
    for cell in cells:
        for name in cell.config.get("heads", {}):
            if name not in tasks:
                raise unknown("task", name, tasks, where="heads")
        for name in cell.paper:
            if name not in {*tasks, "overall"}:
                raise unknown("task", name, {*tasks, "overall"}, where=f"paper of {cell.name!r}")


def refreshed(plan: Plan, store: Store) -> Plan:
    """Return the plan with the states that its runs have by now."""
    return replace(
        plan,
        cells=[
            replace(
                cell,
                runs=[replace(run, state=store.run(run.key).state()) for run in cell.runs],
            )
            for cell in plan.cells
        ],
    )


def _providers(resolved: Resolved) -> dict[str, str]:
    return {
        part: f"{entry.provider.distribution} {entry.provider.version}".rstrip()
        for part, entry in all_entries(resolved).items()
    }
