"""The Jacobian of a step, kept as it was computed: one gradient a task of each parameter.

Shapes: m tasks, n parameters (as one vector), U rows of an embedding table that occur.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import torch
from torch import Tensor, nn

BLOCK = 1 << 12
"""Numbers that are added up in one go: a long float32 sum on the CPU loses four digits."""


@dataclass(frozen=True)
class ParameterGradients:
    """One parameter's gradients.

    Attributes:
        parameter: whose they are.
        gradients: one a task, of the parameter's shape; None where the task does not use it.
        stacked: the same numbers as one tensor [m, ...], where they lie so.
        products: [m, m] float64, their inner products, where they are known already.
        rows: [U], the rows of the parameter that the gradients [U, ...] are of; all others are
            zero. None where they are of all of it.
        dense: zeros of the parameter's shape, to take the combined gradient of such rows.
    """

    parameter: nn.Parameter
    gradients: Sequence[Tensor | None]
    stacked: Tensor | None = None
    products: Tensor | None = None
    rows: Tensor | None = None
    dense: Tensor | None = None

    @property
    def size(self) -> int:
        """How many numbers a task's gradient has; 0 where no task uses the parameter."""
        return next((g.numel() for g in self.gradients if g is not None), 0)

    def full(self, gradient: Tensor) -> Tensor:
        """Return a gradient of the rows as one of the whole parameter."""
        if self.rows is None:
            return gradient
        assert self.dense is not None
        self.dense[self.rows] = gradient
        return self.dense


def gramian(records: Sequence[ParameterGradients]) -> Tensor:
    """Return the inner products [m, m] of the tasks' gradients, in float64 on the CPU.

    They are summed parameter by parameter; no task's gradient is ever put together.
    """
    tasks = len(records[0].gradients)
    device = records[0].parameter.device
    products = torch.zeros(tasks, tasks, dtype=torch.float64, device=device)
    short: list[Tensor] = []
    for record in records:
        if not record.size:
            continue
        stacked = record.stacked
        if record.products is not None:
            products += record.products
        elif record.size < BLOCK:
            if stacked is None:
                stacked = torch.stack([_whole(record, task) for task in range(tasks)])
            short.append(stacked.reshape(tasks, -1))
        elif stacked is not None:
            products += inner_products(stacked.flatten(1))
        else:
            _add_pairs(products, [None if g is None else g.flatten() for g in record.gradients])
    if short:
        # Biases and norms: dozens of short vectors, which are quicker multiplied as one.
        products += inner_products(torch.cat(short, dim=1))
    return ((products + products.T) / 2).cpu()  # products of matrices round each half its own way


def inner_products(vectors: Tensor) -> Tensor:
    """Return the inner products of the rows of a matrix [m, n], summed block by block."""
    whole = vectors.shape[1] // BLOCK * BLOCK
    blocks = vectors[:, :whole].unflatten(1, (-1, BLOCK)).transpose(0, 1)  # [blocks, m, BLOCK]
    rest = vectors[:, whole:]
    products = torch.bmm(blocks, blocks.mT).sum(dim=0, dtype=torch.float64)
    return products + rest @ rest.T


def _add_pairs(products: Tensor, vectors: Sequence[Tensor | None]) -> None:
    """Add the inner products of vectors, each in memory of its own, to a matrix of them."""
    for i, j in combinations_with_replacement(range(len(vectors)), 2):
        a, b = vectors[i], vectors[j]
        if a is None or b is None:
            continue
        whole = len(a) - len(a) % BLOCK
        blocks = torch.linalg.vecdot(a[:whole].view(-1, BLOCK), b[:whole].view(-1, BLOCK))
        value = blocks.sum(dtype=torch.float64) + torch.dot(a[whole:], b[whole:])
        products[i, j] += value
        if i != j:
            products[j, i] += value


def set_weighted_sum(records: Sequence[ParameterGradients], weights: Tensor) -> None:
    """Set each ``.grad`` to the weighted sum over the tasks, formed in the tasks' own buffers."""
    factors = weights.tolist()
    for record in records:
        update = None
        for factor, gradient in zip(factors, record.gradients, strict=True):
            if gradient is None:
                continue
            if update is not None:
                update.add_(gradient, alpha=factor)
            else:
                update = gradient if factor == 1 else gradient.mul_(factor)
        record.parameter.grad = None if update is None else record.full(update)


def as_matrix(records: Sequence[ParameterGradients]) -> Tensor:
    """Return the tasks' gradients as rows [m, n]; a missing one is zero there."""
    return torch.stack(
        [
            torch.cat([_whole(record, task).flatten() for record in records])
            for task in range(len(records[0].gradients))
        ]
    )


def _whole(record: ParameterGradients, task: int) -> Tensor:
    """Return one task's gradient in the parameter's shape."""
    gradient = record.gradients[task]
    if gradient is None:
        return torch.zeros_like(record.parameter)
    if record.rows is None:
        return gradient
    return torch.zeros_like(record.parameter).index_copy_(0, record.rows, gradient)


def set_parts(records: Sequence[ParameterGradients], update: Tensor) -> None:
    """Set each ``.grad`` to its part of the update [n], where any task used the parameter."""
    parts = update.split([record.parameter.numel() for record in records])
    for record, part in zip(records, parts, strict=True):
        if record.size:
            parameter = record.parameter
            # A copy: clipping works in place, and the update may be the combiner's own state.
            parameter.grad = part.reshape(parameter.shape).to(parameter, copy=True)
