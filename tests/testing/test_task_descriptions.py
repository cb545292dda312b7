"""More of what these checks catch is in test_tasks; here, of a real task made wrong."""

from dataclasses import replace
from itertools import count

import pytest

from mtbench.api import TaskInfo
from mtbench.components.registry import Registry
from mtbench.testing import task_descriptions
from mtbench.testing.checks import Check, CheckFailed, Subject
from mtbench.testing.conformance import outcome_of
from mtbench_builtins.tasks.sample import SampleSST

ASKED = count()


class Moody(SampleSST):
    def describe(self) -> TaskInfo:
        return replace(super().describe(), classes=5 + next(ASKED) % 2)


class Unmeasured(SampleSST):
    def describe(self) -> TaskInfo:
        return replace(super().describe(), metrics=("acuracy",))


def subject(target: type[SampleSST]) -> Subject:
    entry = Registry.load().find("task", "sample-sst")
    return Subject.of(replace(entry, spec=replace(entry.spec, target=target)), train=60, dev=20)


def named(name: str) -> Check:
    return next(check for check in task_descriptions.check.all if check.name == name)


def test_a_real_task_made_wrong_is_caught() -> None:
    check = named("describes-itself-the-same")
    check.function(subject(SampleSST))
    with pytest.raises(CheckFailed, match=r"^expected "):
        check.function(subject(Moody))


def test_a_description_that_cannot_be_made_fails_its_check() -> None:
    outcome = outcome_of(named("describes-itself"), subject(Unmeasured))

    assert outcome.status == "failed"
    assert "unknown metric of classes 'acuracy'; did you mean 'accuracy'?" in outcome.message
