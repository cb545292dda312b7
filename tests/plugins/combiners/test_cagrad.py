from math import sqrt

import numpy as np
import pytest
import torch
from hypothesis import given as cases
from hypothesis import strategies as st

from mtbench.testing import combine
from mtbench_builtins.combiners.cagrad import SHORTEST, cagrad_weights
from mtbench_builtins.combiners.min_norm import vectors

A = [[1.0, 0.0], [-1.0, 1.0]]


def test_an_update_worked_by_hand():
    # g_0 = (0, 1/2), the ball has radius 1/5; task 1 is the worse off, and all goes its way:
    # d = (1/5, 1/2), over 7/5.
    assert combine("cagrad", A).tolist() == pytest.approx([1 / 7, 5 / 14], rel=1e-12)


def test_an_update_between_the_tasks_worked_by_hand():
    # Radius 2/5. Both are served alike, x = y - x, at the edge: x^2 + (2x - 1/2)^2 = 4/25.
    x = (2 + sqrt(2.2)) / 10
    update = 1.8 * combine("cagrad", A, c=0.8)
    assert update.tolist() == pytest.approx([x, 2 * x], rel=1e-12)


def test_without_a_ball_it_is_the_mean():
    assert combine("cagrad", A, c=0).tolist() == [0, 0.5]


def test_with_a_large_ball_it_goes_the_way_of_mgda():
    update, shortest = combine("cagrad", A, c=1e3), combine("mgda", A)
    assert torch.cosine_similarity(update, shortest, dim=0).item() == pytest.approx(1, abs=1e-6)


@st.composite
def gradients(draw):
    m, n = draw(st.integers(1, 12)), draw(st.integers(1, 8))
    seed = draw(st.integers(0, 2**30))
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(m, n, generator=generator, dtype=torch.float64)
    return vectors(rows @ rows.T), draw(st.floats(0.01, 0.99))


@cases(gradients())
def test_no_update_in_the_ball_is_better_for_the_worst_off(case):
    """The worst-off task's gain is that of the dual, at the w that the update is made of.

    Any w bounds what any d can reach; where both are equal, both are best.
    """
    given, c = case
    mean = given.mean(axis=1)
    radius = c * np.linalg.norm(mean)
    weights = cagrad_weights(given, c)
    d = given @ weights
    detour = weights - 1 / len(weights)
    assert detour.min() >= -1e-12
    w = detour / detour.sum()
    dual = given @ w @ mean + radius * np.linalg.norm(given @ w)
    assert np.linalg.norm(d - mean) <= radius * (1 + 1e-9)
    if np.linalg.norm(given @ w) > 10 * SHORTEST * (np.linalg.norm(given, axis=0) @ w):
        assert (given.T @ d).min() == pytest.approx(dual, abs=1e-9)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[3.0, -4.0]], [3.0, -4.0]),
        ([[1.0, 2.0]] * 12, [1.0, 2.0]),
        ([[1.0, 2.0], [-1.0, -2.0]], [0.0, 0.0]),
        ([[1.0, 2.0], [-1.0, -2.0]] * 6, [0.0, 0.0]),
        ([[0.0, 0.0], [0.0, 0.0]], [0.0, 0.0]),
        # With one that has nothing to gain, the mean (1/2, 0) over 7/5.
        ([[1.0, 0.0], [0.0, 0.0]], [5 / 14, 0.0]),
        # Opposite ones of unequal length: (-1/2 + 1/5) over 7/5.
        ([[1.0, 0.0], [-2.0, 0.0]], [-3 / 14, 0.0]),
        # The first two can only agree on what lies across them: the mean (1/10, 1/3) without
        # its first number, over 7/5.
        ([[1.0, 0.0], [-1.0, 0.0], [0.3, 1.0]], [0.0, 5 / 21]),
    ],
    ids=["one", "identical", "opposite", "twelve", "zeros", "zero", "unequal", "across"],
)
def test_special_cases(rows, expected):
    assert combine("cagrad", rows).tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-3])
def test_float32_gradients_that_nearly_balance_out_give_no_long_update(noise):
    generator = torch.Generator().manual_seed(0)
    one, off, third = torch.randn(3, 20_000, generator=generator)
    rows = torch.stack([one, noise * off - one, third])
    mean = rows.mean(dim=0)
    update = combine("cagrad", rows)
    assert (1.4 * update - mean).norm() <= 0.41 * mean.norm()


@pytest.mark.parametrize("length", [1e-3, 1e-5, 1e-6])
def test_a_short_gradient_is_served_too(length):
    """Of (length, 0) and (0, 1), the first gains most at the ball's edge, but for the second."""
    update = 1.4 * combine("cagrad", [[length, 0.0], [0.0, 1.0]])
    # The mean is (length / 2, 1/2); almost all of the radius 1/5 goes along the first axis.
    assert update[0].item() == pytest.approx(0.2, rel=1e-2)
