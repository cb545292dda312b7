"""CAGrad: near the mean gradient, the update by which the worst-off loss falls most.

Liu, Liu, Jin, Stone and Liu, 2021, Conflict-Averse Gradient Descent for Multi-task Learning,
Algorithm 1: ``max_d min_k <g_k, d>`` with ``|d - g_0| <= c |g_0|`` and ``g_0`` the mean of the
gradients. By its dual ``d = g_0 + c |g_0| g_w / |g_w|``, where ``g_w`` is the weighted
mean of the gradients that makes ``<g_w, g_0> + c |g_0| |g_w|`` least.

The same in other words: with ``b >= 0`` the length of the detour, d is the shortest weighted mean
of the vectors ``g_0 + b g_k``, and b is the largest for which d keeps to the ball. So one root of
one growing function is all there is to find.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.optimize import brentq

from mtbench_builtins.combiners.min_norm import min_norm_weights, vectors

if TYPE_CHECKING:
    from torch import Tensor

    from mtbench.api import CombineInput
    from mtbench_builtins.combiners.min_norm import Floats
    from mtbench_builtins.combiners.parameters import CAGradParameters

SHORTEST = 1e-4
"""Length of ``g_w``, relative to its terms', below which float32 gradients say nothing of it.

Where gradients can balance out (a Pareto-stationary point), the detour ends there. One that is
merely short, beside others, balances nothing.
"""

NOTHING = 1e-8
"""Length, relative to the gradients', that a Gramian of float64 tells from zero."""


class CAGrad:
    """Goes from the mean gradient towards the tasks that it serves least.

    The base is the mean, as in the paper, not the sum. The update is divided by 1 + c, one of
    the authors' three ways (their code has 1 + c^2 and no division, too): where all gradients
    are the same, or there is one, the update is that gradient.
    """

    def __init__(self, parameters: CAGradParameters) -> None:
        self._c = parameters.c

    def combine(self, x: CombineInput) -> Tensor:
        """Return weights [m], float64."""
        assert x.gramian is not None  # the spec asks for it
        return torch.from_numpy(cagrad_weights(vectors(x.gramian), self._c) / (1 + self._c))


def cagrad_weights(gradients: Floats, c: float) -> Floats:
    """Return the weights [m] of the paper's d, which is not divided by anything.

    Args:
        gradients: [r, m], one a column, whose squares average 1.
        c: radius of the ball, relative to the mean gradient.
    """
    m = gradients.shape[1]
    mean = gradients.mean(axis=1, keepdims=True)
    radius = c * float(np.linalg.norm(mean))
    if radius == 0:
        return np.full(m, 1 / m)

    def weights(detour: float) -> Floats:
        return min_norm_weights(mean + detour * gradients)

    def excess(detour: float) -> float:
        return detour * float(np.linalg.norm(gradients @ weights(detour))) - radius

    least = min_norm_weights(gradients)
    terms = float(np.linalg.norm(gradients, axis=0) @ least)
    shortest = float(np.linalg.norm(gradients @ least))
    detour = radius / max(shortest, SHORTEST * terms, NOTHING)
    if excess(detour) > 0:
        detour = brentq(excess, 0, detour, xtol=1e-15 * detour)
    found: Floats = 1 / m + detour * weights(detour)
    return found
