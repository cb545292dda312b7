"""Every balancer that mtbench ships runs the whole conformance kit."""

from collections.abc import Callable

from mtbench.components.registry import Registry
from mtbench.testing import parametrize_with_checks

NAMES = [
    f"balancer:mtl-bench/{entry.spec.name}"
    for entry in Registry.load().entries
    if entry.spec.kind == "balancer" and entry.provider.distribution == "mtl-bench"
]


@parametrize_with_checks(*NAMES)
def test_conformance(check: Callable[[], None]) -> None:
    check()


def test_there_are_some() -> None:
    assert {"balancer:mtl-bench/single", "balancer:mtl-bench/cycle"} <= set(NAMES)
