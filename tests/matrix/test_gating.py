from typing import Any

import pytest

from mtbench.components.validation import validate
from mtbench.errors import NothingToCompare, UsageError
from mtbench.matrix.gating import Gate


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
        ({"tolerance": {"overall": -0.1}}, "greater than or equal to 0"),
        ({"tolerance": float("inf")}, "finite"),
        ({"tolerance": float("nan")}, r"\[gate\]: tolerance.* \(given: nan\)"),
        ({"tolerance": True}, r"^\[gate\]: tolerance: a boolean is no number \(given: True\)$"),
        (
            {"tolerance": {"overall": True}},
            r"^\[gate\]: tolerance\.overall: a boolean is no number \(given: True\)$",
        ),
        (
            {"tolerance": 1},
            r"^\[gate\]: tolerance: a metric is 1 at best, so that a tolerance of 1 or more would "
            r"pass a score of 0 \(given: 1\)$",
        ),
        ({"tolerance": {"overall": 1.5}}, r"tolerance: a metric is 1 .* \(given: 1\.5\)$"),
        (
            {"metrics": ["sst", "overall"], "tolerance": {"overall": 0.1, "ssst": 0.1}},
            r"^\[gate\]: unknown gated metric 'ssst' in tolerance; did you mean 'sst'\? "
            r"\(known: overall, sst\)$",
        ),
        ({"tolerance": {"sst": 0.1}}, r"unknown gated metric 'sst' .* \(known: overall\)$"),
        ({"metrics": ["sst", "overall", "sst"]}, "metrics: a metric is given twice"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        validate(Gate, given, where="[gate]")


def test_a_metric_that_no_cell_has_is_named() -> None:
    Gate(metrics=["sst"]).check_known({"overall", "sst"})
    with pytest.raises(NothingToCompare, match=r"unknown metric 'stt' in .* mean 'sst'"):
        Gate(metrics=["stt"]).check_known({"overall", "sst"})


def test_a_tolerance_just_below_1_is_one() -> None:
    assert Gate(tolerance=0.999).tolerance_of("overall") == 0.999
