from collections.abc import Mapping

import numpy as np
import pytest

from mtbench.board.ranking import detectable, pairwise, peers, ranks
from mtbench.evidence.outcomes import CellOutcomes, TaskOutcomes
from mtbench.evidence.statistics import Interval, Sample

Rows = list[list[float]]


def cell(tasks: Mapping[str, Rows | None], examples: str = "dev") -> CellOutcomes:
    """Return a cell whose runs, one a row, made this of each task's examples."""
    found = {}
    for name, rows in tasks.items():
        outcomes = None if rows is None else np.array(rows)
        sample = None if outcomes is None else Sample(outcomes.mean(axis=1), outcomes)
        found[name] = TaskOutcomes("accuracy", examples, sample)
    seeds = next((len(rows) for rows in tasks.values() if rows), 2)
    return CellOutcomes("a cell", list(range(seeds)), found)


ROWS = [[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]


def test_the_most_cells_of_a_kind_are_peers() -> None:
    both, one = cell({"a": ROWS, "b": ROWS}), cell({"a": ROWS})

    assert peers([one, both, None, both, one, both]) == [1, 3, 5]
    assert peers([one, both]) == [0]
    assert peers([None]) == peers([]) == []


def test_cells_of_other_examples_and_undefined_ones_are_no_peers() -> None:
    other, undefined = cell({"a": ROWS}, "other"), cell({"a": None})

    assert peers([other, undefined, cell({"a": ROWS}), cell({"a": ROWS})]) == [2, 3]


def test_differences_are_of_the_earlier_minus_the_later() -> None:
    low, high = cell({"a": [[0.0, 0.0, 1.0]] * 2}), cell({"a": [[1.0, 1.0, 1.0]] * 2})

    ((_, difference), (same, itself)) = pairwise([low, high])

    assert difference is not None
    assert difference.estimate == pytest.approx(-2 / 3)
    assert (same, itself) == (None, None)


def certain(estimate: float, *, seeds: int = 2, error: float = 0.001) -> Interval:
    return Interval(estimate, error, 1e6, seeds, 100)


def test_a_cell_that_is_told_apart_from_all_has_one_rank() -> None:
    pairs = [
        [None, certain(0.5), certain(0.5)],
        [None, None, certain(0.0)],
        [None, None, None],
    ]

    assert ranks(pairs) == [(1, 1), (2, 3), (2, 3)]


@pytest.mark.parametrize("pairs", [[], [[None]], [[None, certain(0.5, seeds=1)], [None, None]]])
def test_one_seed_or_one_cell_is_not_ranked(pairs: list[list[Interval | None]]) -> None:
    assert ranks(pairs) is None
    assert detectable(pairs) is None


def test_the_detectable_difference_is_that_of_a_typical_pair() -> None:
    pairs = [
        [None, certain(0.5, error=0.01), certain(0.5, error=0.0)],
        [None, None, certain(0.0, error=0.03)],
        [None, None, None],
    ]

    # (1.960 + 0.842) times the error, with so many degrees of freedom.
    assert detectable(pairs) == pytest.approx(2.8016 * 0.02, abs=1e-5)
