from math import sqrt

import pytest
import torch
from torch import Tensor

from mtbench_builtins.encoders.dropout import RESOLUTION, Dropout, draw

MANY = 1 << 20


# --- the mask ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9, 1 / RESOLUTION])
def test_exactly_the_lowest_of_all_numbers_are_dropped(rate: float) -> None:
    torch.manual_seed(7)
    factors = draw(MANY, rate, torch.float64)

    torch.manual_seed(7)
    bits = torch.empty(MANY // 4, dtype=torch.int64).random_(torch.iinfo(torch.int64).min, None)
    numbers = bits.view(torch.int16).int() + RESOLUTION // 2  # from 0 to 65535
    dropped = round(rate * RESOLUTION)
    assert factors.unique().tolist() == [0, RESOLUTION / (RESOLUTION - dropped)]
    assert torch.equal(factors > 0, numbers >= dropped)


def test_a_pinned_mask() -> None:
    # The generator's 32-bit numbers after seed 0 start with 0x8c7f0aac and 0x97c4aa2f, which
    # make up the first 64: from the lowest, aa2f, 97c4, 0aac and 8c7f. All but 0aac are negative
    # and below a quarter of the range, which ends before c000.
    torch.manual_seed(0)
    factors = draw(22, 0.25)
    assert "".join(str(int(factor > 0)) for factor in factors) == "0010110011001110100111"
    assert factors.max() == torch.tensor(4 / 3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_factors_have_the_digits_of_float32_at_least(dtype: torch.dtype) -> None:
    wide = torch.float32 if dtype == torch.bfloat16 else dtype
    assert draw(5, 0.1, dtype).dtype == wide


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_the_share_that_is_kept(rate: float) -> None:
    factors = draw(MANY, rate, torch.float64)
    share = 1 / factors.max().item()
    assert share == pytest.approx(1 - rate, abs=0.5 / RESOLUTION)
    kept = (factors > 0).double().mean()
    assert abs(kept - share) < 5 * sqrt(share * (1 - share) / MANY)
    # So the mean of what is scaled stays.
    assert abs(factors.mean() - 1) < 5 * sqrt((1 - share) / share / MANY)


@pytest.mark.parametrize("lag", [1, 2, 3, 4])
def test_neighbours_are_independent(lag: int) -> None:
    factors = draw(MANY, 0.3, torch.float64)
    share = 1 / factors.max().item()
    centred = (factors > 0).double() - share
    correlation = (centred[lag:] * centred[:-lag]).mean() / (share * (1 - share))
    assert abs(correlation) < 5 / sqrt(MANY - lag)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8, 9])
def test_any_count_is_the_start_of_a_longer_mask(count: int) -> None:
    torch.manual_seed(1)
    longer = draw(12, 0.5)
    torch.manual_seed(1)
    assert torch.equal(draw(count, 0.5), longer[:count])


@pytest.mark.parametrize(("rate", "dropped"), [(1e-6, 0), (0.999999, RESOLUTION - 1)])
def test_rates_between_the_lowest_and_the_highest(rate: float, dropped: int) -> None:
    factors = draw(MANY, rate, torch.float64)
    scale = RESOLUTION / (RESOLUTION - dropped)
    expected = MANY / scale
    assert set(factors.unique().tolist()) <= {0, scale}
    assert abs((factors > 0).sum() - expected) <= 5 * sqrt(expected * dropped / RESOLUTION)


# --- the module -------------------------------------------------------------------------------


def dropped(x: Tensor, rate: float) -> Tensor:
    """Drop under the mask that ``draw`` gives first after the same seed."""
    torch.manual_seed(7)
    return Dropout(rate)(x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 7), (1,), (0, 4), ()])
def test_the_product_with_mask_and_scale(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    x = torch.randn(shape, dtype=dtype, requires_grad=True)
    before, factors = x.detach().clone(), torch.randn(shape, dtype=dtype)

    y = dropped(x, 0.2)
    (y * factors).sum().backward()

    torch.manual_seed(7)
    scales = draw(x.numel(), 0.2, dtype).view(shape)
    assert y.dtype == x.grad.dtype == dtype
    assert torch.equal(y, (before * scales).to(dtype))
    assert torch.equal(x.grad, (factors * scales).to(dtype))
    assert torch.equal(x, before)


@pytest.mark.parametrize("mode", ["trained", "evaluated"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_residual_is_added(dtype: torch.dtype, mode: str) -> None:
    x, residual = (torch.randn(5, 3, dtype=dtype, requires_grad=True) for _ in range(2))
    factors = torch.randn(5, 3, dtype=dtype)
    module = Dropout(0.2).train(mode == "trained")

    torch.manual_seed(7)
    y = module(x, residual=residual)
    found = torch.autograd.grad((y * factors).sum(), (x, residual))

    torch.manual_seed(7)
    expected = residual + module(x)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(
        found, torch.autograd.grad((expected * factors).sum(), (x, residual))
    )


def test_the_gradient_is_that_of_small_differences() -> None:
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda given: dropped(given, 0.4), (x,))


def test_a_view_is_dropped_in_its_own_order() -> None:
    x = torch.randn(4, 6).T
    assert torch.equal(dropped(x, 0.5), dropped(x.contiguous(), 0.5))


def test_nothing_is_drawn_at_rate_zero_or_in_evaluation() -> None:
    x, state = torch.randn(3, 3), torch.get_rng_state()
    assert Dropout(0.0).train()(x) is x
    assert Dropout(0.5).eval()(x) is x
    assert torch.equal(torch.get_rng_state(), state)


def test_the_mode_can_be_switched_back() -> None:
    module, x = Dropout(0.5), torch.ones(1000)
    assert module.training
    assert set(module(x).tolist()) == {0, 2}
    assert module.eval()(x) is x
    assert set(module.train()(x).tolist()) == {0, 2}


def test_the_mask_follows_the_global_generator() -> None:
    module, x = Dropout(0.5), torch.ones(100)
    outputs = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        outputs.append((module(x), module(x)))
    assert torch.equal(outputs[0][0], outputs[1][0])
    assert torch.equal(outputs[0][1], outputs[1][1])
    assert not torch.equal(outputs[0][0], outputs[0][1])
    assert not torch.equal(outputs[0][0], outputs[2][0])


def test_other_devices_have_their_own_dropout() -> None:
    y = Dropout(0.5)(torch.ones(7, 3, device="meta"))
    assert (y.shape, y.device.type) == ((7, 3), "meta")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_drops_at_the_rate() -> None:
    y = Dropout(0.25)(torch.ones(MANY, device="cuda"))
    assert abs((y != 0).double().mean().item() - 0.75) < 5 * sqrt(0.75 * 0.25 / MANY)
    assert y.max().item() == pytest.approx(4 / 3)


def test_its_representation() -> None:
    assert repr(Dropout(0.1)) == "Dropout(rate=0.1)"
    assert list(Dropout(0.1).state_dict()) == []
