"""Gramians: how TorchJD is asked for weights, of gradients whose size it need not know."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mtbench_torchjd.isolation import isolated

if TYPE_CHECKING:
    from mtbench.api import CombineInput


class GramianCombiner(ABC):
    """Has weights made of a Gramian, apart from the rest of the process.

    TorchJD is handed the Gramian of gradients whose root mean square norm is about 1, and what
    it answers is scaled back. Thereby its absolute epsilons become relative ones, and no method
    depends on the units of the losses in another way than its paper says.
    """

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters

    def combine(self, x: CombineInput) -> Tensor:
        """Return weights [m], float64; zeros where every gradient is zero."""
        assert x.gramian is not None  # the spec asks for it
        gramian = x.gramian.to("cpu", torch.float64)
        if not gramian.diagonal().any():
            return gramian.new_zeros(len(x.tasks))
        with isolated(x.generator):
            return self.weights(x.tasks, gramian)

    @abstractmethod
    def weights(self, tasks: tuple[str, ...], gramian: Tensor) -> Tensor:
        """Return weights [m].

        Args:
            tasks: names of the m tasks.
            gramian: [m, m] float64, not all zero.
        """


def root_mean_square(gramian: Tensor) -> float:
    """Return the root mean square of the gradients' norms."""
    return float(gramian.diagonal().mean().sqrt())


def factor(gramian: Tensor) -> tuple[Tensor, Tensor]:
    """Return m gradients in m dimensions with a given Gramian, and the way back.

    An aggregator that turns with its input, ``f(J Q) = f(J) Q`` for orthonormal rows of Q, needs
    no more of the Jacobian than such a factor. In float64, and of this size, its pseudo-inverse
    has a tolerance that means something; that of a long Jacobian in float32, ``n`` times the
    machine's precision, would cut off everything.

    Args:
        gramian: [m, m] float64.

    Returns:
        ``L`` [m, m] with ``L L^T`` the Gramian, and ``B`` [m, m]: ``B v`` are the weights with
        which the rows of L make ``v``. Eigenvalues that are rounding errors count as zero.
    """
    values, vectors = torch.linalg.eigh(gramian)
    noise = values[-1] * len(values) * torch.finfo(values.dtype).eps
    roots = torch.where(values > noise, values, 0.0).sqrt()
    inverse = torch.where(roots > 0, 1 / roots, 0.0)
    return vectors * roots, vectors * inverse


def preference_vector(tasks: tuple[str, ...], preference: Mapping[str, float]) -> Tensor | None:
    """Return the weights of a step's tasks [m], with a sum of 1; None where none are named."""
    if not preference:
        return None
    values = torch.tensor([preference.get(task, 1.0) for task in tasks], dtype=torch.float64)
    total = values.sum()
    return values / total if total > 0 else values
