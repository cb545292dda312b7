"""Layers over several tasks at once that leave one gradient a task of their parameters.

Shapes: m tasks of a step, R rows of a tensor (tokens or sequences, each of one task), U rows of
an embedding table that occur.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtbench.gradients.jacobian import BLOCK, ParameterGradients, inner_products
from mtbench.protocols import RaggedBatch


class BrokenSegments(RuntimeError):
    """An encoder that declares segments uses a parameter in a way that breaks the promise."""

    part = "encoder"


class TaskRows:
    """Which rows of a pass belong to which task of the step.

    Args:
        batch: of the pass.
        tasks: the task of each of the batch's parts, counted from 0.
    """

    def __init__(self, batch: RaggedBatch, tasks: Sequence[int]) -> None:
        self._tasks = tuple(tasks)
        bounds = (0, *accumulate(batch.parts))
        self._sizes = {len(batch.ids): [sum(batch.lengths[a:b]) for a, b in pairwise(bounds)]}
        # Where each sequence is one token long, both are the same.
        self._sizes.setdefault(len(batch.lengths), list(batch.parts))

    def split(self, *tensors: Tensor) -> Iterator[tuple[int, *tuple[Tensor, ...]]]:
        """Yield each task with its rows of tensors of tokens, or of sequences.

        Raises:
            BrokenSegments: if they are of neither.
        """
        sizes = self._sizes.get(len(tensors[0])) if tensors[0].ndim else None
        if sizes is None:
            raise BrokenSegments(
                f"the encoder declares segments, and applies a layer to shape "
                f"{list(tensors[0].shape)}, whose first dimension is neither the batch's tokens "
                "nor its sequences"
            )
        parts = (tensor.split(sizes) for tensor in tensors)
        return zip(self._tasks, *parts, strict=True)


class Accumulator:
    """One parameter's gradients, one a task, in a buffer that is used again from step to step.

    Of an embedding table only the rows that occur are kept, until they are combined.
    """

    def __init__(self, parameter: nn.Parameter) -> None:
        self._parameter = parameter
        self._buffer: Tensor | None = None  # [m or more, *shape]
        self._dense: Tensor | None = None
        self._rows: Tensor | None = None
        self.begin(0)

    def begin(self, tasks: int, *, take_products: bool = False) -> None:
        """Forget the last step; the next one has so many tasks.

        Args:
            take_products: whether inner products are taken as soon as a pass ends: one pass makes
                up the step, and they will be asked for.
        """
        self._tasks = tasks
        self._take_products = take_products
        self._products: Tensor | None = None
        self._used: set[int] = set()
        self._pieces: list[tuple[int, Tensor, Tensor]] = []
        if self._buffer is not None and len(self._buffer) < tasks:
            self._buffer = None
        if self._dense is not None and self._rows is not None:
            self._dense[self._rows] = 0
            self._rows = None

    def add(self, task: int, gradient: Tensor) -> None:
        """Add to a task's gradient."""
        place = self._all()[task]
        if task in self._used:
            place.add_(gradient)
        else:
            place.copy_(gradient)
        self._used.add(task)

    def add_product(self, task: int, a: Tensor, b: Tensor) -> None:
        """Add the product of two matrices to a task's gradient, in place where types agree."""
        place = self._all()[task]
        if a.dtype != place.dtype:
            self.add(task, a @ b)
            return
        if task in self._used:
            place.addmm_(a, b)
        else:
            torch.mm(a, b, out=place)
        self._used.add(task)

    def end_pass(self) -> None:
        """Take the inner products while the gradients are still in the processor's cache."""
        if (
            self._take_products
            and len(self._used) == self._tasks
            and self._parameter.numel() >= BLOCK
        ):
            self._products = inner_products(self._all().flatten(1))

    def add_rows(self, task: int, rows: Tensor, gradient: Tensor) -> None:
        """Add a gradient [R, d] of some rows [R] of the parameter, with repetitions."""
        self._pieces.append((task, rows, gradient))

    def gradients(self) -> ParameterGradients:
        """Return the gradients of all tasks."""
        if self._pieces:
            return self._of_rows()
        if not self._used:
            return ParameterGradients(self._parameter, [None] * self._tasks)
        buffer = self._all()
        of_tasks = [buffer[task] if task in self._used else None for task in range(self._tasks)]
        whole = len(self._used) == self._tasks
        return ParameterGradients(
            self._parameter, of_tasks, stacked=buffer if whole else None, products=self._products
        )

    def _all(self) -> Tensor:
        if self._buffer is None:
            self._buffer = self._parameter.new_empty(self._tasks, *self._parameter.shape)
        return self._buffer[: self._tasks]

    def _of_rows(self) -> ParameterGradients:
        if self._used:
            raise BrokenSegments(
                "the encoder declares segments, and uses one parameter as an embedding table and "
                "in another way"
            )
        tasks, rows, gradients = zip(*self._pieces, strict=True)
        occurring, inverse = torch.cat(rows).unique(return_inverse=True)  # [U], [R of all pieces]
        sums = self._parameter.new_zeros(self._tasks, len(occurring), *self._parameter.shape[1:])
        for task, place, gradient in zip(
            tasks, inverse.split([len(r) for r in rows]), gradients, strict=True
        ):
            sums[task].index_add_(0, place, gradient)
        if self._dense is None:
            self._dense = torch.zeros_like(self._parameter)
        self._rows = occurring
        return ParameterGradients(
            self._parameter, list(sums), stacked=sums, rows=occurring, dense=self._dense
        )


Accumulators = Mapping[Tensor | None, Accumulator]
"""By the parameter; there is none for what is not trained, or not there."""


def linear(module: nn.Linear, rows: TaskRows, accumulators: Accumulators, x: Tensor) -> Tensor:
    """Return what a linear layer gives, ``x W^T + b``."""
    weight: Tensor = module.weight
    bias: Tensor | None = module.bias
    if torch.is_autocast_enabled(x.device.type):
        dtype = torch.get_autocast_dtype(x.device.type)
        x, weight = x.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    places = rows, accumulators.get(module.weight), accumulators.get(module.bias)
    return _apply(_Linear, x, weight, bias, *places)


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
        rows, of_weight, of_bias = ctx.places
        for task, g, of_task in rows.split(gradient, x):
            g_rows = g.flatten(0, -2)  # [R, out]
            if of_weight is not None:
                of_weight.add_product(task, g_rows.T, of_task.flatten(0, -2))
            if of_bias is not None:
                of_bias.add(task, g_rows.sum(dim=0))
        if of_weight is not None:
            of_weight.end_pass()
        of_x = gradient @ weight if ctx.needs_input_grad[0] else None
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
