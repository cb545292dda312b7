"""The kit itself: that it tells a failure from what is expected, and from what builds on one."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event, Thread

import pytest

from mtbench.components.entries import Entry
from mtbench.components.registry import Registry
from mtbench.errors import PluginError
from mtbench.testing.checks import Check, NotApplicable, Subject, always
from mtbench.testing.conformance import CHECKS, Examination, Outcome, Report, Status, outcome_of

ALL = sum(map(len, CHECKS.values()))


def balancer(**changes: object) -> Entry:
    entry = Registry.load().find("balancer", "cycle")
    return replace(entry, spec=replace(entry.spec, **changes))


def examined(entry: Entry, **statuses: Status) -> dict[str, tuple[str, str]]:
    """Return what comes of a component whose checks pass but for some, by name."""

    def judge(check: Check) -> Outcome:
        return Outcome(check, statuses.get(check.name.replace("-", "_"), "passed"), "expected so")

    return {o.check.name: (o.status, o.message) for o in Examination(Subject.of(entry), judge)}


def test_what_builds_on_a_failure_is_not_run() -> None:
    outcomes = examined(balancer(), steps_are_sound="failed")
    first, *rest = outcomes.values()
    assert first == ("failed", "expected so")
    assert set(rest) == {("not run", "it builds on 'steps-are-sound', which failed")}
    assert len(rest) == len(CHECKS["balancer"]) - 1


def test_others_are_run_all_the_same() -> None:
    outcomes = examined(balancer(), covers="failed", goes_on="not applicable")
    assert [o for o, (status, _) in outcomes.items() if status != "passed"] == [
        "covers",
        "goes-on",
    ]


def test_a_failure_that_is_expected() -> None:
    entry = balancer(expected_failures={"steps-are-sound": "it is a ghost", "covers": "it is"})
    outcomes = examined(entry, steps_are_sound="failed")
    assert outcomes["steps-are-sound"] == ("expected failure", "it is a ghost")
    assert outcomes["covers"] == ("failed", "it passes, though a failure was expected: it is")
    assert outcomes["goes-on"] == ("passed", "expected so")


def test_an_expected_failure_of_no_check() -> None:
    with pytest.raises(PluginError, match="expects to fail 'covesr', no check; did you mean"):
        examined(balancer(expected_failures={"covesr": ""}))


@pytest.fixture
def outcome() -> Iterator[Callable[..., Outcome]]:
    """Give a function that runs a check made of a function; a thread of its may wait."""

    def run(function: Callable[[Subject], None]) -> Outcome:
        check = Check("balancer", "is-so", "it is so", function, always, basic=False)
        return outcome_of(check, Subject.of(balancer()))

    return run


def test_an_error_is_a_failure_with_its_traceback(outcome: Callable[..., Outcome]) -> None:
    def leaves(_: Subject) -> None:
        raise SystemExit("no licence")

    came = outcome(leaves)
    assert came.status == "failed"
    assert came.message == "expected no error; came SystemExit: no licence"
    assert "in leaves" in came.traceback


def test_a_check_may_turn_out_to_say_nothing(outcome: Callable[..., Outcome]) -> None:
    def says_nothing(_: Subject) -> None:
        raise NotApplicable("it is a ghost")

    came = outcome(says_nothing)
    assert (came.status, came.message) == ("not applicable", "it is a ghost")


def test_a_thread_that_goes_on_is_a_failure(outcome: Callable[..., Outcome]) -> None:
    end = Event()

    def begins(_: Subject) -> None:
        Thread(target=end.wait, name="a pump").start()

    came = outcome(begins)
    end.set()
    assert (
        came.message == "expected threads that are daemons, or end; came 'a pump', which goes on"
    )
    assert outcome(begins).status == "passed"  # it ends by itself


@pytest.mark.parametrize("kind", CHECKS)
def test_a_kind_has_its_checks(kind: str) -> None:
    checks = CHECKS[kind]
    assert 9 <= len(checks) <= 20
    assert len({check.name for check in checks}) == len(checks)
    assert [check.name for check in checks if not check.meaning or "\n" in check.meaning] == []
    assert {check.kind for check in checks} == {kind}


def test_the_kit_is_small() -> None:
    assert ALL <= 70


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
