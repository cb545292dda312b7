from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mtbench.errors import NothingToCompare, RunsMissing
from mtbench.matrix.designs import NamedCell
from mtbench.store import RunFolder, State
from mtbench.study.plan import Plan, PlannedCell, PlannedRun, faults


def resolved(rejection: str | None = None) -> Any:
    return SimpleNamespace(rejection=rejection)


def plan_of(*states: State, rejection: str | None = None) -> Plan:
    """Return a plan of one cell whose runs have these states, and one that may be rejected."""
    runs = [PlannedRun(RunFolder(Path(f"key {n}")), n, state) for n, state in enumerate(states)]
    cells = [
        PlannedCell(NamedCell(name, {}), resolved(why), of_cell)
        for name, of_cell, why in (("a", runs, None), ("b", [], rejection))
    ]
    return Plan("a plan", range(len(states)), cells)


def test_a_complete_plan() -> None:
    plan_of("done", "done", rejection="it makes no sense").check_complete()

    with pytest.raises(RunsMissing, match=r"1 of 2 runs have no score \(0 failed\)"):
        plan_of("done", "missing").check_complete()


def test_a_failed_run_is_missing_from_a_plan() -> None:
    with pytest.raises(RunsMissing, match=r"2 of 2 runs have no score \(1 failed\)"):
        plan_of("failed", "missing").check_complete()


def test_runs_in_dispute_are_settled_by_the_data() -> None:
    plan = plan_of("missing")
    cells = [replace(cell, dispute="which?") for cell in plan.cells]

    with pytest.raises(
        RunsMissing, match=r"; of 2 cell\(s\) stored runs fit, and the data tell which"
    ):
        replace(plan, cells=cells).check_complete()


def test_a_plan_without_runs() -> None:
    with pytest.raises(NothingToCompare, match="every cell was rejected"):
        plan_of(rejection="it makes no sense").check_complete()


def test_of_many_faults_the_first_are_told() -> None:
    found = [None, "a", "b", "a", "c", "d", "e"]

    assert faults(found) == "6 of 7 cells are broken: a; b; c; and 2 more"
    assert faults([None, None]) == ""


def test_a_run_of_two_cells_counts_once_and_those_without_a_key_each() -> None:
    once = PlannedRun(RunFolder(Path("key")), 0, "missing")
    without_key = [PlannedRun(None, seed, "missing") for seed in (0, 0)]
    cells = [PlannedCell(NamedCell("a", {}), resolved(), [run]) for run in (once, *without_key)]
    cells += cells[:1]

    plan = Plan("a plan", [0], cells)

    assert plan.counts()["runs"] == plan.counts()["to_do"] == 3
    assert [run.key for _, run in plan.to_do()] == ["key", "", ""]
