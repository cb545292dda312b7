"""PCGrad: gradients in conflict are projected onto each other's normal plane, then summed.

Yu et al., 2020, Gradient Surgery for Multi-Task Learning, Algorithm 1. A projected gradient
stays a combination of the original ones, so the whole algorithm needs their inner products
only: it runs on m coefficients a task, and no vector of the parameters' size is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from mtbench.api import CombineInput, Parameters


class PCGrad:
    """Projects each task's gradient on the others in an order drawn anew every step."""

    def __init__(self, parameters: Parameters) -> None:
        """Take no parameters of its own."""

    def combine(self, x: CombineInput) -> Tensor:
        """Return weights [m], float64."""
        assert x.gramian is not None  # the spec asks for it
        m = len(x.tasks)
        orders = [torch.randperm(m, generator=x.generator).tolist() for _ in range(m)]
        return pcgrad_weights(x.gramian, orders)


def pcgrad_weights(gramian: Tensor, orders: Sequence[Sequence[int]]) -> Tensor:
    """Return the weights w [m] with which ``sum_k w_k g_k`` is the sum of the projected gradients.

    The weights do not change when all gradients are scaled by one factor.

    Args:
        gramian: [m, m] float64, ``gramian[i, j] = <g_i, g_j>``.
        orders: for each task, the others in the order in which it is projected on them; where
            the task itself stands among them, it is passed over.
    """
    products = gramian.tolist()
    projected = [project(products, task, order) for task, order in enumerate(orders)]
    return torch.tensor(projected, dtype=gramian.dtype).sum(dim=0)


def project(products: Sequence[Sequence[float]], task: int, order: Sequence[int]) -> list[float]:
    """Return one projected gradient as coefficients [m] of the original gradients.

    Args:
        products: [m, m], the inner products of the original gradients.
        task: whose gradient it is.
        order: as in ``pcgrad_weights``.
    """
    coefficients = [0.0] * len(products)
    coefficients[task] = 1.0
    for other in order:
        if other == task or products[other][other] == 0:
            continue
        # <pc, g_other>: always the original g_other, whatever became of it in its own turn.
        inner = sum(c * row[other] for c, row in zip(coefficients, products, strict=True))
        if inner < 0:
            coefficients[other] -= inner / products[other][other]
    return coefficients
