from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from mtbench.components.registry import Registry
from mtbench.evidence.pairing import unpaired
from mtbench.matrix.configuration import overlay
from mtbench.matrix.file import NamedCell
from mtbench.runs.runner import execute
from mtbench.store import REQUEST, Result, Store
from mtbench.store.records import Hashes
from mtbench.study.plan import PlannedCell
from mtbench.study.planner import Planner
from mtbench.study.requests import request
from mtbench.system.files import write_json

SEEDS = (0, 1)
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "other head": {"heads.sts": "relu-cosine"},
    "other balancer": {"balancer": "proportional", "heads.sst.dropout": 0.5},
    "less data": {"data.fraction": 0.5},
    "wider": {"encoder.width": 8},
}

Results = dict[str, Result]


@pytest.fixture(scope="module")
def grid(
    tmp_path_factory: pytest.TempPathFactory, small: Mapping[str, Any]
) -> tuple[Sequence[PlannedCell], Results]:
    """Cells that were really trained, one step each, and the results of their runs."""
    store = Store(tmp_path_factory.mktemp("grid"))
    base = overlay(small, {"train.steps": 1})
    named = [NamedCell(name, overlay(base, change)) for name, change in CHANGES.items()]
    plan = Planner(Registry.load(), store).plan("a grid", named, SEEDS)
    results: Results = {}
    for cell, run in plan.to_do():
        folder = store.create(run.key)
        write_json(folder.path / REQUEST, request(cell, run, []).model_dump())
        execute(folder)
        results[run.key] = folder.result()
    return plan.cells, results


@pytest.fixture
def cells(grid: tuple[Sequence[PlannedCell], Results]) -> Sequence[PlannedCell]:
    return grid[0]


@pytest.fixture
def results(grid: tuple[Sequence[PlannedCell], Results]) -> Results:
    return deepcopy(grid[1])


def hashes(results: Results, cells: Sequence[PlannedCell], name: str, seed: int) -> Hashes:
    (cell,) = (cell for cell in cells if cell.name == name)
    return results[cell.runs[SEEDS.index(seed)].key].hashes


def test_a_grid_is_paired(cells: Sequence[PlannedCell], results: Results) -> None:
    assert len(results) == len(CHANGES) * len(SEEDS)
    assert list(unpaired(cells, results)) == []


def test_where_nothing_else_differs_the_digests_are_equal(
    cells: Sequence[PlannedCell], results: Results
) -> None:
    """What the check compares is there, and a seed is not the other."""
    plain = hashes(results, cells, "plain", 0)
    other = hashes(results, cells, "other balancer", 0)
    assert plain.initial_weights == other.initial_weights
    assert plain.order == other.order
    assert set(plain.order) == {"sst", "pd", "sts"}
    again = hashes(results, cells, "plain", 1)
    assert plain.initial_weights["encoder"] != again.initial_weights["encoder"]
    assert plain.order["sst"] != again.order["sst"]


def test_what_differs_by_its_configuration_is_not_compared(
    cells: Sequence[PlannedCell], results: Results
) -> None:
    plain = hashes(results, cells, "plain", 0)
    head, data, wide = (
        hashes(results, cells, name, 0) for name in ("other head", "less data", "wider")
    )
    assert head.initial_weights["heads.sts"] != plain.initial_weights["heads.sts"]
    assert data.order != plain.order
    assert wide.initial_weights["encoder"] != plain.initial_weights["encoder"]
    assert wide.initial_weights["heads.sst"] != plain.initial_weights["heads.sst"]
    assert list(unpaired(cells, results)) == []


def test_other_first_weights_are_found(cells: Sequence[PlannedCell], results: Results) -> None:
    hashes(results, cells, "less data", 1).initial_weights["encoder"] = "tampered"

    assert list(unpaired(cells, results)) == [
        "not paired: less data differs from plain in the first weights of encoder (seed 1)"
    ]


def test_another_order_is_found(cells: Sequence[PlannedCell], results: Results) -> None:
    for seed in SEEDS:
        for name in ("other head", "wider"):
            hashes(results, cells, name, seed).order["pd"] = f"tampered {seed}"

    assert list(unpaired(cells, results)) == [
        "not paired: other head; wider differ from plain in the order of the data of pd "
        "(seeds 0, 1)"
    ]


def test_dropout_does_not_excuse_other_first_weights(
    cells: Sequence[PlannedCell], results: Results
) -> None:
    hashes(results, cells, "other balancer", 0).initial_weights["heads.sst"] = "tampered"

    (remark,) = unpaired(cells, results)
    assert "other balancer differs from plain in the first weights of heads.sst" in remark


def test_a_head_is_held_against_its_like_only(
    cells: Sequence[PlannedCell], results: Results
) -> None:
    for name in ("other head", "wider"):
        hashes(results, cells, name, 0).initial_weights["heads.sts"] = "tampered"

    assert list(unpaired(cells, results)) == []


def test_a_rejected_cell_is_passed_over(
    tmp_path: Path, small: Mapping[str, Any], cells: Sequence[PlannedCell], results: Results
) -> None:
    named = NamedCell("rejected", overlay(small, {"heads.sst": "relu-cosine"}))
    plan = Planner(Registry.load(), Store(tmp_path)).plan("a plan", [named], SEEDS)
    assert plan.cells[0].rejection

    assert list(unpaired([*plan.cells, *cells], results)) == []
