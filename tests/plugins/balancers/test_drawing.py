"""Balancers that draw tasks at random, and the sampler that they share."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain, islice, repeat
from math import log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtbench.api import Step
from mtbench.study.schedule import schedule
from mtbench_builtins.balancers.annealed import Annealed
from mtbench_builtins.balancers.proportional import Proportional
from mtbench_builtins.balancers.sampling import Sampler
from mtbench_builtins.balancers.sampling_parameters import (
    AnnealedParameters,
    SamplingParameters,
    TemperatureParameters,
)
from mtbench_builtins.balancers.temperature import Temperature
from mtbench_builtins.balancers.uniform import Uniform

EQUAL = {"a": 1.0, "b": 1.0}


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


# --- the sampler ------------------------------------------------------------------------------


def test_values_by_hand() -> None:
    """Of weights 1 and 3, a has what is drawn below 1/4, and three batches of 2, 2 and 1.

    What an epoch leaves of a pass, the next one takes first.
    """
    sampler, sizes, weights = Sampler(1), {"a": 5, "b": 2}, {"a": 1.0, "b": 3.0}
    steps = epoch(sampler, sizes, weights, Rigged(0.24, 0.26, 0.0, 0.26))
    assert steps == [{"a": 2}, {"b": 2}, {"a": 2}, {"b": 2}]
    steps = epoch(sampler, sizes, weights, Rigged(0.2, 0.2, 0.9, 0.9))
    assert steps == [{"a": 1}, {"a": 2}, {"b": 2}, {"b": 2}]


def test_a_group_adds_up_the_batches_of_a_task_and_names_tasks_in_their_order() -> None:
    steps = epoch(
        Sampler(3), {"a": 3, "b": 6}, EQUAL, Rigged(0.9, 0.1, 0.1, 0.9, 0.9)
    )  # b a a, then the two that are left
    assert steps == [{"a": 3, "b": 2}, {"b": 4}]
    assert list(steps[0]) == ["a", "b"]


def test_weights_may_differ_from_step_to_step_and_are_asked_for_one_by_one() -> None:
    def weights() -> Iterator[Mapping[str, float]]:
        yield {"a": 1.0, "b": 0.0}
        yield {"a": 0.0, "b": 1.0}
        raise AssertionError("nobody asked for a third step")

    sizes = {"a": 10**9, "b": 1}
    steps = Sampler(1).epoch(sizes, {"a": 2, "b": 2}, weights(), random.Random(0))
    assert list(islice(steps, 2)) == [{"a": 2}, {"b": 1}]


def test_a_task_without_examples_is_never_drawn() -> None:
    steps = epoch(Sampler(2), {"a": 9, "b": 0}, {"a": 1.0, "b": 9.0}, random.Random(0))
    assert steps == [{"a": 4}, {"a": 4}, {"a": 1}]
    assert epoch(Sampler(1), {"a": 0}, {"a": 1.0}, random.Random(0)) == []


tasks_of_all_sizes = st.dictionaries(
    st.sampled_from("abcd"), st.tuples(st.integers(1, 40), st.integers(1, 9)), min_size=1
)


@given(tasks_of_all_sizes, st.integers(1, 5), st.integers(0, 9))
def test_batches_of_an_epoch_and_examples_pass_after_pass(
    tasks: Mapping[str, tuple[int, int]], group: int, seed: int
) -> None:
    """Whatever the group, the same seed draws the same tasks: batches are put together."""
    sizes = {task: size for task, (size, _) in tasks.items()}
    batch_sizes = {task: batch for task, (_, batch) in tasks.items()}
    batches = sum(-(-size // batch) for size, batch in tasks.values())
    one, several = Sampler(1), Sampler(group)
    equal, drawn = repeat(dict.fromkeys(sizes, 1.0)), random.Random(seed)
    alone = [list(one.epoch(sizes, batch_sizes, equal, drawn)) for _ in range(3)]
    drawn = random.Random(seed)
    grouped = [list(several.epoch(sizes, batch_sizes, equal, drawn)) for _ in range(3)]

    assert {len(steps) for steps in alone} == {batches}
    assert {len(steps) for steps in grouped} == {several.steps_per_epoch(sizes, batch_sizes)}
    taken = dict.fromkeys(sizes, 0)
    for task, n in chain.from_iterable(step.items() for step in chain(*alone)):
        assert n == min(batch_sizes[task], sizes[task] - taken[task] % sizes[task])
        taken[task] += n
    assert grouped == [
        [
            dict(sum(map(Counter, steps[i : i + group]), Counter()))
            for i in range(0, batches, group)
        ]
        for steps in alone
    ]


def test_all_that_is_random_comes_from_the_generator_that_is_given() -> None:
    state, sizes = random.getstate(), {"a": 50, "b": 50}
    runs = [epoch(Sampler(1), sizes, EQUAL, random.Random(seed)) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]
    assert random.getstate() == state


# --- how often a task comes -------------------------------------------------------------------

DRAWING: dict[str, Any] = {
    "uniform": lambda **given: Uniform(SamplingParameters(**given)),
    "proportional": lambda **given: Proportional(SamplingParameters(**given)),
    "temperature": lambda **given: Temperature(TemperatureParameters(**given)),
}


@pytest.mark.parametrize(
    ("name", "given", "batch_sizes", "expected"),
    [
        ("uniform", {}, (2, 2), 1 / 2),
        ("uniform", {"group": 3}, (2, 2), 1 / 2),
        ("proportional", {}, (2, 2), 1 / 10),
        ("proportional", {"group": 2}, (2, 2), 1 / 10),
        ("proportional", {}, (6, 1), 1 / 10),  # it is examples that count, and not batches
        ("temperature", {"temperature": 1}, (2, 2), 1 / 10),
        ("temperature", {}, (2, 2), 1 / 4),  # sqrt(9000) : sqrt(1000) is 3 : 1
        ("temperature", {"temperature": 1e9}, (2, 2), 1 / 2),
        ("temperature", {"temperature": 1, "cap": 3000}, (2, 2), 1 / 4),
        ("temperature", {"temperature": 2, "cap": 4000}, (2, 2), 1 / 3),
        ("temperature", {"temperature": 1, "cap": 500}, (2, 2), 1 / 2),
        ("temperature", {"temperature": 1, "cap": 10_000}, (2, 2), 1 / 10),
    ],
    ids=str,
)
def test_the_share_of_the_smaller_task(
    name: str, given: dict[str, Any], batch_sizes: tuple[int, int], expected: float
) -> None:
    """Of 9000 examples and 1000; 3 standard deviations of 2500 draws, or of 5000."""
    sizes, full = {"a": 9000, "b": 1000}, dict(zip("ab", batch_sizes, strict=True))
    steps = list(DRAWING[name](**given).steps(sizes, full, 0.0, random.Random(0)))
    group = given.get("group", 1)
    count = sum(-(-sizes[task] // full[task]) for task in sizes)
    assert len(steps) == -(-count // group)
    assert max(map(len, steps)) == min(group, 2)
    share = sum(step.get("b", 0) for step in steps) / full["b"] / count
    assert share == pytest.approx(expected, abs=3 * (expected * (1 - expected) / count) ** 0.5)


def test_at_temperature_1_it_draws_as_proportional_does() -> None:
    arguments = {"a": 70, "b": 12, "c": 1}, dict.fromkeys("abc", 3), 0.0
    one, other = DRAWING["temperature"](temperature=1), DRAWING["proportional"]()
    expected = list(one.steps(*arguments, random.Random(3)))
    assert list(other.steps(*arguments, random.Random(3))) == expected


# --- annealed ---------------------------------------------------------------------------------

SIZES = {"a": 16, "b": 4}  # 5 batches of 4


class Recording(random.Random):
    """Keeps alpha at each step, of weights 16^alpha : 4^alpha = 4^alpha."""

    def __init__(self) -> None:
        super().__init__(0)
        self.exponents: list[float] = []

    def choices(self, population: Any, weights: Any = None, **given: Any) -> list[Any]:
        self.exponents.append(log(weights[0] / weights[1], 4))
        return super().choices(population, weights, **given)


def exponents(*, end: float = 0.2, group: int = 1, **budget: int) -> list[float]:
    """Lay out a run, and return alpha at each of its steps."""
    train, rng = {"batch_size": 4, "steps": None, "epochs": None}, Recording()
    made = schedule(Annealed(AnnealedParameters(end=end, group=group)), SIZES, train | budget, rng)
    return rng.exponents[: len(made)]


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ({"epochs": 1}, [1, 0.8, 0.6, 0.4, 0.2]),
        ({"steps": 3}, [1, 0.6, 0.2]),
        ({"steps": 9}, [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2]),
        ({"steps": 1}, [1]),
        ({"epochs": 1, "group": 2}, [1, 0.6, 0.2]),
        ({"epochs": 3, "group": 5}, [1, 0.6, 0.2]),
        ({"epochs": 1, "end": 0}, [1, 0.75, 0.5, 0.25, 0]),
        ({"steps": 2, "end": 1}, [1, 1]),
        # Epochs of one step are the paper's formula.
        ({"epochs": 7, "group": 5}, [1 - 0.8 * (e - 1) / (7 - 1) for e in range(1, 8)]),
        # An epoch goes on where the one before ended.
        ({"epochs": 3}, [1 - 0.8 * step / 14 for step in range(15)]),
        ({"steps": 15}, [1 - 0.8 * step / 14 for step in range(15)]),
    ],
    ids=str,
)
def test_exponents_by_hand(budget: dict[str, Any], expected: list[float]) -> None:
    assert exponents(**budget) == pytest.approx(expected)


def test_a_balancer_that_is_told_nothing_takes_an_epoch_for_the_run() -> None:
    told, alone = (Annealed(AnnealedParameters()) for _ in range(2))
    told.begin(steps=None, epochs=1)
    batches = {"a": 4, "b": 4}
    expected = list(told.steps(SIZES, batches, 0.0, random.Random(1)))
    assert list(alone.steps(SIZES, batches, 0.0, random.Random(1))) == expected
    assert len(list(alone.steps(SIZES, batches, 0.9, random.Random(1)))) == 5
