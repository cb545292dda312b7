"""The built-in combiners beside TorchJD's: the same wherever the definitions agree."""

import pytest
import torch
from torch import Tensor

from mtbench.testing import combine

SEEDS = range(5)


def gradients(seed: int, tasks: int, *, conflict: float = 1.0) -> Tensor:
    """Return random gradients [tasks, 6], in conflict more often than not."""
    drawn = torch.randn(tasks, 6, generator=torch.Generator().manual_seed(seed)).double()
    drawn *= torch.linspace(0.5, 2, tasks)[:, None]
    return drawn - conflict * drawn.mean(dim=0)


def assert_close(left: Tensor, right: Tensor, tolerance: float = 1e-6) -> None:
    assert torch.allclose(left, right, rtol=tolerance, atol=tolerance), (left, right)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("method", "tasks", "given"),
    [
        ("pcgrad", 2, {}),
        ("mgda", 2, {}),
        ("imtl-g", 2, {}),
        ("imtl-g", 3, {}),
        ("imtl-g", 4, {}),
        ("gradvac", 2, {"beta": 0.01}),
        ("gradvac", 2, {"beta": 0.5}),
    ],
    ids=str,
)
def test_they_agree(method: str, tasks: int, given: dict[str, float], seed: int) -> None:
    """Of two tasks there is one order; IMTL-G's gradients are independent."""
    jacobian = gradients(seed, tasks, conflict=0.9 if tasks == 2 else 0.5)
    ours = combine(method, jacobian, **given)
    assert_close(ours, combine(f"torchjd-{method}", jacobian, **given))


def test_pcgrad_draws_other_orders_of_the_same() -> None:
    jacobian = [[1.0, 0.0], [-2.0, 1.0], [-2.0, -1.0]]

    def updates(name: str) -> set[tuple[float, ...]]:
        drawn = (combine(name, jacobian, seed=k) for k in range(60))
        return {tuple(round(value, 9) + 0.0 for value in update.tolist()) for update in drawn}

    # Three tasks meet two others in one of two orders: eight sets of orders, and all occur.
    assert updates("pcgrad") == updates("torchjd-pcgrad")
    assert len(updates("pcgrad")) > 2


@pytest.mark.parametrize("seed", SEEDS)
def test_mgda_is_the_shorter_and_frank_wolfe_near_it(seed: int) -> None:
    jacobian = gradients(seed, 4, conflict=0.5)
    exact, steps = combine("mgda", jacobian), combine("torchjd-mgda", jacobian)
    assert exact.norm() <= steps.norm() * (1 + 1e-9)
    patient = combine("torchjd-mgda", jacobian, epsilon=1e-9, max_iters=5_000)
    assert (patient - exact).norm() < 0.02 * jacobian.norm()
    assert (patient - exact).norm() <= (steps - exact).norm() * (1 + 1e-9)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("tasks", [2, 3, 4])
@pytest.mark.parametrize("c", [0.2, 0.4, 0.9])
def test_cagrad_agrees_up_to_the_factor_by_which_the_built_in_divides(
    c: float, tasks: int, seed: int
) -> None:
    jacobian = gradients(seed, tasks, conflict=0.5)
    ours, theirs = combine("cagrad", jacobian, c=c), combine("torchjd-cagrad", jacobian, c=c)
    assert_close((1 + c) * ours, theirs, 5e-4)  # TorchJD's solver stops somewhat earlier

    def worst_gain(update: Tensor) -> float:
        return float((jacobian @ update).min())

    assert worst_gain((1 + c) * ours) >= worst_gain(theirs) - 1e-9


def test_graddrop_agrees_in_expectation() -> None:
    # Of g1 = 1 and g2 = -3 the positive sign is kept with the probability 1/4, in either: over
    # 20,000 coordinates the mean of the update, -2, has a standard deviation of 0.012.
    jacobian = torch.tensor([[1.0], [-3.0]]).expand(2, 20_000)
    for name in ("graddrop", "torchjd-graddrop"):
        update = combine(name, jacobian)
        assert set(update.tolist()) == {1, -3}
        assert update.mean().item() == pytest.approx(-2, abs=0.06)
