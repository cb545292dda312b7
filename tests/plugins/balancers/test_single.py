import random

import pytest

from mtbench.api import Cell, Component, TaskInfo
from mtbench_builtins.balancers.parameters import SingleParameters
from mtbench_builtins.balancers.single import Single, rejects


def test_an_epoch_is_one_pass_over_the_one_task():
    balancer = Single(SingleParameters(task="a"))
    steps = list(balancer.steps({"a": 5, "b": 9}, {"a": 2, "b": 2}, 0.0, random.Random(0)))
    assert steps == [{"a": 2}, {"a": 2}, {"a": 1}]


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("sst", None),
        ("stt", "the balancer trains the task 'stt', which is not among sst, pd"),
    ],
)
def test_the_task_must_be_in_the_cell(task, reason):
    info = TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=5)
    cell = Cell(
        tasks={"sst": info, "pd": info},
        encoder=Component("minbert"),
        heads={},
        balancer=Component("single", {"task": task}),
        combiner=Component("sum"),
        train={},
    )
    assert rejects(cell) == reason
