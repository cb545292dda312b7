"""More of what these checks catch is in test_tasks; here, of a real task made wrong."""

from dataclasses import replace
from pathlib import Path

import pytest

from mtbench.api import Examples, Split
from mtbench.components.registry import Registry
from mtbench.testing import task_examples
from mtbench.testing.checks import Check, CheckFailed, Subject
from mtbench_builtins.tasks.sample import SampleSST


class OneSplit(SampleSST):
    """Gives train's examples whatever is asked for."""

    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Examples:
        return super().load("train", folder, with_labels=with_labels)


class Backwards(SampleSST):
    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Examples:
        found = super().load(split, folder, with_labels=with_labels)
        return replace(found, ids=found.ids[::-1], texts=found.texts[::-1])


class Off(SampleSST):
    """Counts classes from 1."""

    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Examples:
        found = super().load(split, folder, with_labels=with_labels)
        return replace(found, labels=found.labels and tuple(n + 1 for n in found.labels))


def subject(target: type[SampleSST]) -> Subject:
    entry = Registry.load().find("task", "sample-sst")
    return Subject.of(replace(entry, spec=replace(entry.spec, target=target)), train=60, dev=20)


def named(name: str) -> Check:
    return next(check for check in task_examples.check.all if check.name == name)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (OneSplit, "splits-share-no-id"),
        (Backwards, "ids-are-in-order"),
        (Off, "labels-are-in-range"),
        (Off, "every-class-occurs"),
    ],
)
def test_a_real_task_made_wrong_is_caught(target: type[SampleSST], name: str) -> None:
    named(name).function(subject(SampleSST))
    with pytest.raises(CheckFailed, match=r"^expected "):
        named(name).function(subject(target))
