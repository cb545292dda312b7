from dataclasses import replace
from pathlib import Path

import pytest

from mtbench.evidence.outcomes import CellOutcomes, TaskOutcomes
from mtbench.gate.baseline import Baseline, Measured
from mtbench.gate.baseline_files import read
from mtbench.gate.obstacles import Obstacle, missing, obstacles, own_metrics, ungated
from mtbench.matrix.designs import NamedCell
from mtbench.matrix.file import read_matrix
from mtbench.matrix.gating import Gate
from mtbench.store import Failure, Store
from mtbench.study.plan import Plan, PlannedCell
from mtbench.study.setup import Setup
from mtbench.study.study import Session

MATRIX = """
seeds = 2
[base]
tasks = ["sample-sst", "sample-sts"]
[axes]
"heads.sample-sst" = ["linear", "cosine"]
"""
LINEAR, REJECTED = "heads.sample-sst=linear", "heads.sample-sst=cosine"
EXACT = Gate(mode="exact")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def plan(tmp_path: Path, store: Store) -> Plan:
    (tmp_path / "matrix.toml").write_text(MATRIX)
    return Session(Setup(tmp_path, store=store, device="cpu")).plan()


@pytest.fixture
def then(plan: Plan) -> Baseline:
    """The baseline of the plan: the cell that is not rejected, with its two seeds."""
    cell = Measured(CellOutcomes(LINEAR, [0, 1], {}), [], plan.cells[0].identity.data)
    return Baseline("a study", "2026-01-02", "cpu", {}, Gate(), {LINEAR: cell})


@pytest.mark.parametrize("gate", [Gate(), EXACT])
def test_nothing_is_in_the_way(plan: Plan, then: Baseline, gate: Gate) -> None:
    """A cell that is rejected, and never was measured, is none of the gate's business."""
    assert obstacles(plan, then, gate) == {}


def changed(then: Baseline, data: dict[str, dict[str, str]]) -> Baseline:
    return replace(then, cells={LINEAR: replace(then.cells[LINEAR], data=data)})


def test_changed_data_name_their_tasks_and_splits(plan: Plan, then: Baseline) -> None:
    data = {task: dict(splits) for task, splits in then.cells[LINEAR].data.items()}
    data["sample-sst"] |= {"dev": "0"}
    data["gone"] = {"train": "1"}
    assert obstacles(plan, changed(then, data), Gate()) == {
        LINEAR: Obstacle("incomparable", "the data changed: sample-sst (dev), gone (train)")
    }


def test_another_device(plan: Plan, then: Baseline) -> None:
    (found,) = obstacles(plan, replace(then, device="cuda"), Gate()).values()
    assert found == ("incomparable", "measured on cpu now, on cuda in the baseline")
    on_a_card = replace(plan, device="cuda:1")
    assert obstacles(on_a_card, replace(then, device="cuda"), Gate()) == {}


def test_cells_of_one_side(plan: Plan, then: Baseline) -> None:
    assert obstacles(plan, replace(then, cells={}), Gate()) == {
        LINEAR: ("incomparable", "not in the baseline; 'mtbench check MATRIX --update' adds it")
    }
    without = replace(plan, cells=[])
    assert obstacles(without, then, Gate()) == {
        LINEAR: ("incomparable", "in the baseline, and not in the matrix")
    }


def test_a_measured_cell_that_is_rejected_now(plan: Plan, then: Baseline) -> None:
    both = replace(then, cells={**then.cells, REJECTED: then.cells[LINEAR]})
    found = obstacles(plan, both, Gate())
    assert list(found) == [REJECTED]
    assert found[REJECTED].reason.startswith("rejected: heads.sample-sst")


def test_a_broken_plugin(plan: Plan, then: Baseline) -> None:
    broken = replace(plan, cells=[replace(plan.cells[0], fault="plugin x: no")])
    assert obstacles(broken, then, Gate()) == {LINEAR: ("broken", "plugin x: no")}


def test_a_cell_has_the_metrics_of_its_tasks_then_and_now(plan: Plan, then: Baseline) -> None:
    cell, was = plan.cells[0], then.cells[LINEAR]
    gate = Gate(metrics=["sample-sts", "overall", "other"])
    assert own_metrics(cell, None, gate) == ["sample-sts", "overall"]
    broken = PlannedCell(NamedCell("a", {"tasks": ["sample-sts"]}), None, [], "no")
    assert own_metrics(broken, None, gate) == ["sample-sts", "overall"]
    other = TaskOutcomes("accuracy", "0", None)
    had = replace(was, outcomes=replace(was.outcomes, tasks={"other": other}))
    assert own_metrics(cell, had, gate) == gate.metrics
    assert own_metrics(None, had, gate) == ["overall", "other"]


def test_cells_that_no_metric_gates(plan: Plan, then: Baseline) -> None:
    assert ungated(plan, then.cells, Gate(metrics=["sample-sts"])) == []
    assert ungated(plan, {}, Gate(metrics=["other"])) == [LINEAR]  # not the one that is rejected


def test_seeds_that_do_not_fit(plan: Plan, then: Baseline) -> None:
    cell = then.cells[LINEAR]
    wider = replace(cell, outcomes=replace(cell.outcomes, seeds=[0, 1, 2]))
    more = replace(then, cells={LINEAR: wider})
    assert obstacles(plan, more, Gate()) == {}
    assert obstacles(plan, more, EXACT)[LINEAR].reason == (
        "other seeds 0, 1 now, 0, 1, 2 in the baseline"
    )


def test_runs_that_are_missing(plan: Plan, store: Store) -> None:
    assert missing(plan) == {LINEAR: ("missing", "seed 0 is missing; 2 of 2 runs have no score")}
    first, second = plan.cells[0].runs
    store.create(second.key).end(Failure(error="NaN", traceback=""))
    runs = [replace(first, state="done"), replace(second, state="failed")]
    partly = replace(plan, cells=[replace(plan.cells[0], runs=runs)])
    assert missing(partly) == {
        LINEAR: ("missing", "seed 1 failed: NaN; 1 of 2 runs have no score")
    }


def test_the_smoke_study_fits_its_baseline(root: Path, store: Store) -> None:
    folder = root / "leaderboards" / "smoke"
    gate = read_matrix(folder).gate
    found = read(folder)
    assert found.gate == gate
    assert obstacles(Session(Setup(folder, store=store, device="cpu")).plan(), found, gate) == {}
