"""Gramians: factors, and what TorchJD is given."""

import pytest
import torch

from mtbench.testing import combine
from mtbench_torchjd.gramians import factor, preference_vector, root_mean_square


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_a_factor_has_the_gramian_and_the_way_back(rank: int) -> None:
    jacobian = torch.randn(4, rank, dtype=torch.float64) @ torch.randn(rank, 9).double()
    gradients, back = factor(jacobian @ jacobian.T)
    assert torch.allclose(gradients @ gradients.T, jacobian @ jacobian.T)
    assert int((gradients.abs().sum(dim=0) > 0).sum()) == rank
    vector = torch.randn(4, dtype=torch.float64) @ gradients
    assert torch.allclose((back @ vector) @ gradients, vector)


def test_the_unit_is_the_root_mean_square_of_the_norms() -> None:
    assert root_mean_square(torch.tensor([[9.0, 1.0], [1.0, 7.0]])) == pytest.approx(8**0.5)


def test_a_preference_is_of_the_tasks_that_are_there() -> None:
    assert preference_vector(("a", "b"), {}) is None
    given = {"a": 3.0, "c": 5.0}
    assert preference_vector(("a", "b"), given).tolist() == [0.75, 0.25]
    assert preference_vector(("a",), {"a": 0.0}).tolist() == [0]


def test_a_long_jacobian_in_single_precision_keeps_its_small_components() -> None:
    # TorchJD's ConFIG alone takes components below n times the precision for zero, a quarter
    # of the largest here, and misses what tells the two gradients apart.
    n = 2_000_000
    jacobian = torch.zeros(2, n)
    jacobian[:, 0], jacobian[0, 1], jacobian[1, 1] = 1.0, 0.2, -0.1
    update = combine("torchjd-config", jacobian)
    norms = jacobian.norm(dim=1)
    cosines = (jacobian @ update) / norms / update.norm()
    assert cosines.tolist() == pytest.approx([cosines[0].item()] * 2, abs=1e-6)
