import random
from collections.abc import Mapping
from math import log
from typing import Any

import pytest

from mtbench.study.schedule import schedule
from mtbench_builtins.balancers import annealed
from mtbench_builtins.balancers.annealed import Annealed
from mtbench_builtins.balancers.sampling import Sampler
from mtbench_builtins.balancers.sampling_parameters import AnnealedParameters

SIZES = {"a": 16, "b": 4}  # 5 batches of 4


@pytest.fixture
def exponents(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that lays out a run, and returns alpha at each of its steps."""
    seen: list[float] = []

    class Watching(Sampler):
        def epoch(self, sizes: Any, batch_sizes: Any, weights: Any, rng: Any) -> Any:
            def watched() -> Any:
                for of_step in weights:
                    seen.append(exponent(of_step))
                    yield of_step

            return super().epoch(sizes, batch_sizes, watched(), rng)

    def exponent(weights: Mapping[str, float]) -> float:
        """Return alpha, of 16^alpha : 4^alpha = 4^alpha."""
        return log(weights["a"] / weights["b"], 4)

    monkeypatch.setattr(annealed, "Sampler", Watching)

    def run(sizes: Mapping[str, int] = SIZES, **given: Any) -> list[float]:
        seen.clear()
        train = {"batch_size": 4, "steps": None, "epochs": None}
        parameters = {key: given.pop(key) for key in ("end", "group") if key in given}
        made = schedule(
            Annealed(AnnealedParameters(**parameters)), sizes, train | given, random.Random(0)
        )
        return seen[: len(made)]

    return run


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
    ],
    ids=str,
)
def test_exponents_by_hand(exponents: Any, budget: dict[str, int], expected: list[float]) -> None:
    assert exponents(**budget) == pytest.approx(expected)


def test_epochs_of_one_step_are_the_papers_formula(exponents: Any) -> None:
    of_paper = [1 - 0.8 * (e - 1) / (7 - 1) for e in range(1, 8)]

    assert exponents(epochs=7, group=5) == pytest.approx(of_paper)


@pytest.mark.parametrize("epochs", [2, 3, 7])
def test_an_epoch_goes_on_where_the_one_before_ended(exponents: Any, epochs: int) -> None:
    found = exponents(epochs=epochs)

    total = 5 * epochs
    assert found == pytest.approx([1 - 0.8 * step / (total - 1) for step in range(total)])
    assert exponents(steps=total) == pytest.approx(found)


def test_a_balancer_that_is_told_nothing_takes_an_epoch_for_the_run() -> None:
    told, alone = (Annealed(AnnealedParameters()) for _ in range(2))
    told.begin(steps=None, epochs=1)
    batches = {"a": 4, "b": 4}

    expected = list(told.steps(SIZES, batches, 0.0, random.Random(1)))
    assert list(alone.steps(SIZES, batches, 0.0, random.Random(1))) == expected
    assert len(list(alone.steps(SIZES, batches, 0.9, random.Random(1)))) == 5


def test_small_tasks_come_more_often_as_it_goes_on() -> None:
    balancer = Annealed(AnnealedParameters())
    sizes = {"a": 8100, "b": 100}

    steps = list(balancer.steps(sizes, {"a": 1, "b": 1}, 0.0, random.Random(0)))

    # In the mean over a quarter of the run: of 81^-alpha, with alpha from 1 to 0.8, b has
    # about 1 in 53; with alpha from 0.4 to 0.2, about 1 in 4.9.
    quarter = len(steps) // 4
    first, last = (sum("b" in s for s in part) for part in (steps[:quarter], steps[-quarter:]))
    assert first / quarter == pytest.approx(1 / 53, abs=0.01)
    assert last / quarter == pytest.approx(1 / 4.9, abs=0.03)
