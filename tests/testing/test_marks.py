from collections.abc import Callable
from pathlib import Path

import pytest

from mtbench.errors import UsageError
from mtbench.testing import parametrize_with_checks
from mtbench.testing.checks import CheckFailed
from mtbench.testing.conformance import CHECKS

SOURCE = """
from mtbench.api import BalancerSpec, Parameters, hookimpl


class Own(Parameters):
    most: int = 100


class Mine:
    def __init__(self, parameters):
        self.most = parameters.most

    def steps(self, sizes, batch_sizes, progress, rng):
        yield {task: size * self.most // max(0, self.most) for task, size in sizes.items()}


@hookimpl
def mtbench_balancers():
    why = {"respects-batch-sizes": "it takes all at once"}
    return [
        BalancerSpec(
            name="mine", summary="s", target=Mine, parameters=Own, expected_failures=why
        )
    ]
"""


@pytest.fixture
def cases(tmp_path: Path, new_modules: None) -> Callable[..., dict[str, Callable[[], None]]]:
    """Give a function that returns the cases of a balancer, by the names of their checks."""
    file = tmp_path / "marked.py"
    file.write_text(SOURCE)

    def make(**parameters: int) -> dict[str, Callable[[], None]]:
        mark = parametrize_with_checks("mine", plugins=[file], parameters=parameters).mark
        assert mark.args[0] == "check"
        return {case.id.removeprefix("balancer:mine-"): case.values[0] for case in mark.args[1]}

    return make


def test_cases_of_what_passes_and_of_what_is_expected_to_fail(cases: Callable) -> None:
    checks = cases()
    names = {check.name for check in CHECKS["balancer"]}
    assert names - checks.keys() == {"covers", "rejects-with-a-reason"}  # its spec says why
    checks["steps-are-sound"]()
    with pytest.raises(pytest.xfail.Exception, match="it takes all at once"):
        checks["respects-batch-sizes"]()


def test_cases_that_build_on_one_that_failed_are_skipped(cases: Callable) -> None:
    checks = cases(most=0)
    with pytest.raises(CheckFailed, match=r"(?s)came ZeroDivisionError: .*Traceback"):
        checks["steps-are-sound"]()
    with pytest.raises(pytest.skip.Exception, match="it builds on 'steps-are-sound', which"):
        checks["goes-on"]()


def test_a_component_or_parameter_that_there_is_not(cases: Callable) -> None:
    with pytest.raises(UsageError, match="unknown component 'mine'"):
        parametrize_with_checks("mine")
    with pytest.raises(UsageError, match="unknown key 'least'"):
        cases(least=3)
