"""MGDA: the shortest of all weighted means of the gradients, along which every loss falls.

Désidéri, 2012, Multiple-gradient descent algorithm (MGDA) for multiobjective optimization, and
Sener and Koltun, 2018, Multi-Task Learning as Multi-Objective Optimization, equation 3:
``min |sum_k w_k g_k|^2`` over ``w_k >= 0``, ``sum_k w_k = 1``. The latter approach the point by
Frank and Wolfe's steps; here it is found exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mtbench_builtins.combiners.min_norm import min_norm_weights, vectors

if TYPE_CHECKING:
    from torch import Tensor

    from mtbench.api import CombineInput, Parameters


class MGDA:
    """Weighs the tasks by the min-norm point; the weights add up to 1, as published.

    So does its fault: a task whose gradient is far shorter than the others' decides the update,
    and one whose gradient is zero stops all.
    """

    def __init__(self, parameters: Parameters) -> None:
        """Take no parameters of its own."""

    def combine(self, x: CombineInput) -> Tensor:
        """Return weights [m], float64."""
        assert x.gramian is not None  # the spec asks for it
        return torch.from_numpy(min_norm_weights(vectors(x.gramian)))
