from math import sqrt

import pytest
import torch

from mtbench.testing import combine
from mtbench_builtins.combiners.imtl_g import imtl_g_weights

A = torch.tensor([[1.0, 0.0], [-1.0, 1.0]], dtype=torch.float64)


def weights_of(rows):
    rows = torch.as_tensor(rows, dtype=torch.float64)
    return imtl_g_weights(rows @ rows.T)


def test_weights_worked_by_hand():
    # Equal projections on (1, 0) and (-1, 1) / sqrt 2: w_1 - w_2 = (2 w_2 - w_1) / sqrt 2.
    assert weights_of(A).tolist() == pytest.approx([2 - sqrt(2), sqrt(2) - 1], rel=1e-12)
    update = weights_of(A) @ A
    assert update.tolist() == pytest.approx([3 - 2 * sqrt(2), sqrt(2) - 1], rel=1e-12)


def test_orthogonal_gradients_weigh_by_their_inverse_lengths():
    assert weights_of([[1.0, 0.0], [0.0, 4.0]]).tolist() == pytest.approx([4 / 5, 1 / 5])


@pytest.mark.parametrize("m", [1, 2, 3, 12])
def test_projections_are_equal_and_weights_add_up_to_one(m):
    generator = torch.Generator().manual_seed(m)
    rows = torch.randn(m, 30, generator=generator, dtype=torch.float64)
    rows *= torch.logspace(-3, 3, m, dtype=torch.float64)[:, None]
    weights = weights_of(rows)
    projections = rows @ (weights @ rows) / rows.norm(dim=1)
    assert weights.sum().item() == pytest.approx(1)
    assert projections.tolist() == pytest.approx([projections[0].item()] * m, rel=1e-9)


def closed_form(rows):
    """The paper's: alpha of tasks 2 to m is g_1 U^T (D U^T)^-1, task 1 has the rest."""
    units = rows / rows.norm(dim=1, keepdim=True)
    differences, directions = rows[0] - rows[1:], units[0] - units[1:]
    others = rows[0] @ directions.T @ torch.linalg.inv(differences @ directions.T)
    return [1 - others.sum().item(), *others.tolist()]


@pytest.mark.parametrize("m", [2, 3, 5])
def test_it_is_the_papers_closed_form(m):
    generator = torch.Generator().manual_seed(m)
    rows = torch.randn(m, 10, generator=generator, dtype=torch.float64)
    assert weights_of(rows).tolist() == pytest.approx(closed_form(rows), rel=1e-9)


@pytest.mark.parametrize(
    ("rows", "weights", "update"),
    [
        ([[3.0, -4.0]], [1.0], [3.0, -4.0]),
        ([[1.0, 2.0], [1.0, 2.0]], [1 / 2, 1 / 2], [1.0, 2.0]),
        ([[1.0, 2.0], [-1.0, -2.0]], [1 / 2, 1 / 2], [0.0, 0.0]),
        ([[1.0, 0.0], [-2.0, 0.0]], [2 / 3, 1 / 3], [0.0, 0.0]),
        ([[1.0, 0.0], [2.0, 0.0]], [2 / 3, 1 / 3], [4 / 3, 0.0]),
        ([[1.0, 0.0], [0.0, 0.0]], [1.0, 0.0], [1.0, 0.0]),
        ([[0.0, 0.0], [0.0, 0.0]], [1 / 2, 1 / 2], [0.0, 0.0]),
        ([[1.0, 2.0]] * 12, [1 / 12] * 12, [1.0, 2.0]),
    ],
    ids=["one", "identical", "opposite", "unequal", "parallel", "zero", "zeros", "twelve"],
)
def test_special_cases(rows, weights, update):
    assert weights_of(rows).tolist() == pytest.approx(weights, abs=1e-6)
    assert combine("imtl-g", rows).tolist() == pytest.approx(update, abs=1e-8)


def test_weights_are_equal_where_no_weights_add_up_to_one():
    # Units u, v and their mean t = (u + v) / sqrt(2): equal projections take a = (1, 1) b on the
    # first and -sqrt(2) b on the third, and nothing else; with lengths 1, 1 and 1 / sqrt(2) the
    # weights are b (1, 1, -2).
    rows = [[1.0, 0.0], [0.0, 1.0], [1 / 2, 1 / 2]]
    assert weights_of(rows).tolist() == pytest.approx([1 / 3] * 3)


def test_the_gramian_is_left_as_it_was():
    gramian = A @ A.T
    kept = gramian.clone()
    imtl_g_weights(gramian)
    assert torch.equal(gramian, kept)
