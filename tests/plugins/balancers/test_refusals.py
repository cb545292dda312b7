from typing import Any

import pytest

from mtbench.components.registry import Registry
from mtbench.matrix.configuration import overlay
from mtbench.study.resolution import Resolver

SAMPLING = ["uniform", "proportional", "temperature", "annealed"]


def rejection(small: dict[str, Any], balancer: Any, combiner: str) -> str | None:
    changes = {"balancer": balancer, "combiner": combiner}
    return Resolver(Registry.load()).resolve(overlay(small, changes)).rejection


@pytest.mark.parametrize("name", SAMPLING)
def test_steps_of_one_task_give_a_combiner_of_gradients_nothing_to_do(
    small: dict[str, Any], name: str
) -> None:
    assert rejection(small, name, "pcgrad") == (
        f"balancer ({name}): a step has one task, whose gradient pcgrad could only leave as it "
        "is: group = 2 or more"
    )


@pytest.mark.parametrize("name", SAMPLING)
def test_steps_of_several_tasks_or_a_combiner_of_losses_are_taken(
    small: dict[str, Any], name: str
) -> None:
    assert rejection(small, {"name": name, "group": 2}, "pcgrad") is None
    assert rejection(small, name, "sum") is None


def test_one_task_gives_a_combiner_of_gradients_nothing_to_do(small: dict[str, Any]) -> None:
    single = {"name": "single", "task": "sst"}
    assert rejection(small, single, "pcgrad") == (
        "balancer (single): it trains one task, whose gradient pcgrad could only leave as it is"
    )
    assert rejection(small, single, "sum") is None


@pytest.mark.parametrize("combiner", ["pcgrad", "sum"])
def test_the_one_task_must_be_in_the_cell(small: dict[str, Any], combiner: str) -> None:
    reason = rejection(small, {"name": "single", "task": "stt"}, combiner)
    assert str(reason).startswith("balancer (single): the balancer trains the task 'stt', which")
