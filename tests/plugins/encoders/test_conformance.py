"""Every encoder that mtbench ships runs the whole conformance kit."""

from collections.abc import Callable

import pytest

from mtbench.components.registry import Registry
from mtbench.testing import parametrize_with_checks
from mtbench.testing.checks import Subject
from mtbench.testing.conformance import Examination

ENTRIES = [
    entry
    for entry in Registry.load().entries
    if entry.spec.kind == "encoder" and entry.provider.distribution == "mtl-bench"
]


@parametrize_with_checks(*(f"encoder:mtl-bench/{entry.spec.name}" for entry in ENTRIES))
def test_conformance(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize("name", ["minbert", "tiny"])
def test_a_frozen_bert_has_nothing_to_train(name: str) -> None:
    (entry,) = [entry for entry in ENTRIES if entry.spec.name == name]
    outcomes = {o.check.name: o for o in Examination(Subject.of(entry, mode="frozen"))}
    assert [
        name for name, o in outcomes.items() if o.message == "it has no parameter that is trained"
    ] == ["gradient-reaches-every-parameter", "segments-equal-tasks-in-turn"]
    assert outcomes["works-in-bfloat16"].status == "passed"
