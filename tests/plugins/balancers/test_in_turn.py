"""Balancers that draw nothing: single, round-robin and cycle."""

import random
from collections import Counter
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtbench.api import Parameters
from mtbench_builtins.balancers.cycle import Cycle
from mtbench_builtins.balancers.parameters import SingleParameters
from mtbench_builtins.balancers.round_robin import RoundRobin
from mtbench_builtins.balancers.single import Single

MAKE = {
    "single": lambda: Single(SingleParameters(task="a")),
    "round-robin": lambda: RoundRobin(Parameters()),
    "cycle": lambda: Cycle(Parameters()),
}

tasks_of_all_sizes = st.dictionaries(
    st.sampled_from("abcd"), st.tuples(st.integers(1, 60), st.integers(1, 9)), min_size=1
)


def epochs_of(name, sizes, batch_sizes, count=1):
    """Return the steps of a balancer's first epochs, whatever the random state."""
    balancer = MAKE[name]()
    return [
        list(balancer.steps(sizes, batch_sizes, epoch / count, random.Random(epoch)))
        for epoch in range(count)
    ]


@pytest.mark.parametrize(
    ("name", "sizes", "batch_sizes", "steps"),
    [
        ("single", {"a": 5, "b": 9}, 2, [{"a": 2}, {"a": 2}, {"a": 1}]),
        (
            "round-robin",
            {"a": 3, "b": 7, "c": 2},
            2,
            [{"a": 2, "b": 2, "c": 2}, {"a": 1, "b": 2}, {"b": 2}, {"b": 1}],
        ),
        (
            "cycle",
            {"a": 3, "b": 9, "c": 2},
            2,
            [
                {"a": 2, "b": 2, "c": 2},
                {"a": 1, "b": 2, "c": 2},
                {"a": 2, "b": 2, "c": 2},
                {"a": 1, "b": 2, "c": 2},
                {"a": 2, "b": 1, "c": 2},
            ],
        ),
        ("cycle", {"a": 3, "b": 8}, {"a": 1, "b": 8}, [{"a": 1, "b": 8}] * 3),
        ("cycle", {"a": 2, "b": 0}, 2, [{"a": 2}]),
        ("cycle", {"a": 0}, 2, []),
    ],
    ids=str,
)
def test_an_epoch_worked_by_hand(name, sizes, batch_sizes, steps):
    batch_sizes = batch_sizes if isinstance(batch_sizes, dict) else dict.fromkeys(sizes, 2)
    assert epochs_of(name, sizes, batch_sizes) == [steps]


@given(tasks_of_all_sizes)
def test_round_robin_takes_every_example_once_from_all_that_have_some(tasks):
    sizes = {task: size for task, (size, _) in tasks.items()}
    batch_sizes = {task: batch_size for task, (_, batch_size) in tasks.items()}
    first, second = epochs_of("round-robin", sizes, batch_sizes, 2)
    assert first == second
    taken = Counter()
    for step in first:
        assert step
        assert set(step) == {task for task in sizes if taken[task] < sizes[task]}
        for task, n in step.items():
            assert n == min(batch_sizes[task], sizes[task] - taken[task])
        taken.update(step)
    assert taken == sizes


@given(tasks_of_all_sizes)
def test_cycle_has_every_task_in_every_step_and_no_batch_of_two_passes(tasks):
    """An epoch goes on where the one before left the shorter tasks."""
    sizes = {task: size for task, (size, _) in tasks.items()}
    batch_sizes = {task: batch_size for task, (_, batch_size) in tasks.items()}
    epochs = epochs_of("cycle", sizes, batch_sizes, 3)
    longest = max(-(-sizes[task] // batch_sizes[task]) for task in sizes)
    assert [len(epoch) for epoch in epochs] == [longest] * 3
    taken = dict.fromkeys(sizes, 0)
    for step in chain.from_iterable(epochs):
        assert set(step) == set(sizes)
        for task, n in step.items():
            assert n == min(batch_sizes[task], sizes[task] - taken[task] % sizes[task])
            taken[task] += n
