import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mtbench.components.registry import Registry
from mtbench.matrix.configuration import overlay
from mtbench.matrix.file import NamedCell
from mtbench.store import PREDICTIONS, RESULT, Damaged, RunFolder, Store
from mtbench.study.plan import Plan, PlannedCell
from mtbench.study.planner import Planner
from mtbench.study.relatives import Moved, Relatives


@pytest.fixture
def store(trained: Callable[..., RunFolder], tmp_path: Path) -> Store:
    """A store of one run, of the two that are planned."""
    made = trained()
    shutil.copytree(made.path, tmp_path / "runs" / made.key)
    return Store(tmp_path)


@pytest.fixture
def plan(store: Store, small: dict[str, Any]) -> Plan:
    return Planner(Registry.load(), store).plan("a plan", [NamedCell("a", small)], [0, 1])


def checked(plan: Plan) -> Plan:
    return plan.without_damaged(lambda _, run: run.check(PREDICTIONS))


def states(plan: Plan) -> list[tuple[str, str]]:
    return [(run.state, run.damage) for _, run in plan.runs()]


def test_a_look_leaves_what_is_sound_as_it_is(plan: Plan) -> None:
    assert states(plan) == [("done", ""), ("missing", "")]
    assert checked(plan) == plan == plan.refreshed()


def test_a_closer_look_finds_a_byte(plan: Plan) -> None:
    file = plan.cells[0].runs[0].folder.path / PREDICTIONS
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    why = "predictions.npz: not what result.json was written with"

    assert plan.refreshed() == plan
    assert states(checked(plan)) == [("damaged", why), ("missing", "")]
    assert states(plan.refreshed()) == [("damaged", why), ("missing", "")]
    assert [run.seed for _, run in plan.refreshed().to_do()] == [0, 1]


def test_what_became_damaged_says_why(plan: Plan) -> None:
    (plan.cells[0].runs[0].folder.path / RESULT).write_text("")
    assert states(plan.refreshed()) == [("damaged", "result.json: empty"), ("missing", "")]
    assert plan.refreshed().counts()["damaged"] == 1


def test_only_stored_runs_are_looked_at(plan: Plan) -> None:
    looked: list[str] = []

    def look(cell: PlannedCell, folder: RunFolder) -> None:
        looked.append(folder.key)
        raise Damaged(folder.key, "because")

    assert states(plan.without_damaged(look)) == [("damaged", "because"), ("missing", "")]
    assert looked == [plan.cells[0].runs[0].key]


def test_what_was_trained_before_tells_why_a_run_is_missing(
    store: Store, small: dict[str, Any]
) -> None:
    def planned(name: str, changes: dict[str, Any], title: str = "") -> Plan:
        cells = [NamedCell(name, overlay(small, changes))]
        plan = Planner(Registry.load(), store).plan(title, cells, [0, 1])
        return plan.explained(Relatives(store))

    changes = {"train.lr": 0.5, "combiner": "pcgrad"}
    (stored,) = store.keys()

    assert planned("a cell", {}).cells[0].moved == {}
    assert planned("a cell", changes).cells[0].moved == {
        0: Moved(stored, ["config.combiner.name", "config.train.lr", "code.combiner"])
    }
    assert planned("another cell", changes).cells[0].moved == {}
    assert planned("a cell", changes, "another plan").cells[0].moved == {}


def test_a_plan_without_missing_runs_reads_no_other(
    plan: Plan, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = replace(plan, cells=[replace(c, runs=c.runs[:1]) for c in plan.cells])
    monkeypatch.setattr(Store, "keys", None)

    assert done.explained(Relatives(store)) == done
