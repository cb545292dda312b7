import random
from typing import Any

import pytest

from mtbench_builtins.balancers.proportional import Proportional
from mtbench_builtins.balancers.sampling_parameters import (
    SamplingParameters,
    TemperatureParameters,
)
from mtbench_builtins.balancers.temperature import Temperature

SIZES = {"a": 9000, "b": 1000}


def share_of_b(**parameters: Any) -> float:
    balancer = Temperature(TemperatureParameters(**parameters))
    steps = list(balancer.steps(SIZES, {"a": 2, "b": 2}, 0.0, random.Random(0)))
    assert len(steps) == 5000
    return sum("b" in step for step in steps) / 5000


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"temperature": 1}, 1 / 10),
        ({"temperature": 2}, 1 / 4),  # sqrt(9000) : sqrt(1000) is 3 : 1
        ({}, 1 / 4),
        ({"temperature": 1e9}, 1 / 2),
        ({"temperature": 1, "cap": 3000}, 1 / 4),
        ({"temperature": 2, "cap": 4000}, 1 / 3),
        ({"temperature": 1, "cap": 500}, 1 / 2),
        ({"temperature": 1, "cap": 10_000}, 1 / 10),
    ],
)
def test_probabilities_by_hand(parameters: dict[str, Any], expected: float) -> None:
    # 3 standard deviations of 5000 draws at most
    assert share_of_b(**parameters) == pytest.approx(expected, abs=0.021)


def test_at_temperature_1_it_draws_as_proportional_does() -> None:
    arguments = {"a": 70, "b": 12, "c": 1}, dict.fromkeys("abc", 3), 0.0

    assert list(
        Temperature(TemperatureParameters(temperature=1)).steps(*arguments, random.Random(3))
    ) == list(Proportional(SamplingParameters()).steps(*arguments, random.Random(3)))
