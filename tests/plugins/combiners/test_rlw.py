import pytest
import torch

from mtbench.api import Parameters
from mtbench_builtins.combiners.rlw import RLW


def test_the_weights_are_a_softmax_of_normal_numbers(given):
    numbers = torch.randn(3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    shares = numbers.exp() / numbers.exp().sum()
    x = given(losses=[1.0, 1.0, 1.0], generator=torch.Generator().manual_seed(5))
    assert RLW(Parameters()).combine(x).tolist() == pytest.approx((3 * shares).tolist())


def test_weights_are_drawn_anew_each_step_and_do_not_see_the_losses(given):
    def draws(losses, seed):
        generator = torch.Generator().manual_seed(seed)
        x = given(losses=losses, generator=generator)
        return [tuple(RLW(Parameters()).combine(x).tolist()) for _ in range(10)]

    assert len(set(draws([1.0, 2.0], 0))) == 10
    assert draws([1.0, 2.0], 0) == draws([9.0, 0.0], 0) != draws([1.0, 2.0], 1)


def test_every_task_weighs_one_on_average(given):
    x = given(losses=[1.0] * 4)
    weights = torch.stack([RLW(Parameters()).combine(x) for _ in range(4000)])
    assert weights.mean(dim=1).tolist() == pytest.approx([1.0] * 4000)
    # A weight's standard deviation is about 1, so that of the mean is about 0.016.
    assert weights.mean(dim=0).tolist() == pytest.approx([1.0] * 4, abs=0.08)
    assert (weights > 0).all()


def test_one_task_weighs_one(given):
    assert RLW(Parameters()).combine(given(losses=[3.0])).tolist() == [1]
