"""The baseline: what a study measured, to be held against what it measures later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from mtbench.devices import type_of
from mtbench.errors import NothingToCompare
from mtbench.evidence.outcomes import CellOutcomes, TaskOutcomes, cell_outcomes
from mtbench.evidence.statistics import Sample
from mtbench.matrix.gating import Gate
from mtbench.study.plan import Plan, PlannedCell


@dataclass(frozen=True)
class Measured:
    """A cell, as it was measured.

    Attributes:
        outcomes: of its runs.
        keys: of the runs, one a seed.
        data: fingerprints of its data, a task and split.
    """

    outcomes: CellOutcomes
    keys: Sequence[str]
    data: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Baseline:
    """What a study measured.

    Attributes:
        date: on which it was written, in UTC.
        device: type of the device.
        environment: versions of packages, the machine, and what else moves the last digits there;
            several values of one are joined.
        gate: the settings at that time.
        cells: by name.
        matrix_file: the origin (``matrix.origin``) of one that was read.
    """

    title: str
    date: str
    device: str
    environment: Mapping[str, str]
    gate: Gate
    cells: Mapping[str, Measured]
    matrix_file: str = ""


def measured(cell: PlannedCell) -> Measured | None:
    """Return what the stored runs of a cell measured, or None where none is stored.

    Outcomes are rounded as the file rounds them, so that what did not change is equal to it.
    """
    of_dev = cell_outcomes(cell)
    if of_dev is None:
        return None
    tasks = {
        name: TaskOutcomes(task.metric, task.examples, task.sample and rounded(task.sample))
        for name, task in of_dev.tasks.items()
    }
    keys = [run.key for run in cell.runs if run.state == "done"]
    return Measured(CellOutcomes(of_dev.name, of_dev.seeds, tasks), keys, cell.identity.data)


def rounded(sample: Sample) -> Sample:
    """Return a sample with its outcomes as 32-bit floats hold them."""
    return Sample(sample.scores, sample.outcomes.astype(np.float32).astype(np.float64))


def current(plan: Plan, gate: Gate) -> Baseline:
    """Return what the stored runs of a plan make a baseline of; cells without runs are left out.

    Raises:
        NothingToCompare: if no cell has runs.
    """
    made = {cell.name: measured(cell) for cell in plan.cells}
    cells = {name: cell for name, cell in made.items() if cell is not None}
    if not cells:
        raise NothingToCompare("no run is stored, so there is no baseline")
    today = datetime.now(UTC).date().isoformat()
    return Baseline(plan.title, today, type_of(plan.device), environment(plan), gate, cells)


def environment(plan: Plan) -> dict[str, str]:
    """Return what the stored runs of a plan were trained with: versions, machine, arithmetic."""
    values: dict[str, set[str]] = {}
    for _, run in plan.runs("done"):
        record = run.folder.record()
        if record.request is None or record.result is None:
            continue  # it has been found to be damaged
        for part in (record.request.versions, record.request.machine, record.result.arithmetic):
            for name, value in part.items():
                values.setdefault(name, set()).add(str(value))
    return {name: " or ".join(sorted(several)) for name, several in sorted(values.items())}
