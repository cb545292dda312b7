from collections.abc import Callable
from typing import Any

import pytest

from mtbench.board.costs import Cost, cost, gaps, trained
from mtbench.store import Result

Make = Callable[..., Result]


@pytest.fixture
def result(a_result: Callable[..., Any]) -> Make:
    """Give a function that returns a result that cost so much."""

    def make(steps: int, sts: int, *, peak: float | None = 100.0, **fields: Any) -> Result:
        spent = a_result().cost.model_dump() | {"steps": steps, "peak_memory_mb": peak} | fields
        spent["examples"] = {"sst": 8, "sts": sts}
        spent["seconds"] |= {"total": 60.0 * steps}
        scores = {
            "train": {"sst": {"accuracy": 0.9}, "sts": {"pearson": None if sts else 0.5}},
            "dev": {"sst": {"accuracy": 0.1 * steps}, "sts": {"pearson": 0.7}},
        }
        made: Result = a_result(cost=spent, scores=scores)
        return made

    return make


def test_costs_are_means_over_the_runs(result: Make) -> None:
    assert cost([]) is None
    assert cost([result(1, 0), result(2, 4, peak=200.0)]) == Cost(
        1.5, {"sst": 8.0, "sts": 2.0}, 1.5, 150.0, None
    )


def test_memory_is_unknown_where_one_run_does_not_tell(result: Make) -> None:
    found = cost([result(1, 0, peak_device_memory_mb=5.0), result(1, 0, peak=None)])

    assert found is not None
    assert (found.peak_mb, found.peak_device_mb) == (None, None)


def test_a_task_is_trained_where_any_run_did(result: Make) -> None:
    assert trained([result(1, 0), result(1, 0)]) == {"sst"}
    assert trained([result(1, 0), result(1, 2)]) == {"sst", "sts"}
    assert trained([]) == set()


def test_gaps_are_train_minus_dev(result: Make) -> None:
    metrics = {"sst": "accuracy", "sts": "pearson"}

    first = gaps([result(1, 0), result(3, 0)], metrics)
    undefined = gaps([result(1, 0), result(1, 1)], metrics)

    assert first == pytest.approx({"sst": 0.7, "sts": -0.2})
    assert undefined["sts"] is None
    assert gaps([], metrics) == {"sst": None, "sts": None}
