import random
from collections.abc import Iterator, Mapping
from itertools import chain, islice, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtbench.api import Step
from mtbench_builtins.balancers.sampling import Sampler


class Rigged(random.Random):
    """Draws what a test writes down."""

    def __init__(self, *numbers: float) -> None:
        super().__init__(0)
        self._numbers = iter(numbers)

    def random(self) -> float:
        return next(self._numbers)


def epoch(
    sampler: Sampler, sizes: Mapping[str, int], weights: Mapping[str, float], rng: random.Random
) -> list[Step]:
    batch_sizes = dict.fromkeys(sizes, 2)
    return list(sampler.epoch(sizes, batch_sizes, repeat(weights), rng))


EQUAL = {"a": 1.0, "b": 1.0}


def test_values_by_hand() -> None:
    """Of weights 1 and 3, a has what is drawn below 1/4, and three batches of 2, 2 and 1."""
    sizes, weights = {"a": 5, "b": 2}, {"a": 1.0, "b": 3.0}

    steps = epoch(Sampler(1), sizes, weights, Rigged(0.24, 0.26, 0.0, 0.2))

    assert steps == [{"a": 2}, {"b": 2}, {"a": 2}, {"a": 1}]


def test_a_pass_goes_on_in_the_next_epoch() -> None:
    sampler, sizes = Sampler(1), {"a": 3, "b": 4}

    assert epoch(sampler, sizes, EQUAL, Rigged(0.1, 0.9, 0.9, 0.9)) == [
        {"a": 2},
        {"b": 2},
        {"b": 2},
        {"b": 2},
    ]
    assert epoch(sampler, sizes, EQUAL, Rigged(0.1, 0.1, 0.9, 0.9)) == [
        {"a": 1},
        {"a": 2},
        {"b": 2},
        {"b": 2},
    ]


def test_a_group_adds_up_the_batches_of_a_task_and_names_tasks_in_their_order() -> None:
    steps = epoch(
        Sampler(3), {"a": 3, "b": 6}, EQUAL, Rigged(0.9, 0.1, 0.1, 0.9, 0.9)
    )  # b a a, then the two that are left

    assert steps == [{"a": 3, "b": 2}, {"b": 4}]
    assert list(steps[0]) == ["a", "b"]


def test_weights_may_differ_from_step_to_step() -> None:
    only = [{"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0}, {"a": 1.0, "b": 0.0}]

    steps = Sampler(1).epoch({"a": 4, "b": 1}, {"a": 2, "b": 2}, only, random.Random(0))

    assert list(steps) == [{"a": 2}, {"b": 1}, {"a": 2}]


def test_a_task_without_examples_is_never_drawn() -> None:
    sizes = {"a": 9, "b": 0}

    assert epoch(Sampler(2), sizes, {"a": 1.0, "b": 9.0}, random.Random(0)) == [
        {"a": 4},
        {"a": 4},
        {"a": 1},
    ]
    assert epoch(Sampler(1), {"a": 0}, {"a": 1.0}, random.Random(0)) == []


def test_it_is_lazy() -> None:
    def weights() -> Iterator[Mapping[str, float]]:
        yield EQUAL
        raise AssertionError("nobody asked for a second step")

    steps = Sampler(1).epoch({"a": 10**9, "b": 1}, EQUAL_BATCHES, weights(), random.Random(0))

    assert len(list(islice(steps, 1))) == 1


EQUAL_BATCHES = {"a": 2, "b": 2}

tasks_of_all_sizes = st.dictionaries(
    st.sampled_from("abcd"), st.tuples(st.integers(1, 40), st.integers(1, 9)), min_size=1
)


@given(tasks_of_all_sizes, st.integers(1, 5), st.integers(0, 9))
def test_batches_of_an_epoch_and_examples_pass_after_pass(
    tasks: Mapping[str, tuple[int, int]], group: int, seed: int
) -> None:
    sizes = {task: size for task, (size, _) in tasks.items()}
    batch_sizes = {task: batch for task, (_, batch) in tasks.items()}
    batches = sum(-(-size // batch) for size, batch in tasks.values())
    sampler, rng = Sampler(group), random.Random(seed)
    equal = repeat(dict.fromkeys(sizes, 1.0))

    epochs = [list(sampler.epoch(sizes, batch_sizes, equal, rng)) for _ in range(3)]

    assert {len(steps) for steps in epochs} == {sampler.steps_per_epoch(sizes, batch_sizes)}
    assert len(epochs[0]) == -(-batches // group)
    assert all(0 < len(step) <= group for steps in epochs for step in steps)
    if group == 1:
        taken = dict.fromkeys(sizes, 0)
        for task, n in chain.from_iterable(step.items() for step in chain(*epochs)):
            assert n == min(batch_sizes[task], sizes[task] - taken[task] % sizes[task])
            taken[task] += n


@pytest.mark.parametrize("group", [2, 5])
def test_groups_are_the_single_batches_put_together(group: int) -> None:
    """Whatever the group, the same seed draws the same tasks."""
    sizes = {"a": 23, "b": 8, "c": 1}
    weights = {"a": 3.0, "b": 2.0, "c": 1.0}
    alone = epoch(Sampler(1), sizes, weights, random.Random(7))

    grouped = epoch(Sampler(group), sizes, weights, random.Random(7))

    expected = []
    for start in range(0, len(alone), group):
        total: dict[str, int] = {}
        for step in alone[start : start + group]:
            for task, n in step.items():
                total[task] = total.get(task, 0) + n
        expected.append(total)
    assert grouped == expected


def test_tasks_come_as_often_as_they_weigh() -> None:
    sizes = {"a": 4000, "b": 4000}

    steps = epoch(Sampler(1), sizes, {"a": 1.0, "b": 3.0}, random.Random(0))

    share = sum("a" in step for step in steps) / len(steps)
    assert share == pytest.approx(0.25, abs=0.02)  # 3 standard deviations of 4000 draws


def test_all_that_is_random_comes_from_the_generator_that_is_given() -> None:
    state = random.getstate()

    runs = [
        epoch(Sampler(1), {"a": 50, "b": 50}, EQUAL, random.Random(seed)) for seed in (0, 0, 1)
    ]

    assert runs[0] == runs[1] != runs[2]
    assert random.getstate() == state
