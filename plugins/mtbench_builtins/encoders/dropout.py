"""Dropout (Srivastava et al. 2014) with a mask that the CPU draws quickly."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

RESOLUTION = 1 << 16
"""A number is dropped by 16 random bits, so rates are multiples of 1 / RESOLUTION."""


class Dropout(nn.Module):
    """Set numbers to zero at a rate while training, and scale up those that are kept.

    On the CPU ``nn.Dropout`` draws each number of the mask by itself, which takes as long as a
    fifth of the matrix products of a small BERT; here one draw of 64 bits serves four numbers.
    The rate is rounded to a multiple of 2^-16, and the scale is that of the rounded rate.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """Return x of any shape, partly dropped; with a residual of its shape, added to that."""
        if not self.training or self.rate == 0:
            return x if residual is None else residual + x
        if x.device.type != "cpu":
            dropped = F.dropout(x, self.rate)
            return dropped if residual is None else residual + dropped
        factors = draw(x.numel(), self.rate, x.dtype).view(x.shape)
        scaled: Tensor = _Scaled.apply(x, factors, residual)  # type: ignore[no-untyped-call]
        return scaled

    def extra_repr(self) -> str:
        """Return what ``print`` shows of the module."""
        return f"rate={self.rate}"


def draw(count: int, rate: float, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return what so many numbers are multiplied by, drawn from torch's generator.

    Args:
        dtype: of the numbers; in half precision the factors are float32.

    Returns:
        [count]: 0 for what is dropped, and for what is kept the inverse of the share that is
        kept on average.
    """
    dropped = min(round(rate * RESOLUTION), RESOLUTION - 1)  # below 1, as the rate is
    lowest = torch.iinfo(torch.int64).min
    bits = torch.empty(-(-count // 4), dtype=torch.int64).random_(lowest, None)
    numbers = bits.view(torch.int16)[:count]
    factors = torch.empty(count, dtype=torch.promote_types(dtype, torch.float32))
    torch.ge(numbers, dropped - RESOLUTION // 2, out=factors)  # 1 for what is kept
    return factors.mul_(RESOLUTION / (RESOLUTION - dropped))


class _Scaled(torch.autograd.Function):
    """The product of a tensor with factors, added to a residual where there is one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factors: Tensor, residual: Tensor | None) -> Tensor:
        ctx.save_for_backward(factors)
        ctx.dtype = x.dtype
        if residual is None:
            return (x * factors).to(x.dtype)
        if residual.dtype == x.dtype == factors.dtype:
            return torch.addcmul(residual, x, factors)
        return residual + (x * factors).to(x.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, Tensor | None]:
        (factors,) = ctx.saved_tensors
        of_residual = gradient if ctx.needs_input_grad[2] else None
        return (gradient * factors).to(ctx.dtype), None, of_residual
