"""IMTL-G: the update that has the same projection on every task's gradient.

Liu, Li, Kuang, Xue, Chen, Yang, Liao and Zhang, 2021, Towards Impartial Multi-task Learning, its
balance of gradients: with ``u_i = g_i / |g_i|``, ``<sum_k w_k g_k, u_i>`` is the same for all i,
and ``sum_k w_k = 1``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from mtbench.api import CombineInput, Parameters

SINGULAR = 1e-9
"""Eigenvalues of the cosines, whose mean is 1, count as this where they are less."""

NOTHING = 1e-6
"""A sum below this part of its terms is nothing that float32 gradients tell apart from 0."""


class IMTLG:
    """Weighs the tasks so that each pulls alike; weights add up to 1, and may be negative."""

    def __init__(self, parameters: Parameters) -> None:
        """Take no parameters of its own."""

    def combine(self, x: CombineInput) -> Tensor:
        """Return weights [m], float64."""
        assert x.gramian is not None  # the spec asks for it
        return imtl_g_weights(x.gramian)


def imtl_g_weights(gramian: Tensor) -> Tensor:
    """Return the weights [m]: ``w_k = a_k / |g_k|`` with ``K a = 1`` and K the cosines.

    That is the paper's closed form, up to the sum of the weights, in the way in which gradients
    of different lengths make it no worse conditioned. Where K is singular the solution is taken
    that the smallest positive ridge would give: opposite gradients balance out. A task whose
    gradient is zero weighs nothing. Weights are equal where none have both properties.

    Args:
        gramian: [m, m] float64, inner products of the gradients.
    """
    lengths = gramian.diagonal().sqrt()
    inverse = torch.where(lengths > 0, 1 / lengths, 0.0)
    values, bases = torch.linalg.eigh(gramian * inverse * inverse[:, None])
    alike = bases @ ((bases.T @ (lengths > 0).double()) / values.clamp(min=SINGULAR))
    weights: Tensor = alike * inverse * lengths.max()  # so that nothing overflows
    total = weights.sum()
    if total.abs() <= NOTHING * weights.abs().sum():
        return torch.full_like(lengths, 1 / len(lengths))
    return weights.div(total)
