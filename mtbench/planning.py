"""The plan of a matrix: the runs that are stored, those to do, those that cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mtbench.attribution import naming
from mtbench.configuration import Config
from mtbench.devices import CPU
from mtbench.errors import (
    Incomplete,
    NothingToCompare,
    PluginError,
    RunsMissing,
    UsageError,
    unknown,
)
from mtbench.identity import Identifier, all_entries
from mtbench.matrix.designs import NamedCell, Stage
from mtbench.refusals import faults
from mtbench.registry import Registry
from mtbench.resolution import Resolved, Resolver, TaskEntry, task_name
from mtbench.store import State, Store, canonical, run_key
from mtbench.tracebacks import show

Cells = Sequence[NamedCell]


@dataclass(frozen=True)
class PlannedRun:
    """A cell with a seed.

    Attributes:
        damage: what is wrong with what is stored of it; empty where nothing is.
    """

    key: str
    seed: int
    state: State
    damage: str = ""


@dataclass(frozen=True)
class PlannedCell:
    """A cell of the plan.

    Attributes:
        config: the resolved configuration; as it was written where the cell is broken.
        tasks: by name; none where the cell is broken.
        runs: one a seed; none where the cell is rejected or broken.
        rejection: why the cell cannot be, or None.
        caveats: what a reader of its scores must know.
        identity: what the runs' keys were made from, seed aside.
        providers: distribution and version behind each component.
        fault: which plugin broke the cell, and how, or which parameter it lacks; or None.
        against: name of the cell that it is compared with; empty for none.
        levels: its place on each axis, by the axis's key; none where it comes of no axes.
    """

    name: str
    note: str
    paper: Mapping[str, float]
    config: Config
    tasks: Mapping[str, TaskEntry]
    runs: Sequence[PlannedRun]
    rejection: str | None
    caveats: Sequence[str]
    identity: Mapping[str, Any]
    providers: Mapping[str, str]
    fault: str | None = None
    against: str = ""
    levels: Mapping[str, str] = field(default_factory=dict)

    @property
    def obstacle(self) -> tuple[Literal["rejected", "broken"], str] | None:
        """Why the cell has no runs: that it makes no sense, or that a part of it is broken."""
        if self.fault is not None:
            return "broken", self.fault
        return ("rejected", self.rejection) if self.rejection is not None else None


@dataclass(frozen=True)
class Plan:
    """The runs of a matrix.

    Attributes:
        device: that they are trained on, such as ``"cuda:1"``.
        design: that made the cells, such as ``"grid"``.
        stages: of a staged search, as far as they can be told.
        to_come: most cells that its later stages can add.
        remarks: what a reader of plan or table must know of the search, or of the reference.
    """

    title: str
    seeds: Sequence[int]
    cells: Sequence[PlannedCell]
    device: str = CPU
    design: str = "grid"
    stages: Sequence[Stage] = ()
    to_come: int = 0
    remarks: Sequence[str] = ()

    def runs(self, *states: State) -> list[tuple[PlannedCell, PlannedRun]]:
        """Return the runs in one of the states, each key once, in the plan's order."""
        seen: dict[str, tuple[PlannedCell, PlannedRun]] = {}
        for cell in self.cells:
            for run in cell.runs:
                if not states or run.state in states:
                    seen.setdefault(run.key, (cell, run))
        return list(seen.values())

    def to_do(self) -> list[tuple[PlannedCell, PlannedRun]]:
        """Return the runs without a score; what failed or is damaged is trained again."""
        return self.runs("missing", "failed", "running", "damaged")

    def check_sound(self) -> None:
        """Make sure that no cell is broken.

        Raises:
            PluginError: naming the plugins, or the parameters that are missing.
        """
        if told := faults([cell.fault for cell in self.cells]):
            raise PluginError(told)

    def check_complete(self) -> None:
        """Make sure that every run of the plan is stored.

        Raises:
            PluginError: if a cell is broken.
            NothingToCompare: if there is no run, because every cell was rejected, or a search
                found no cell to go on with.
            RunsMissing: if a run failed or was not trained.
        """
        counts = self.counts()
        missing = counts["runs"] - counts["stored"]
        damaged = f", {counts['damaged']} damaged" if counts["damaged"] else ""
        unscored = (
            f"{missing} of {counts['runs']} runs have no score ({counts['failed']} failed"
            f"{damaged}); "
            "'mtbench ablate' trains them; 'mtbench status RUN --log' tells why one failed"
        )
        if told := faults([cell.fault for cell in self.cells]):
            raise PluginError(f"{told}; {unscored}" if missing else told)
        if not counts["runs"]:
            raise NothingToCompare("every cell was rejected; the table says why")
        if missing:
            raise RunsMissing(unscored)
        for stage in self.stages:
            if stage.problem:
                raise NothingToCompare(f"the search ends at {stage.axis}: {stage.problem}")

    def counts(self) -> dict[str, int]:
        """Count cells, those without runs by their reason, and runs (each key once) by state."""
        runs = [run.state for _, run in self.runs()]
        return {
            "cells": len(self.cells),
            "rejected": sum(cell.rejection is not None for cell in self.cells),
            "broken": sum(cell.fault is not None for cell in self.cells),
            "runs": len(runs),
            "stored": runs.count("done"),
            "failed": runs.count("failed"),
            "running": runs.count("running"),
            "damaged": runs.count("damaged"),
            "to_do": runs.count("missing"),
        }


class Planner:
    """Makes plans for a device; what cells share (data, checkpoints, sources) is read once."""

    def __init__(self, registry: Registry, store: Store, device: str = CPU) -> None:
        self._resolver = Resolver(registry)
        self._store = store
        self._identifier = Identifier()
        self._device = device

    def plan(self, title: str, cells: Cells, seeds: Sequence[int], *, beside: Cells = ()) -> Plan:
        """Resolve the cells and look up their runs; one that is broken stops no other.

        ``beside`` are further cells of the matrix, which are not planned.

        Raises:
            UsageError: if a cell names something unknown, or data are not where they should be,
                or if every cell is broken and the first one lacks a parameter.
            PluginError: if every cell is broken, the first one by a plugin.
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
    ) -> tuple[list[PlannedCell], list[PluginError | Incomplete]]:
        """Return cells with their runs, and the errors of those that are broken.

        A cell is broken where a plugin raises, or where it lacks a parameter, such as that of one
        level of an axis.

        Raises:
            UsageError: if a cell names something unknown, or data are not where they should be.
        """
        stored = self._store.keys()
        planned: list[PlannedCell] = []
        errors: list[PluginError | Incomplete] = []
        for cell in cells:
            try:
                planned.append(self._plan_cell(cell, seeds, stored))
            except (PluginError, Incomplete) as error:
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
        except Incomplete:
            raise
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


def _broken(cell: NamedCell, error: PluginError | Incomplete) -> PlannedCell:
    """Return a cell that cannot be planned, because a part of it is broken."""
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


def planned_run(store: Store, key: str, seed: int) -> PlannedRun:
    """Look up a run."""
    record = store.run(key).record()
    return PlannedRun(key, seed, record.state, record.damage)


def _providers(resolved: Resolved) -> dict[str, str]:
    return {
        part: f"{entry.provider.distribution} {entry.provider.version}".rstrip()
        for part, entry in all_entries(resolved).items()
    }
