"""Layers over several tasks at once that leave one gradient a task of their parameters.

Shapes: m tasks of a step, R rows of a tensor (tokens or sequences, each of one task).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtbench.gradients.accumulators import Accumulator, Accumulators, BrokenSegments
from mtbench.gradients.rows import is_padded, pad, parts, unpad
from mtbench.protocols import RaggedBatch


class TaskRows:
    """Which rows of a pass belong to which task of the step.

    Args:
        batch: of the pass.
        tasks: the task of each of the batch's parts, counted from 0.
    """

    def __init__(self, batch: RaggedBatch, tasks: Sequence[int]) -> None:
        self.tasks = tuple(tasks)
        bounds = (0, *accumulate(batch.parts))
        self._sizes = {len(batch.ids): [sum(batch.lengths[a:b]) for a, b in pairwise(bounds)]}
        # Where each sequence is one token long, both are the same.
        self._sizes.setdefault(len(batch.lengths), list(batch.parts))

    def sizes(self, tensor: Tensor) -> list[int]:
        """Return how many rows of a tensor of tokens, or of sequences, are of each task.

        Raises:
            BrokenSegments: if it is of neither.
        """
        sizes = self._sizes.get(len(tensor)) if tensor.ndim else None
        if sizes is None:
            raise BrokenSegments(
                f"the encoder declares segments, and applies a layer to shape "
                f"{list(tensor.shape)}, whose first dimension is neither the batch's tokens "
                "nor its sequences"
            )
        return sizes

    def split(self, *tensors: Tensor) -> Iterator[tuple[int, *tuple[Tensor, ...]]]:
        """Yield each task with its rows of such tensors."""
        sizes = self.sizes(tensors[0])
        return zip(self.tasks, *(tensor.split(sizes) for tensor in tensors), strict=True)


def linear(module: nn.Linear, rows: TaskRows, accumulators: Accumulators, x: Tensor) -> Tensor:
    """Return what a linear layer gives, ``x W^T + b``."""
    weight: Tensor = module.weight
    bias: Tensor | None = module.bias
    places = rows, accumulators.get(module.weight), accumulators.get(module.bias)
    if not torch.is_autocast_enabled(x.device.type):
        return _apply(_Linear, x, weight, bias, *places)
    dtype = torch.get_autocast_dtype(x.device.type)
    weight = weight.to(dtype)
    bias = None if bias is None else bias.to(dtype)
    if x.ndim == 2 and is_padded(x):
        return _apply(_PaddedLinear, x, weight, bias, *places)
    return _apply(_Linear, x.to(dtype), weight, bias, *places)


def norm(module: nn.LayerNorm, rows: TaskRows, accumulators: Accumulators, x: Tensor) -> Tensor:
    """Return what a layer norm with a weight gives (Ba et al. 2016)."""
    if x.is_cuda and torch.is_autocast_enabled("cuda"):
        x = x.float()  # as autocast does there, and not on the CPU
    places = rows, accumulators.get(module.weight), accumulators.get(module.bias)
    return _apply(_Norm, x, module.weight, module.bias, module, *places)


def embedding(
    module: nn.Embedding, rows: TaskRows, accumulators: Accumulators, ids: Tensor
) -> Tensor:
    """Return rows of a table."""
    return _apply(_Embedding, ids, module.weight, module, rows, accumulators.get(module.weight))


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> Tensor:
    result: Tensor = function.apply(*arguments)
    return result


def _leave(
    of_tasks: Iterable[tuple[int, Tensor, Tensor]],
    of_weight: Accumulator | None,
    of_bias: Accumulator | None,
) -> None:
    """Leave each task's gradients of a linear layer, from those of its outputs and its inputs."""
    for task, gradient, x in of_tasks:
        g = gradient.flatten(0, -2)  # [R, out]
        if of_weight is not None:
            of_weight.add_product(task, g.T, x.flatten(0, -2))
        if of_bias is not None:
            of_bias.add_sum(task, g)
    if of_weight is not None:
        of_weight.end_pass()


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, *places: Any) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.places = places
        return F.linear(x, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, *tuple[None, ...]]:
        x, weight = ctx.saved_tensors
        rows, *accumulators = ctx.places
        _leave(rows.split(gradient, x), *accumulators)
        of_x = gradient @ weight if ctx.needs_input_grad[0] else None
        return of_x, *(None,) * 5


class _PaddedLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, *places: Any) -> Tensor:
        sizes = places[0].sizes(x)
        padded = pad(x, sizes, weight.dtype)
        ctx.save_for_backward(padded, weight)
        ctx.places, ctx.sizes, ctx.dtype = places, sizes, x.dtype
        return unpad(F.linear(padded, weight, bias), sizes)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, *tuple[None, ...]]:
        x, weight = ctx.saved_tensors
        rows, *accumulators = ctx.places
        padded = pad(gradient, ctx.sizes, weight.dtype)
        of_tasks = rows.tasks, parts(padded, ctx.sizes), parts(x, ctx.sizes)
        _leave(zip(*of_tasks, strict=True), *accumulators)
        wanted = ctx.needs_input_grad[0]
        of_x = unpad(padded @ weight, ctx.sizes).to(ctx.dtype) if wanted else None
        return of_x, *(None,) * 5


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        module: nn.LayerNorm,
        *places: Any,
    ) -> Tensor:
        shape = list(module.normalized_shape)
        result, mean, inverse = torch.native_layer_norm(x, shape, weight, bias, module.eps)
        ctx.save_for_backward(x, mean, inverse, weight, bias)
        ctx.shape, ctx.places = shape, places
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, *tuple[None, ...]]:
        x, mean, inverse, weight, bias = ctx.saved_tensors
        rows, *accumulators = ctx.places
        wanted = [ctx.needs_input_grad[0], *(a is not None for a in accumulators)]
        of_x = []
        for task, g, *saved in rows.split(gradient, x, mean, inverse):
            of_rows, *of_parameters = torch.ops.aten.native_layer_norm_backward(
                g, saved[0], ctx.shape, *saved[1:], weight, bias, wanted
            )
            of_x.append(of_rows)
            for accumulator, of_parameter in zip(accumulators, of_parameters, strict=True):
                if accumulator is not None:
                    accumulator.add(task, of_parameter)
        return torch.cat(of_x) if wanted[0] else None, *(None,) * 6


class _Embedding(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, ids: Tensor, weight: Tensor, module: nn.Embedding, *places: Any
    ) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.padding, ctx.places = module.padding_idx, places
        return F.embedding(ids, weight)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, ...]:
        (ids,) = ctx.saved_tensors
        rows, accumulator = ctx.places
        for task, g, of_task in rows.split(gradient, ids):
            g_rows, taken = g.flatten(0, ids.ndim - 1), of_task.flatten()
            if ctx.padding is not None:
                real = taken != ctx.padding
                g_rows, taken = g_rows[real], taken[real]
            accumulator.add_rows(task, taken, g_rows)
        return (None,) * 5
