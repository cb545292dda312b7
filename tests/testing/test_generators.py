import random

import numpy as np
import pytest
import torch

from mtbench.testing.checks import CheckFailed
from mtbench.testing.generators import seeded_globally, untouched


def draws() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_a_generator_that_moves_is_named() -> None:
    with (
        pytest.raises(CheckFailed, match=r"state of Python's and numpy's and torch's"),
        untouched(),
    ):
        draws()
    with untouched():
        random.Random(0).random()


def test_the_same_seed_the_same_numbers() -> None:
    with seeded_globally(1):
        first = draws()
    with seeded_globally(1):
        assert draws() == first
    with seeded_globally(2):
        assert all(one != other for one, other in zip(draws(), first, strict=True))


def test_the_generators_are_put_back() -> None:
    with untouched(), seeded_globally(3):
        draws()
