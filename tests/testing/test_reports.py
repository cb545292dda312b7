import sys
from collections.abc import Callable

import pytest

from mtbench.testing.checks import Check, Subject
from mtbench.testing.conformance import Outcome
from mtbench.testing.reports import Report


def outcome(name: str, status: str, message: str = "") -> Outcome:
    return Outcome(Check("head", name, f"it is {name}", lambda subject: None), status, message)


def report(subject_of: Callable[..., Subject], *outcomes: Outcome) -> Report:
    return Report(subject_of("head", object).entry, outcomes)


def test_a_report_of_each_outcome(subject_of: Callable[..., Subject]) -> None:
    made = report(
        subject_of,
        outcome("tall", "passed"),
        outcome("wide", "failed", "expected 2; came 1"),
        outcome("deep", "expected failure", "it is flat"),
        outcome("high", "expected failure", "it is flat"),
    )
    assert made.failed
    assert made.summary() == "1 passed, 1 failed, 2 expected failures"
    assert made.rows()[1] == {
        "check": "wide",
        "meaning": "it is wide",
        "outcome": "failed",
        "message": "expected 2; came 1",
    }
    record = made.record()
    assert (record["kind"], record["name"], record["distribution"]) == ("head", "made", "tests")
    assert record["counts"] == {
        "passed": 1,
        "failed": 1,
        "expected failure": 2,
        "not applicable": 0,
    }
    assert record["checks"] == made.rows()


def test_what_is_zero_and_no_news_is_left_out(subject_of: Callable[..., Subject]) -> None:
    made = report(subject_of, outcome("tall", "passed"), outcome("high", "expected failure"))
    assert not made.failed
    assert made.summary() == "1 passed, 0 failed, 1 expected failure"
    assert report(subject_of).summary() == "0 passed, 0 failed"


def test_outcomes_are_told_as_they_come(
    subject_of: Callable[..., Subject], capsys: pytest.CaptureFixture[str]
) -> None:
    class Loud:
        def __init__(self, parameters: object) -> None:
            sys.stdout.write("built\n")

    entry = subject_of("balancer", Loud).entry
    told: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        told.append(outcome)
        sys.stdout.write("told\n")

    made = Report.of(entry, parameters={}, tell=tell)
    assert tuple(told) == made.outcomes
    out, err = capsys.readouterr()
    assert set(out.splitlines()) == {"told"}
    assert "built" in err.splitlines()
