import random

import pytest

from mtbench_builtins.balancers.sampling_parameters import SamplingParameters
from mtbench_builtins.balancers.uniform import Uniform

SIZES, BATCHES = {"large": 7000, "small": 1000}, {"large": 2, "small": 2}


def test_every_task_has_the_same_chance() -> None:
    steps = list(Uniform(SamplingParameters()).steps(SIZES, BATCHES, 0.0, random.Random(0)))

    assert len(steps) == 4000
    assert {len(step) for step in steps} == {1}
    assert sum("small" in step for step in steps) / 4000 == pytest.approx(1 / 2, abs=0.024)


def test_a_step_may_have_several_batches() -> None:
    balancer = Uniform(SamplingParameters(group=3))

    steps = list(
        balancer.steps({"a": 4, "b": 4, "c": 1}, dict.fromkeys("abc", 4), 0, random.Random(0))
    )

    assert len(steps) == 1
    assert sum(steps[0].values()) >= 3
