"""Conformance: the whole kit, for every combiner."""

from collections.abc import Callable

from mtbench.testing import parametrize_with_checks
from mtbench_torchjd import COMBINERS


@parametrize_with_checks(*(f"combiner:{spec.name}" for spec in COMBINERS))
def test_conformance(check: Callable[[], None]) -> None:
    check()
