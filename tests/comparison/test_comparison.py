from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from mtbench.comparison.comparison import compare, compare_sides, records
from mtbench.comparison.subjects import ComparedCell, Side
from mtbench.errors import NothingToCompare, UsageError

Write = Callable[..., Any]
Cell = Callable[..., ComparedCell]

LABELS = [1, 1, 1, 1]
A = {0: [1, 1, 0, 0], 1: [1, 0, 0, 0]}
B = {0: [1, 1, 1, 0], 1: [1, 1, 1, 0]}


@pytest.fixture
def cell(write_stored: Write) -> Cell:
    """Give a function that stores a cell of one task from its predictions a seed."""

    def write(
        name: str,
        seeds: Mapping[int, Sequence[float]],
        *,
        task: str = "pd",
        labels: Sequence[float] = LABELS,
        metric: str = "accuracy",
        missing: Sequence[int] = (),
    ) -> ComparedCell:
        runs = {
            seed: write_stored({task: (metric, labels, p)}, seed=seed, key=f"{name}-{seed}")
            for seed, p in seeds.items()
        }
        return ComparedCell(name, f"m::{name}", runs, missing)

    return write


def test_common_seeds_are_compared_in_pairs(cell: Cell) -> None:
    found = compare(cell("a", A), cell("b", {1: B[1], 0: B[0], 7: [0, 0, 0, 0]}))
    pd, overall = records(found)
    assert found.seeds == [(0, 0), (1, 1)]
    assert (pd["a"], pd["b"], pd["difference"]) == (0.375, 0.75, pytest.approx(0.375))
    # Error sqrt(11 / 192) with 2.31 degrees of freedom, as in test_differences: t = 3.79.
    assert pd["low"] == pytest.approx(-0.5325, abs=5e-5)
    assert pd["high"] == pytest.approx(1.2825, abs=5e-5)
    assert (pd["seeds"], pd["examples"], pd["over"]) == (2, 4, "seeds and examples")
    assert (pd["lost"], pd["won"]) == (0, 1)  # e2; e1 in one seed of two
    assert overall["difference"] == pd["difference"]
    assert found.remarks == ["seeds that only B has, not compared: 7"]


def test_one_seed_speaks_of_a_checkpoint_only(cell: Cell) -> None:
    found = compare(cell("a", A), cell("b", {0: B[0]}))
    assert found.over == "examples, this checkpoint only"
    assert found.remarks[0].startswith("one run each (seed 0): the intervals are over examples")
    assert "seeds that only A has, not compared: 1" in found.remarks


def test_two_runs_of_different_seeds_are_two_checkpoints(cell: Cell) -> None:
    found = compare(cell("a", {0: A[0]}), cell("b", {1: B[1]}))
    assert found.seeds == [(0, 1)]
    assert found.over == "examples, this checkpoint only"
    assert "(seeds 0 and 1, which differ)" in found.remarks[0]
    assert found.flips[0].counts == {"both": 2, "a": 0, "b": 1, "none": 1}


def test_without_a_common_seed_they_are_independent_samples(cell: Cell) -> None:
    found = compare(cell("a", A), cell("b", {2: B[0], 3: B[1]}))
    assert (found.seeds, found.flips, found.pairing) == ([], [], None)
    assert found.overall.interval is not None
    assert found.overall.interval.estimate == pytest.approx(0.375)
    assert found.remarks[0].startswith("no seed in common (A: 0, 1; B: 2, 3)")
    assert not found.identical


def test_one_run_beside_others_of_other_seeds_is_nothing_to_compare(cell: Cell) -> None:
    with pytest.raises(NothingToCompare, match="no seed in common: 5 of m::a; 0, 1 of m::b"):
        compare(cell("a", {5: A[0]}), cell("b", B))


def test_no_task_in_common_is_nothing_to_compare(cell: Cell) -> None:
    with pytest.raises(NothingToCompare, match="no task in common: pd of m::a; sst of m::b"):
        compare(cell("a", A), cell("b", B, task="sst"))


def test_a_cell_against_itself_is_identical(cell: Cell) -> None:
    a = cell("a", A)
    found = compare(a, a)
    assert found.identical
    assert [(r["identical"], r["difference"], r["p"]) for r in records(found)] == [
        (True, 0.0, 1.0),
        (True, 0.0, 1.0),
    ]
    assert found.remarks == ["A and B are the same stored runs"]


def test_other_cells_of_the_same_predictions_are_identical_too(cell: Cell) -> None:
    found = compare(cell("a", A, missing=[2]), cell("b", A))
    assert found.identical
    assert found.remarks == ["seeds of A without a score: 2"]


def test_an_undefined_score_is_no_zero(cell: Cell) -> None:
    labels = [1, 2, 3, 4]
    a = cell("a", {0: [2, 2, 2, 2]}, metric="pearson", labels=labels)
    b = cell("b", {0: labels}, metric="pearson", labels=labels)
    sides = compare_sides(Side("a", [a], True), Side("b", [b], True))
    sts, _ = records(sides.pairs[0])
    assert (sts["a"], sts["b"], sts["difference"]) == (None, pytest.approx(1), None)
    assert sts["reason"].startswith("undefined")
    with pytest.raises(NothingToCompare, match="no score can be compared: undefined"):
        sides.check_compared()


# --- two sides of many cells ------------------------------------------------------------------


def test_cells_are_paired_by_name(cell: Cell) -> None:
    same, a, b, alone = cell("x", A), cell("y", A), cell("z", B), cell("w", A)
    renamed = ComparedCell("y", "n::y", b.runs)
    found = compare_sides(
        Side("m", [same, a, alone], absent={"v": "rejected: no"}), Side("n", [renamed, same])
    )
    assert [(pair.a.name, pair.b.name) for pair in found.pairs] == [("x", "x"), ("y", "y")]
    assert (found.only_a, found.only_b) == (["w"], [])
    assert found.absent == {"v": "rejected: no"}
    p = found.pairs[1].overall.interval
    assert p is not None
    assert found.adjusted == [1.0, pytest.approx(min(1, 2 * p.p))]
    found.check_compared()


def test_a_single_cell_is_compared_with_that_of_its_name(cell: Cell) -> None:
    a, b = cell("a", A), cell("b", B)
    found = compare_sides(Side("a run", [a], True), Side("m", [b, a]))
    assert found.single
    assert found.pairs[0].b is a
    with pytest.raises(UsageError, match="unknown cell 'a' in m"):
        compare_sides(Side("m", [b]), Side("a run", [a], True))


def test_a_pair_that_cannot_be_is_told_and_stops_no_other(cell: Cell) -> None:
    x, y, other = cell("x", A), cell("y", A), cell("z", B, task="sst")
    found = compare_sides(Side("m", [x, y]), Side("n", [x, ComparedCell("y", "n::y", other.runs)]))
    assert [pair.a.name for pair in found.pairs] == ["x"]
    assert found.absent["y"].startswith("no task in common")


def test_no_cell_in_common_is_nothing_to_compare(cell: Cell) -> None:
    with pytest.raises(NothingToCompare, match="m and n have no cell to compare"):
        compare_sides(Side("m", [cell("a", A)]), Side("n", [cell("b", B)]))
