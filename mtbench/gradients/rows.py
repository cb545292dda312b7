"""Rows: products in bfloat16 on the CPU, over as many rows as were met before.

Its kernels (oneDNN's) are compiled for each shape, and kept. Nearly every step of ragged batches
has another number of tokens, and so would compile, and keep, kernels of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MULTIPLE = 64
"""What numbers of rows are rounded up to."""


def is_padded(x: Tensor) -> bool:
    """Whether a linear layer has to pad the rows of its input, under autocast as it is now."""
    return x.ndim > 1 and x.device.type == "cpu" and torch.is_autocast_enabled("cpu")


def pad(x: Tensor, sizes: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return rows as another kind of number, each part of them followed by rows of zeros.

    Args:
        x: [R, d].
        sizes: of the parts, R together.

    Returns:
        [P, d], where P is the sum of the sizes, each rounded up.
    """
    padded = x.new_empty(sum(map(_rounded, sizes)), x.shape[1], dtype=dtype)
    for part, place in zip(x.split(list(sizes)), parts(padded, sizes), strict=True):
        place[: len(part)].copy_(part)
        place[len(part) :].zero_()
    return padded


def parts(padded: Tensor, sizes: Sequence[int]) -> tuple[Tensor, ...]:
    """Return the parts of padded rows, pads included."""
    rounded: tuple[Tensor, ...] = padded.split([_rounded(size) for size in sizes])
    return rounded


def unpad(padded: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return the rows [R, d] that ``pad`` was given, as they are now."""
    real = [part[:size] for part, size in zip(parts(padded, sizes), sizes, strict=True)]
    return real[0] if len(real) == 1 else torch.cat(real)


def _rounded(size: int) -> int:
    return -(-size // MULTIPLE) * MULTIPLE


@contextmanager
def padding(module: nn.Module) -> Iterator[None]:
    """Have the linear layers of a module pad their rows where autocast asks for it."""
    layers = [m for m in module.modules() if type(m) is nn.Linear and "forward" not in vars(m)]
    for layer in layers:
        vars(layer)["forward"] = partial(_linear, layer)
    try:
        yield
    finally:
        for layer in layers:
            del vars(layer)["forward"]


def _linear(layer: nn.Linear, x: Tensor) -> Tensor:
    if not is_padded(x):
        return F.linear(x, layer.weight, layer.bias)
    dtype = torch.get_autocast_dtype("cpu")
    bias = None if layer.bias is None else layer.bias.to(dtype)
    rows = x.flatten(0, -2)
    result: Tensor = _Linear.apply(rows, layer.weight.to(dtype), bias)  # type: ignore[no-untyped-call]
    return result.view(*x.shape[:-1], -1)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.sizes, ctx.dtype = [len(x)], x.dtype
        padded = pad(x, ctx.sizes, weight.dtype)
        ctx.save_for_backward(padded, weight)
        return unpad(F.linear(padded, weight, bias), ctx.sizes)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        padded, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        g = pad(gradient, ctx.sizes, weight.dtype)
        of_x = unpad(g @ weight, ctx.sizes).to(ctx.dtype) if wanted[0] else None
        return of_x, g.T @ padded if wanted[1] else None, g.sum(dim=0) if wanted[2] else None
