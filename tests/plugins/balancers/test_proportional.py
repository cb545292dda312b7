import random

import pytest

from mtbench_builtins.balancers.proportional import Proportional
from mtbench_builtins.balancers.sampling_parameters import SamplingParameters


def share(batch_sizes: dict[str, int], group: int = 1) -> float:
    """Return the share of the batches that the task with a quarter of the examples gives."""
    balancer = Proportional(SamplingParameters(group=group))
    steps = list(balancer.steps({"a": 6000, "b": 2000}, batch_sizes, 0.0, random.Random(0)))
    batches = {task: sum(step.get(task, 0) for step in steps) / batch_sizes[task] for task in "ab"}
    return batches["b"] / sum(batches.values())


@pytest.mark.parametrize("group", [1, 2])
def test_a_task_comes_by_its_examples(group: int) -> None:
    assert share({"a": 2, "b": 2}, group) == pytest.approx(1 / 4, abs=0.02)


def test_examples_count_and_not_batches() -> None:
    assert share({"a": 6, "b": 1}) == pytest.approx(1 / 4, abs=0.025)
