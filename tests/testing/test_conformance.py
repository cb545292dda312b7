"""The kit itself: what it runs, and that it tells a failure from what is expected."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mtbench.components.entries import Entry
from mtbench.components.registry import Registry
from mtbench.errors import PluginError, UsageError
from mtbench.testing import conformance, parametrize_with_checks
from mtbench.testing.checks import Checks, Subject, require
from mtbench.testing.conformance import (
    CHECKS,
    Outcome,
    check_component,
    expected_failures,
    outcome_of,
)

Install = Callable[..., Path]


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the kit ask three small things of a head."""
    check = Checks("head")

    @check("it has a summary")
    def has_a_summary(subject: Subject) -> None:
        require(subject.spec.summary, "a summary", "none")

    @check("it can be built", inapplicable=lambda s: None if s.spec.paper else "it has no paper")
    def can_be_built(subject: Subject) -> None:
        subject.target()

    @check("it is called tall")
    def is_tall(subject: Subject) -> None:
        require(subject.spec.name == "tall", "'tall'", subject.spec.name)

    monkeypatch.setattr(conformance, "CHECKS", {"head": tuple(check.all)})


def linear(**changes: object) -> Entry:
    entry = Registry.load().find("head", "linear")
    return replace(entry, spec=replace(entry.spec, **changes))


def outcomes(entry: Entry) -> list[tuple[str, str]]:
    return [(outcome.status, outcome.message) for outcome in check_component(entry)]


def test_outcomes(trial: None) -> None:
    entry = linear(summary="", target="no_such:X", expected_failures={"is-tall": "it is short"})
    missing = "head 'linear' of mtl-bench: ModuleNotFoundError: No module named 'no_such'"
    assert outcomes(entry) == [
        ("failed", "expected a summary; came none"),
        ("failed", f"expected no error; came {missing}"),
        ("expected failure", "it is short"),
    ]


def test_a_check_that_says_nothing(trial: None) -> None:
    assert outcomes(linear(paper=""))[1] == ("not applicable", "it has no paper")


def test_a_failure_that_does_not_come(trial: None) -> None:
    entry = linear(expected_failures={"can-be-built": "it is a ghost"})
    assert outcomes(entry)[1] == (
        "failed",
        "it passes, though a failure was expected: it is a ghost",
    )


def test_an_expected_failure_of_no_check(trial: None) -> None:
    with pytest.raises(PluginError, match="expects to fail 'is-tal', no check; did you mean"):
        expected_failures(linear(expected_failures={"is-tal": ""}))


def test_the_mark_has_a_case_a_check(trial: None) -> None:
    mark = parametrize_with_checks("head:linear").mark
    assert mark.args[0] == "check"
    ids = [case.id for case in mark.args[1]]
    assert ids == [f"head:linear-{name}" for name in ("has-a-summary", "can-be-built", "is-tall")]
    with pytest.raises(AssertionError, match="expected 'tall'; came linear"):
        mark.args[1][2].values[0]()


def test_the_mark_of_an_expected_failure(trial: None, install: Install) -> None:
    source = """
from mtbench.api import HeadSpec, hookimpl

@hookimpl
def mtbench_heads():
    why = {"can-be-built": "it is a ghost"}
    return [HeadSpec(name="tall", summary="s", target="x:X", paper="p", expected_failures=why)]
"""
    install("fake", source)
    cases = parametrize_with_checks("tall").mark.args[1]
    (mark,) = cases[1].marks
    assert (mark.name, mark.kwargs) == ("xfail", {"strict": True, "reason": "it is a ghost"})


def test_a_component_in_a_file(trial: None, tmp_path: Path, new_modules: None) -> None:
    file = tmp_path / "kit_file.py"
    file.write_text(
        "from mtbench.api import HeadSpec, hookimpl\n"
        "@hookimpl\ndef mtbench_heads():\n"
        "    return [HeadSpec(name='tall', summary='s', target='x:X')]\n"
    )
    assert len(parametrize_with_checks("tall", plugins=[file]).mark.args[1]) == 2
    with pytest.raises(UsageError, match="unknown component 'tall'"):
        parametrize_with_checks("tall")


@pytest.mark.parametrize("kind", CHECKS)
def test_a_kind_has_its_checks(kind: str) -> None:
    checks = CHECKS[kind]
    assert len(checks) >= 12
    assert len({check.name for check in checks}) == len(checks)
    assert [check.name for check in checks if not check.meaning or "\n" in check.meaning] == []


def test_a_component_that_ends_the_process_fails(judge: Callable[..., Outcome]) -> None:
    def leaves(*_: object) -> None:
        raise SystemExit("no licence")

    outcome = judge("balancer", "ends", leaves)
    assert outcome.status == "failed"
    assert outcome.message.startswith("expected no error; came SystemExit: no licence")


@pytest.mark.parametrize("kind", CHECKS)
def test_no_check_lets_a_component_end_the_process(
    subject_of: Callable[..., Subject], kind: str
) -> None:
    def leaves(*_: object) -> None:
        raise SystemExit(0)

    more = {"combiner": {"needs": "losses"}, "encoder": {"tokenizer": leaves}}.get(kind, {})
    subject = subject_of(kind, leaves, **more)
    outcomes = [outcome_of(check, subject) for check in CHECKS[kind]]
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    assert len(failed) >= len(outcomes) / 4
    assert {"process" in o.message or "SystemExit" in o.message for o in failed} == {True}
