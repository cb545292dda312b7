"""Dropout (Srivastava et al. 2014) with a mask that the CPU draws quickly."""

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

    def forward(self, x: Tensor) -> Tensor:
        """Return x of any shape, partly dropped."""
        if not self.training or self.rate == 0:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.rate)
        kept, scale = draw(x.numel(), self.rate)
        dropped: Tensor = _Dropped.apply(x, kept.view(x.shape), scale)  # type: ignore[no-untyped-call]
        return dropped

    def extra_repr(self) -> str:
        """Return what ``print`` shows of the module."""
        return f"rate={self.rate}"


def draw(count: int, rate: float) -> tuple[Tensor, float]:
    """Return which of so many numbers are kept, and what scales them, from torch's generator.

    Returns:
        A mask [count] of booleans, and the inverse of the share that is kept on average.
    """
    dropped = min(round(rate * RESOLUTION), RESOLUTION - 1)  # below 1, as the rate is
    lowest = torch.iinfo(torch.int64).min
    bits = torch.empty(-(-count // 4), dtype=torch.int64).random_(lowest, None)
    kept = bits.view(torch.int16)[:count] >= dropped - RESOLUTION // 2
    return kept, RESOLUTION / (RESOLUTION - dropped)


class _Dropped(torch.autograd.Function):
    """The product of a tensor with a mask and a scale; it keeps a byte a number."""

    @staticmethod
    def forward(ctx, x: Tensor, kept: Tensor, scale: float) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(kept)
        ctx.scale = scale
        return (x * kept).mul_(scale)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[no-untyped-def]
        (kept,) = ctx.saved_tensors
        return (gradient * kept).mul_(ctx.scale), None, None
