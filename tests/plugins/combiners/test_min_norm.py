import numpy as np
import pytest
import torch
from hypothesis import given as cases
from hypothesis import strategies as st

from mtbench_builtins.combiners.min_norm import min_norm_weights, vectors


@st.composite
def jacobians(draw):
    """Up to 12 gradients of small whole numbers: ties, zeros, opposites and linear dependence."""
    m, n = draw(st.integers(1, 12)), draw(st.integers(1, 8))
    row = st.lists(st.integers(-2, 2).map(float), min_size=n, max_size=n)
    return torch.tensor(draw(st.lists(row, min_size=m, max_size=m)), dtype=torch.float64)


@cases(jacobians())
def test_vectors_have_the_inner_products(rows):
    gramian = rows @ rows.T
    found = vectors(gramian)
    scale = gramian.diagonal().mean().item() or 1.0
    assert scale * found.T @ found == pytest.approx(gramian.numpy(), abs=1e-12 * scale * len(rows))


@cases(jacobians())
def test_the_point_is_the_nearest(rows):
    """No vertex of the hull is nearer along the point: the condition for the least norm."""
    points = vectors(rows @ rows.T)
    weights = min_norm_weights(points)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    point = points @ weights
    assert (points.T @ point).min() >= point @ point - 1e-9


@pytest.mark.parametrize("factor", [1e-8, 1e-3, 1.0, 1e6])
def test_two_vectors_worked_by_hand(factor):
    # (1, 0) and (-1, 1): w = (g_2 - g_1) . g_2 / |g_1 - g_2|^2 = 3/5.
    points = factor * np.array([[1.0, -1.0], [0.0, 1.0]])
    assert min_norm_weights(points).tolist() == pytest.approx([3 / 5, 2 / 5])
    # (1, 0) and (2, 1): the nearest is the first itself.
    points = factor * np.array([[1.0, 2.0], [0.0, 1.0]])
    assert min_norm_weights(points).tolist() == pytest.approx([1, 0], abs=1e-15)


def test_zeros_weigh_alike():
    assert min_norm_weights(np.zeros((2, 4))).tolist() == [1 / 4] * 4
    assert vectors(torch.zeros(3, 3, dtype=torch.float64)).tolist() == [[0] * 3] * 3


def test_the_gramian_is_left_as_it_was():
    gramian = torch.tensor([[1.0, -1.0], [-1.0, 2.0]], dtype=torch.float64)
    kept = gramian.clone()
    min_norm_weights(vectors(gramian))
    assert torch.equal(gramian, kept)
