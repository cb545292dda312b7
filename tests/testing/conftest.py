"""Components made for a test of the conformance kit, and what its checks say of them."""

from collections.abc import Callable
from typing import Any

import pytest

from mtbench.components.entries import Entry, Provider
from mtbench.specs import KINDS
from mtbench.testing.checks import Subject
from mtbench.testing.conformance import CHECKS, Outcome, outcome_of

Judge = Callable[..., Outcome]


@pytest.fixture
def subject_of() -> Callable[..., Subject]:
    """Give a function that makes the subject of a class; ``given`` are parameters."""

    def make(kind: str, target: Any, *, given: Any = None, **spec: Any) -> Subject:
        made = KINDS[kind](name="made", summary="made for a test", target=target, **spec)
        return Subject.of(Entry(made, Provider("tests", "1", "tests")), **(given or {}))

    return make


@pytest.fixture
def judge(subject_of: Callable[..., Subject]) -> Judge:
    """Give a function that says what comes of one check of a class."""

    def run(kind: str, name: str, target: Any, **spec: Any) -> Outcome:
        check = next(check for check in CHECKS[kind] if check.name == name)
        return outcome_of(check, subject_of(kind, target, **spec))

    return run
