"""Run states: what has become of a plan's runs since it was made, and on a closer look."""

from collections.abc import Callable
from dataclasses import replace

from mtbench.store import PREDICTIONS, Damaged, RunFolder
from mtbench.study.plan import Plan, PlannedCell, PlannedRun
from mtbench.study.relatives import Relatives


def refreshed(plan: Plan) -> Plan:
    """Return the plan with the states that its runs have by now."""
    return _with_runs(plan, PlannedRun.look)


def checked(plan: Plan) -> Plan:
    """Return the plan after the predictions of its stored runs were held against their digests."""
    return without_damaged(plan, lambda folder: folder.check(PREDICTIONS))


def without_damaged(plan: Plan, look: Callable[[RunFolder], object]) -> Plan:
    """Return the plan with the stored runs as damaged for which a look raises ``Damaged``."""

    def settle(run: PlannedRun) -> PlannedRun:
        if run.state == "done":
            try:
                look(run.folder)
            except Damaged as error:
                return replace(run, state="damaged", damage=error.reason)
        return run

    return _with_runs(plan, settle)


def explained(plan: Plan, relatives: Relatives) -> Plan:
    """Return the plan with what is stored under other keys of the runs that are missing."""

    def explain(cell: PlannedCell) -> PlannedCell:
        moved = {
            run.seed: near
            for run in cell.runs
            if run.state == "missing"
            and (near := relatives.nearest(cell.name, run.seed, cell.identity, matrix=plan.title))
        }
        return replace(cell, moved=moved) if moved else cell

    return replace(plan, cells=[explain(cell) for cell in plan.cells])


def _with_runs(plan: Plan, settle: Callable[[PlannedRun], PlannedRun]) -> Plan:
    cells = [replace(cell, runs=[settle(run) for run in cell.runs]) for cell in plan.cells]
    return replace(plan, cells=cells)
