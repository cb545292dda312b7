"""Every built-in against the conformance kit."""

import pytest

from mtbench.components.registry import Registry
from mtbench.testing import parametrize_with_checks

KINDS = ("head", "combiner")
"""Of the kinds that are asked here; the others have data and weights to be told of."""

BUILT_IN = [
    f"{entry.spec.kind}:mtl-bench/{entry.spec.name}"
    for entry in Registry.load().entries
    if entry.provider.distribution == "mtl-bench" and entry.spec.kind in KINDS
]


@parametrize_with_checks(*BUILT_IN)
def test_conformance(check) -> None:
    check()


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_built_ins_of_each_kind(kind: str) -> None:
    assert [name for name in BUILT_IN if name.startswith(f"{kind}:")]
