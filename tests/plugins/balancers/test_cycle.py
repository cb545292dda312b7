import random
from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st

from mtbench.api import Parameters
from mtbench_builtins.balancers.cycle import Cycle


def steps(sizes, batch_sizes):
    return list(Cycle(Parameters()).steps(sizes, batch_sizes, 0.0, random.Random(0)))


def test_shorter_tasks_start_again_until_the_longest_is_done():
    assert steps({"a": 3, "b": 9, "c": 2}, {"a": 2, "b": 2, "c": 2}) == [
        {"a": 2, "b": 2, "c": 2},
        {"a": 1, "b": 2, "c": 2},
        {"a": 2, "b": 2, "c": 2},
        {"a": 1, "b": 2, "c": 2},
        {"a": 2, "b": 1, "c": 2},
    ]


def test_the_longest_is_the_task_of_most_batches():
    assert steps({"a": 3, "b": 8}, {"a": 1, "b": 8}) == [{"a": 1, "b": 8}] * 3


def test_a_task_without_examples_takes_no_part():
    assert steps({"a": 2, "b": 0}, {"a": 2, "b": 2}) == [{"a": 2}]
    assert steps({"a": 0}, {"a": 2}) == []


@given(
    st.dictionaries(
        st.sampled_from("abcd"), st.tuples(st.integers(1, 60), st.integers(1, 9)), min_size=1
    )
)
@settings(deadline=None, database=None)
def test_every_step_has_every_task_and_no_batch_straddles_two_passes(tasks):
    sizes = {task: size for task, (size, _) in tasks.items()}
    batch_sizes = {task: batch_size for task, (_, batch_size) in tasks.items()}
    balancer = Cycle(Parameters())
    epochs = [list(balancer.steps(sizes, batch_sizes, 0.0, random.Random(0))) for _ in range(3)]
    longest = max(-(-sizes[task] // batch_sizes[task]) for task in sizes)
    assert [len(epoch) for epoch in epochs] == [longest] * 3
    taken = dict.fromkeys(sizes, 0)
    for step in chain.from_iterable(epochs):
        assert set(step) == set(sizes)
        for task, n in step.items():
            in_this_pass = taken[task] % sizes[task]
            assert n == min(batch_sizes[task], sizes[task] - in_this_pass)
            taken[task] += n
    assert all(taken[task] >= 3 * sizes[task] for task in sizes)


def test_an_epoch_goes_on_where_the_one_before_left_the_shorter_task():
    balancer = Cycle(Parameters())
    epochs = [
        list(balancer.steps({"a": 3, "b": 5}, {"a": 2, "b": 2}, progress, random.Random(0)))
        for progress in (0.0, 1 / 3, 2 / 3)
    ]
    assert epochs[0] == [{"a": 2, "b": 2}, {"a": 1, "b": 2}, {"a": 2, "b": 1}]
    assert epochs[1] == [{"a": 1, "b": 2}, {"a": 2, "b": 2}, {"a": 1, "b": 1}]
    assert epochs[2] == epochs[0]
