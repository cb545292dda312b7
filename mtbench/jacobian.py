"""The Jacobian of a step, kept as it was computed: one gradient a task, one tensor a parameter.

Shapes: m tasks, n parameters (as one vector).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import torch
from torch import Tensor, nn

Gradients = list[Tensor | None]
"""One task's gradient, a tensor a parameter; None where the task does not use the parameter."""

BLOCK = 1 << 14
"""Numbers that the CPU adds up in one go: a long float32 sum there loses four digits."""


def gramian(gradients: Sequence[Gradients]) -> Tensor:
    """Return the inner products [m, m] of the tasks' gradients, in float64 on the CPU."""
    blocks = [[_blocks(gradient) for gradient in of_task] for of_task in gradients]
    products = torch.zeros(len(gradients), len(gradients), dtype=torch.float64)
    for i, j in combinations_with_replacement(range(len(gradients)), 2):
        terms = [
            torch.dot(a, b)
            for of_parameter in zip(blocks[i], blocks[j], strict=True)
            for a, b in zip(*of_parameter, strict=False)  # a missing gradient has no blocks
        ]
        if terms:
            products[i, j] = products[j, i] = torch.stack(terms).sum(dtype=torch.float64)
    return products


def set_weighted_sum(
    parameters: Sequence[nn.Parameter], gradients: Sequence[Gradients], weights: Tensor
) -> None:
    """Set each ``.grad`` to the weighted sum over the tasks, formed in the tasks' own buffers."""
    factors = weights.tolist()
    for parameter, of_tasks in zip(parameters, zip(*gradients, strict=True), strict=True):
        update = None
        for factor, gradient in zip(factors, of_tasks, strict=True):
            if gradient is None:
                continue
            if update is None:
                update = gradient.mul_(factor)
            else:
                update.add_(gradient, alpha=factor)
        parameter.grad = update


def as_matrix(parameters: Sequence[nn.Parameter], gradients: Sequence[Gradients]) -> Tensor:
    """Return the tasks' gradients as rows [m, n]; a missing one is zero there."""
    return torch.stack(
        [
            torch.cat(
                [
                    (torch.zeros_like(parameter) if gradient is None else gradient).flatten()
                    for parameter, gradient in zip(parameters, of_task, strict=True)
                ]
            )
            for of_task in gradients
        ]
    )


def set_parts(
    parameters: Sequence[nn.Parameter], gradients: Sequence[Gradients], update: Tensor
) -> None:
    """Set each ``.grad`` to its part of the update [n], where any task used the parameter."""
    parts = update.split([parameter.numel() for parameter in parameters])
    of_tasks = zip(*gradients, strict=True)
    for parameter, part, of_parameter in zip(parameters, parts, of_tasks, strict=True):
        if any(gradient is not None for gradient in of_parameter):
            # A copy: clipping works in place, and the update may be the combiner's own state.
            parameter.grad = part.reshape(parameter.shape).to(parameter, copy=True)


def _blocks(gradient: Tensor | None) -> Sequence[Tensor]:
    """Return a gradient as flat pieces that can be added up without losing digits."""
    if gradient is None:
        return ()
    flat = gradient.flatten()
    return torch.split(flat, BLOCK if flat.device.type == "cpu" else max(1, flat.numel()))
