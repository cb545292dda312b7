"""Obstacles: why a cell cannot be held against a baseline, told before anything is trained."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from mtbench.devices import type_of
from mtbench.evidence.outcomes import OVERALL
from mtbench.gate.baseline import Baseline, Measured
from mtbench.gate.regression import unfit_seeds
from mtbench.gate.verdicts import Verdict
from mtbench.matrix.gating import Gate
from mtbench.study.plan import Plan, PlannedCell
from mtbench.study.resolution import task_name


class Obstacle(NamedTuple):
    """The verdict on all metrics of a cell, and why."""

    verdict: Verdict
    reason: str


def obstacles(plan: Plan, then: Baseline, gate: Gate) -> dict[str, Obstacle]:
    """Return the cells that cannot be compared, whatever their runs give, by name.

    A cell that the matrix rejects and the baseline has not is none of them: there is nothing to
    measure.
    """
    return {
        name: obstacle
        for name, cell, was in both_sides(plan.cells, then.cells)
        if (obstacle := _obstacle(cell, was, plan, then, gate)) is not None
    }


def both_sides(
    cells: Iterable[PlannedCell], then: Mapping[str, Measured]
) -> Iterator[tuple[str, PlannedCell | None, Measured | None]]:
    """Yield each cell as it is planned and as it was measured: first those that were."""
    planned = {cell.name: cell for cell in cells}
    for name in dict.fromkeys([*then, *planned]):
        yield name, planned.get(name), then.get(name)


def own_metrics(cell: PlannedCell | None, was: Measured | None, gate: Gate) -> list[str]:
    """Return the gated metrics that a cell has or had, measured or not."""
    tasks = set(was.outcomes.tasks) if was else set()
    if cell is not None:  # a broken one too
        tasks |= {task_name(task) for task in cell.named.config["tasks"]}
    return [metric for metric in gate.metrics if metric == OVERALL or metric in tasks]


def ungated(plan: Plan, then: Mapping[str, Measured], gate: Gate) -> list[str]:
    """Name the cells that have none of the gated metrics; those rejected are not looked at."""
    cells = [cell for cell in plan.cells if cell.rejection is None]
    return [
        name for name, cell, was in both_sides(cells, then) if not own_metrics(cell, was, gate)
    ]


def missing(plan: Plan) -> dict[str, Obstacle]:
    """Return the cells that have not all their runs, by name."""
    incomplete = {}
    for cell in plan.cells:
        waiting = [run for run in cell.runs if run.state != "done"]
        if waiting:
            run = waiting[0]
            words = f"is {run.state}"
            if run.state == "failed" and (failure := run.folder.record().failure):
                words = f"failed: {failure.error}"
            elif run.damage:
                words += f": {run.damage}"
            unscored = f"; {len(waiting)} of {len(cell.runs)} runs have no score"
            incomplete[cell.name] = Obstacle("missing", f"seed {run.seed} {words}{unscored}")
    return incomplete


def _obstacle(
    cell: PlannedCell | None, was: Measured | None, plan: Plan, then: Baseline, gate: Gate
) -> Obstacle | None:
    if cell is None and plan.to_come:
        return Obstacle("incomparable", "in the baseline, and the search has not come to it")
    if cell is None:
        return Obstacle("incomparable", "in the baseline, and not in the matrix")
    if cell.fault is not None:
        return Obstacle("broken", cell.fault)
    if cell.rejection is not None:
        return Obstacle("incomparable", f"rejected: {cell.rejection}") if was else None
    if was is None:
        return Obstacle(
            "incomparable", "not in the baseline; 'mtbench check MATRIX --update' adds it"
        )
    reason = next(_reasons(cell, was, plan, then, gate), None)
    return Obstacle("incomparable", reason) if reason else None


def _reasons(
    cell: PlannedCell, was: Measured, plan: Plan, then: Baseline, gate: Gate
) -> Iterator[str]:
    """Yield what keeps two measurements of a cell from being compared."""
    if type_of(plan.device) != then.device:
        yield f"measured on {plan.device} now, on {then.device} in the baseline"
    if changed := _changed(cell.identity.data, was.data):
        yield f"the data changed: {changed}"
    if unfit := unfit_seeds(gate.mode, [run.seed for run in cell.runs], was.outcomes.seeds):
        yield unfit


def _changed(now: Mapping[str, Mapping[str, str]], then: Mapping[str, Mapping[str, str]]) -> str:
    """Return the tasks and splits whose fingerprints differ, in words; empty for none."""
    parts = []
    for task in dict.fromkeys([*then, *now]):
        was, is_now = then.get(task, {}), now.get(task, {})
        if splits := [s for s in dict.fromkeys([*was, *is_now]) if was.get(s) != is_now.get(s)]:
            parts.append(f"{task} ({', '.join(splits)})")
    return ", ".join(parts)
