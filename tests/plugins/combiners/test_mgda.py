import pytest
import torch

from mtbench.api import Parameters
from mtbench.testing import combine
from mtbench_builtins.combiners.mgda import MGDA


def test_weights_worked_by_hand(given):
    weights = MGDA(Parameters()).combine(given(jacobian=[[1.0, 0.0], [-1.0, 1.0]]))
    assert weights.tolist() == pytest.approx([3 / 5, 2 / 5])
    assert weights.dtype == torch.float64


def test_orthogonal_gradients_weigh_by_their_inverse_squares(given):
    weights = MGDA(Parameters()).combine(
        given(jacobian=[[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]])
    )
    total = 1 + 1 / 4 + 1 / 9
    assert weights.tolist() == pytest.approx([1 / total, 1 / 4 / total, 1 / 9 / total])


@pytest.mark.parametrize("m", [2, 3, 12])
def test_every_loss_falls_along_it(m):
    generator = torch.Generator().manual_seed(m)
    rows = torch.randn(m, 20, generator=generator, dtype=torch.float64)
    update = combine("mgda", rows)
    assert (rows @ update).min() >= update @ update * (1 - 1e-9) > 0


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[3.0, -4.0]], [3.0, -4.0]),
        ([[1.0, 2.0], [-1.0, -2.0]], [0.0, 0.0]),
        ([[1.0, 2.0], [1.0, 2.0]], [1.0, 2.0]),
        ([[1.0, 2.0], [0.0, 0.0]], [0.0, 0.0]),
        ([[0.0, 0.0], [0.0, 0.0]], [0.0, 0.0]),
        ([[5.0, 5.0], [1.0, 0.0]], [1.0, 0.0]),
        ([[1.0, 2.0], [-1.0, -2.0]] * 6, [0.0, 0.0]),
    ],
    ids=["one", "opposite", "identical", "zero", "zeros", "the shorter one", "twelve"],
)
def test_special_cases(rows, expected):
    assert combine("mgda", rows).tolist() == pytest.approx(expected, abs=1e-12)
