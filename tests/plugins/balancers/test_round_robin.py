import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from mtbench.api import Parameters
from mtbench_builtins.balancers.round_robin import RoundRobin


def steps(sizes, batch_sizes, progress=0.0):
    balancer = RoundRobin(Parameters())
    return list(balancer.steps(sizes, batch_sizes, progress, random.Random(0)))


def test_a_task_stops_when_its_data_runs_out():
    assert steps({"a": 3, "b": 7, "c": 2}, {"a": 2, "b": 2, "c": 2}) == [
        {"a": 2, "b": 2, "c": 2},
        {"a": 1, "b": 2},
        {"b": 2},
        {"b": 1},
    ]


def test_batch_sizes_may_differ():
    assert steps({"a": 4, "b": 4}, {"a": 1, "b": 4}) == [{"a": 1, "b": 4}] + [{"a": 1}] * 3


@given(
    st.dictionaries(
        st.sampled_from("abcd"), st.tuples(st.integers(1, 60), st.integers(1, 9)), min_size=1
    )
)
@settings(deadline=None, database=None)
def test_an_epoch_takes_every_example_once(tasks):
    sizes = {task: size for task, (size, _) in tasks.items()}
    batch_sizes = {task: batch_size for task, (_, batch_size) in tasks.items()}
    taken = Counter()
    for step in steps(sizes, batch_sizes):
        assert step
        for task, n in step.items():
            assert n == min(batch_sizes[task], sizes[task] - taken[task])
        left = {task for task in sizes if taken[task] < sizes[task]}
        assert set(step) == left
        taken.update(step)
    assert taken == sizes


def test_every_epoch_and_every_random_state_give_the_same_steps():
    balancer = RoundRobin(Parameters())
    epochs = [
        list(balancer.steps({"a": 5, "b": 3}, {"a": 2, "b": 2}, progress, random.Random(seed)))
        for progress, seed in ((0.0, 0), (0.5, 1))
    ]
    assert epochs[0] == epochs[1]
