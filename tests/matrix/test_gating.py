from typing import Any

import pytest

from mtbench.errors import NothingToCompare, UsageError
from mtbench.matrix.gating import Gate
from mtbench.validation import validate


def test_the_overall_is_gated_where_nothing_is_said() -> None:
    gate = Gate()
    assert (gate.mode, gate.metrics, gate.tolerance_of("overall")) == (
        "statistical",
        ["overall"],
        0,
    )


def test_one_tolerance_is_that_of_every_metric() -> None:
    gate = Gate(metrics=["sst", "overall"], tolerance=0.01)
    assert [gate.tolerance_of(metric) for metric in gate.metrics] == [0.01, 0.01]


def test_a_metric_without_a_tolerance_of_its_own_has_none() -> None:
    gate = Gate(metrics=["sst", "overall"], tolerance={"sst": 0.02})
    assert [gate.tolerance_of(metric) for metric in gate.metrics] == [0.02, 0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mode": "exactly"}, r"mode: .*'statistical'.* \(given: 'exactly'\)"),
        ({"metric": ["sst"]}, "unknown key 'metric'; did you mean 'metrics'"),
        ({"metrics": []}, "metrics: .*at least 1 item"),
        ({"tolerance": -0.1}, "greater than or equal to 0"),
        ({"tolerance": {"sst": -0.1}}, "greater than or equal to 0"),
        ({"tolerance": float("inf")}, "finite"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        validate(Gate, given, where="[gate]")


def test_a_metric_that_no_cell_has_is_named() -> None:
    Gate(metrics=["sst"], tolerance={"overall": 1}).check_known({"overall", "sst"})
    for gate in (Gate(metrics=["stt"]), Gate(tolerance={"stt": 0.1})):
        with pytest.raises(NothingToCompare, match=r"unknown metric 'stt' in .* mean 'sst'"):
            gate.check_known({"overall", "sst"})
