"""Planned runs: the cells and runs of a plan, and what is to be said of them together."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from mtbench.devices import CPU
from mtbench.errors import NothingToCompare, PluginError, RunsMissing, first
from mtbench.matrix.configuration import Config
from mtbench.matrix.designs import NamedCell, Stage
from mtbench.store import Damaged, Identity, RunFolder, State, Store, run_key
from mtbench.study.relatives import Moved, Relatives
from mtbench.study.resolution import Resolved, TaskEntry

TO_DO: tuple[State, ...] = ("missing", "running", "failed", "damaged")
"""States of the runs without a score; what failed or is damaged is trained again."""


@dataclass(frozen=True)
class PlannedRun:
    """A cell with a seed.

    Attributes:
        place: its folder, which need not be there; None where its data are not at hand, and so
            nothing tells its key.
        damage: what is wrong with what is stored of it; empty where nothing is.
    """

    place: RunFolder | None
    seed: int
    state: State
    damage: str = ""

    @property
    def key(self) -> str:
        """Its key; empty where nothing tells it."""
        return "" if self.place is None else self.place.key

    @property
    def folder(self) -> RunFolder:
        """The folder of a run whose data are at hand, or that is stored."""
        assert self.place is not None
        return self.place

    def look(self) -> PlannedRun:
        """Return it with the state that it has by now."""
        if self.place is None:
            return self
        record = self.place.record()
        return replace(self, state=record.state, damage=record.damage)


@dataclass(frozen=True)
class PlannedCell:
    """A cell of the plan.

    Attributes:
        named: the cell as the matrix has it.
        resolved: all that it is made of; None where it is broken.
        runs: one a seed; none where the cell is rejected or broken.
        fault: which plugin broke the cell, and how, or which parameter it lacks; or None.
        caveats: what a reader of its scores must know.
        identified: the identity of a cell that has runs.
        unread: tasks whose data are not at hand, and why. Its runs and identity are then those
            that are stored and agree in all else; without any, nothing is known of their data.
        dispute: why none of the stored runs that agree was taken; empty where there is no
            choice.
        moved: of runs that are missing, by seed, the nearest stored one of this cell's name.
    """

    named: NamedCell
    resolved: Resolved | None
    runs: Sequence[PlannedRun]
    fault: str | None = None
    caveats: Sequence[str] = ()
    identified: Identity | None = None
    unread: Mapping[str, str] = field(default_factory=dict)
    dispute: str = ""
    moved: Mapping[int, Moved] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.named.name

    @property
    def config(self) -> Config:
        """The resolved configuration of a cell that is not broken."""
        assert self.resolved is not None
        return self.resolved.config

    @property
    def tasks(self) -> Mapping[str, TaskEntry]:
        """The tasks by name; none where the cell is broken."""
        return {} if self.resolved is None else self.resolved.tasks

    @property
    def metrics(self) -> dict[str, str]:
        """The primary metric of each task."""
        return {name: task.info.metrics[0] for name, task in self.tasks.items()}

    @property
    def identity(self) -> Identity:
        """What the runs' keys were made from, seed aside, of a cell that has runs."""
        assert self.identified is not None
        return self.identified

    @property
    def rejection(self) -> str | None:
        """Why the cell cannot be, or None."""
        return None if self.resolved is None else self.resolved.rejection

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
        """Return the runs in one of the states, each key once, in the plan's order.

        Runs without a key may be one and the same, and nothing tells.
        """
        seen: dict[str | int, tuple[PlannedCell, PlannedRun]] = {}
        for cell in self.cells:
            for run in cell.runs:
                if not states or run.state in states:
                    seen.setdefault(run.key or id(run), (cell, run))
        return list(seen.values())

    def to_do(self) -> list[tuple[PlannedCell, PlannedRun]]:
        """Return the runs without a score."""
        return self.runs(*TO_DO)

    def refreshed(self) -> Plan:
        """Return the plan with the states that its runs have by now."""
        return self._with_runs(lambda _, run: run.look())

    def without_damaged(self, look: Callable[[PlannedCell, RunFolder], object]) -> Plan:
        """Return it with the stored runs as damaged for which a look raises ``Damaged``."""

        def settle(cell: PlannedCell, run: PlannedRun) -> PlannedRun:
            if run.state == "done":
                try:
                    look(cell, run.folder)
                except Damaged as error:
                    return replace(run, state="damaged", damage=error.reason)
            return run

        return self._with_runs(settle)

    def _with_runs(self, settle: Callable[[PlannedCell, PlannedRun], PlannedRun]) -> Plan:
        cells = [replace(c, runs=[settle(c, run) for run in c.runs]) for c in self.cells]
        return replace(self, cells=cells)

    def explained(self, relatives: Relatives) -> Plan:
        """Return it with what is stored under other keys of the runs that are missing."""

        def explain(cell: PlannedCell) -> PlannedCell:
            moved = {
                run.seed: near
                for run in cell.runs
                if run.state == "missing"
                and (
                    near := relatives.nearest(
                        cell.name, run.seed, cell.identity, matrix=self.title
                    )
                )
            }
            return replace(cell, moved=moved) if moved else cell

        return replace(self, cells=[explain(cell) for cell in self.cells])

    def check_sound(self) -> None:
        """Make sure that no cell is broken.

        Raises:
            PluginError: naming the plugins, or the parameters that are missing.
        """
        if broken := faults([cell.fault for cell in self.cells]):
            raise PluginError(broken)

    def check_complete(self, training: str = "'mtbench ablate'") -> None:
        """Make sure that every run of the plan is stored.

        Args:
            training: the command that trains what is missing.

        Raises:
            PluginError: if a cell is broken.
            NothingToCompare: if there is no run, because every cell was rejected, or a search
                found no cell to go on with.
            RunsMissing: if a run failed or was not trained.
        """
        counts = self.counts()
        missing = counts["to_do"]
        damaged = f", {counts['damaged']} damaged" if counts["damaged"] else ""
        unscored = (
            f"{missing} of {counts['runs']} runs have no score ({counts['failed']} failed"
            f"{damaged}); "
            f"{training} trains them; 'mtbench status RUN --log' tells why one failed"
        )
        if disputed := sum(bool(cell.dispute) for cell in self.cells):
            unscored += f"; of {disputed} cell(s) stored runs fit, and the data tell which"
        if broken := faults([cell.fault for cell in self.cells]):
            raise PluginError(f"{broken}; {unscored}" if missing else broken)
        if not counts["runs"]:
            raise NothingToCompare("every cell was rejected; the table says why")
        if missing:
            raise RunsMissing(unscored)
        for stage in self.stages:
            if stage.problem:
                raise NothingToCompare(f"the search ends at {stage.axis}: {stage.problem}")

    def counts(self) -> dict[str, int]:
        """Count cells, those without runs by their reason, and runs (each key once) by state.

        ``to_do`` is of those without a score, in whatever state: see ``to_do()``.
        """
        runs = [run.state for _, run in self.runs()]
        return {
            "cells": len(self.cells),
            "rejected": sum(cell.rejection is not None for cell in self.cells),
            "broken": sum(cell.fault is not None for cell in self.cells),
            "runs": len(runs),
            "stored": runs.count("done"),
            "to_do": sum(map(runs.count, TO_DO)),
            **{state: runs.count(state) for state in TO_DO},
        }


def faults(cell_faults: Sequence[str | None]) -> str:
    """Say in one line how many of some cells are broken, and by what; empty where none is.

    Args:
        cell_faults: what is wrong with each of them, or None.
    """
    broken = [fault for fault in cell_faults if fault is not None]
    if not broken:
        return ""
    verb = "is" if len(broken) == 1 else "are"
    reasons = first(list(dict.fromkeys(broken)))
    return f"{len(broken)} of {len(cell_faults)} cells {verb} broken: {reasons}"


def planned_runs(
    store: Store, identity: str, seeds: Sequence[int], keys: Container[str]
) -> list[PlannedRun]:
    """Look up the runs of a cell.

    Args:
        identity: the cell's, as text.
        keys: that have a folder in the store.
    """
    runs = [PlannedRun(store.run(run_key(identity, seed)), seed, "missing") for seed in seeds]
    return [run.look() if run.key in keys else run for run in runs]
