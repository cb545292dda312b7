import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mtbench.components.registry import Registry
from mtbench.errors import PluginError
from mtbench.matrix.file import cells, read_matrix
from mtbench.protocols import Balancer, Step
from mtbench.specs import resolve
from mtbench.study.schedule import batch_sizes, evaluation_steps, schedule

REAL_SIZES = {"sst": 8544, "pd": 40601, "sts": 6040}


class Fixed:
    """Yields the same steps every epoch, and remembers what it was given."""

    def __init__(self, *steps: Step) -> None:
        self.given: list[tuple[dict[str, int], float]] = []
        self._steps = steps

    def steps(
        self,
        sizes: Mapping[str, int],
        batch_sizes: Mapping[str, int],
        progress: float,
        rng: random.Random,
    ) -> Iterator[Step]:
        self.given.append((dict(batch_sizes), progress))
        yield from self._steps


def laid_out(
    balancer: Balancer, sizes: Mapping[str, int] | None = None, **train: Any
) -> list[Step]:
    section = {"batch_size": 4, "steps": None, "epochs": None, **train}
    return schedule(balancer, sizes or {"a": 6, "b": 9}, section, random.Random(0))


def built_in(name: str) -> Balancer:
    """Return a balancer without parameters."""
    balancer: Balancer = resolve(Registry.load().find("balancer", name).spec.target)(None)
    return balancer


# --- budgets ----------------------------------------------------------------------------------

ONE, TWO, THREE = {"a": 1}, {"a": 2}, {"b": 3}


def test_epochs_are_taken_whole() -> None:
    balancer = Fixed(ONE, TWO, THREE)

    assert laid_out(balancer, epochs=2) == [ONE, TWO, THREE] * 2
    assert [progress for _, progress in balancer.given] == [0, 0.5]


def test_a_budget_of_steps_ends_within_an_epoch() -> None:
    balancer = Fixed(ONE, TWO, THREE)

    assert laid_out(balancer, steps=5) == [ONE, TWO, THREE, ONE, TWO]
    assert [progress for _, progress in balancer.given] == [0, 0.6]


def test_a_budget_of_steps_that_ends_with_an_epoch_begins_no_other() -> None:
    balancer = Fixed(ONE, TWO, THREE)

    assert len(laid_out(balancer, steps=3)) == 3
    assert len(balancer.given) == 1


def test_a_balancer_without_an_end_fits_a_budget_of_steps() -> None:
    class Endless(Fixed):
        def steps(self, *given: Any) -> Iterator[Step]:
            while True:
                yield ONE

    assert laid_out(Endless(), steps=7) == [ONE] * 7


def test_one_batch_size_for_all_tasks_or_one_each() -> None:
    sizes = {"a": 6, "b": 9}

    assert batch_sizes({"batch_size": 4}, sizes) == {"a": 4, "b": 4}
    assert batch_sizes({"batch_size": {"b": 1, "a": 2, "c": 3}}, sizes) == {"a": 2, "b": 1}


def test_a_balancer_is_told_the_batch_sizes() -> None:
    balancer = Fixed(ONE)

    laid_out(balancer, steps=1, batch_size={"a": 2, "b": 5})

    assert balancer.given == [({"a": 2, "b": 5}, 0)]


@pytest.mark.parametrize("budget", [{"steps": 2}, {"epochs": 3}], ids=["steps", "epochs"])
def test_a_balancer_that_asks_is_told_the_budget_before_the_first_epoch(
    budget: dict[str, int],
) -> None:
    class Paced(Fixed):
        def begin(self, *, steps: int | None, epochs: int | None) -> None:
            assert self.given == []
            self.budget = {"steps": steps, "epochs": epochs}

    balancer = Paced(ONE)

    laid_out(balancer, **budget)

    assert balancer.budget == {"steps": None, "epochs": None} | budget


def test_a_step_is_kept_as_it_was_given() -> None:
    class Reusing(Fixed):
        def steps(self, *given: Any) -> Iterator[Step]:
            step = {}
            for count in (1, 2):
                step["a"] = count
                yield step

    assert laid_out(Reusing(), epochs=1) == [ONE, TWO]


# --- faults of a balancer ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([], "the balancer gave an epoch without a step"),
        ([{}], "the balancer gave a step without a task"),
        ([ONE, {"c": 1}], "the balancer gave 1 examples of 'c' in a step"),
        ([{"a": 1, "b": 0}], "the balancer gave 0 examples of 'b' in a step"),
        ([{"a": -1}], "the balancer gave -1 examples of 'a' in a step"),
    ],
)
@pytest.mark.parametrize("budget", [{"epochs": 2}, {"steps": 5}], ids=["epochs", "steps"])
def test_a_balancer_at_fault(steps: list[Step], reason: str, budget: dict[str, int]) -> None:
    with pytest.raises(PluginError) as caught:
        laid_out(Fixed(*steps), **budget)

    assert str(caught.value) == reason


# --- evaluations ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total", "evaluations", "after"),
    [
        (10, 1, {10}),
        (10, 2, {5, 10}),
        (10, 3, {3, 7, 10}),
        (1, 1, {1}),
        (3, 3, {1, 2, 3}),
        (2, 5, {1, 2}),
        (2, 10**12, {1, 2}),
    ],
)
def test_evaluations_are_evenly_spaced_and_the_last_is_at_the_end(
    total: int, evaluations: int, after: set[int]
) -> None:
    assert evaluation_steps(total, evaluations) == after


# --- the paper's ladder -----------------------------------------------------------------------


def test_steps_5_and_6_of_the_paper_see_different_batches(root: Path) -> None:
    ladder = cells(read_matrix(root / "leaderboards" / "paper" / "matrix.toml"))
    laid = []
    for cell in ladder[4:6]:
        train = cell.config["train"]
        balancer = built_in(cell.config["balancer"]["name"])
        laid.append(
            laid_out(balancer, REAL_SIZES, batch_size=train["batch_size"], epochs=train["epochs"])
        )

    unbalanced, balanced = laid
    assert [cell.config["balancer"]["name"] for cell in ladder[4:6]] == ["round-robin", "cycle"]
    assert len(unbalanced) == len(balanced) == 5076  # 40,601 pairs in batches of 8
    assert [sum("sts" in step for step in steps) for steps in laid] == [755, 5076]
    assert [sum("sst" in step for step in steps) for steps in laid] == [1068, 5076]
    assert unbalanced[:755] == balanced[:755]
    assert unbalanced[755] == {"sst": 8, "pd": 8}
    assert balanced[755] == {"sst": 8, "pd": 8, "sts": 8}
