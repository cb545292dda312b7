from mtbench.components.registry import Registry
from mtbench.testing.conformance import CHECKS, Outcome, Status
from mtbench.testing.reports import Report


def report(*statuses: Status) -> Report:
    entry = Registry.load().find("head", "linear")
    outcomes = (Outcome(*each, "so") for each in zip(CHECKS["head"], statuses, strict=False))
    return Report(entry, tuple(outcomes))


def test_a_report_of_each_outcome() -> None:
    made = report("passed", "failed", "expected failure", "expected failure", "not run")
    assert made.failed
    assert made.summary() == "1 passed, 1 failed, 2 expected failures, 1 not run"
    check = CHECKS["head"][1]
    assert made.rows()[1] == {
        "check": check.name,
        "meaning": check.meaning,
        "outcome": "failed",
        "message": "so",
    }
    record = made.record()
    who = (record["kind"], record["name"], record["distribution"])
    assert who == ("head", "linear", "mtl-bench")
    assert record["counts"] == {
        "passed": 1,
        "failed": 1,
        "expected failure": 2,
        "not applicable": 0,
        "not run": 1,
    }
    assert record["checks"] == made.rows()


def test_what_is_zero_and_no_news_is_left_out() -> None:
    made = report("passed", "expected failure")
    assert not made.failed
    assert made.summary() == "1 passed, 0 failed, 1 expected failure"
    assert report().summary() == "0 passed, 0 failed"
