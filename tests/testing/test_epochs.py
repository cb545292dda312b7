import random
from collections.abc import Iterator
from typing import Any

import pytest

from mtbench.components.entries import Entry, Provider
from mtbench.components.registry import Registry
from mtbench.specs import BalancerSpec
from mtbench.testing.checks import CheckFailed, Subject
from mtbench.testing.epochs import BUDGETS, build, difference, epoch, require_sound, total


class Counting:
    def steps(self, sizes: Any, batch_sizes: Any, progress: float, rng: Any) -> Iterator[Any]:
        for _ in range(sizes["a"]):
            yield {"a": 1, "b": int(10 * progress), "c": rng.randrange(100)}


def test_an_epoch_is_laid_out() -> None:
    steps = epoch(Counting(), {"a": 2}, {}, progress=0.5, rng=random.Random(3))
    expected = random.Random(3)
    assert steps == [{"a": 1, "b": 5, "c": expected.randrange(100)} for _ in range(2)]
    assert epoch(Counting(), {"a": 1}, {}, rng=3)[0]["c"] == steps[0]["c"]
    assert total(steps)["b"] == 10


def test_an_epoch_without_end() -> None:
    with pytest.raises(CheckFailed, match="more than 100000 steps of 200000 examples"):
        epoch(Counting(), {"a": 200_000}, {})


def test_a_balancer_is_built_with_its_parameters() -> None:
    subject = Subject.of(Registry.load().find("balancer", "single"), task="sts")
    assert total(epoch(build(subject))) == {"sts": 7}


def test_where_epochs_part() -> None:
    one = [{"a": 1}, {"a": 2}]
    assert difference(one, [{"a": 1}, {"a": 2}]) is None
    assert difference(one, [{"a": 1}, {"b": 2}]) == "{'b': 2} in step 1, not {'a': 2}"
    assert difference(one, one[:1]) == "1 steps, not 2"


def test_a_truth_value_is_no_count() -> None:
    require_sound([{"a": 1}], ["a"])
    with pytest.raises(CheckFailed, match="came True of 'a' in step 0"):
        require_sound([{"a": True}], ["a"])


def test_a_balancer_is_told_of_its_budget() -> None:
    class Told:
        def __init__(self, parameters: object) -> None:
            self.budgets: list[tuple[int | None, int | None]] = []

        def begin(self, *, steps: int | None, epochs: int | None) -> None:
            self.budgets.append((steps, epochs))

    spec = BalancerSpec(name="told", summary="s", target=Told)
    subject = Subject.of(Entry(spec, Provider("here", "", "here")))
    assert build(subject).budgets == [(None, 10)]
    assert [build(subject, budget).budgets for budget in BUDGETS] == [[(None, 10)], [(1000, None)]]
