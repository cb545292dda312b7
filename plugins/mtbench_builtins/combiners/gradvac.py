"""GradVac: gradients less alike than they used to be are turned towards each other, and summed.

Wang, Tsvetkov, Firat and Cao, 2021, Gradient Vaccine: Investigating and Improving Multi-task
Optimization in Massively Multilingual Models, Algorithm 1: where the cosine
phi of a gradient ``g_i'`` with another task's ``g_j`` is below its target t,
``g_i' += |g_i'| (t sqrt(1 - phi^2) - phi sqrt(1 - t^2)) / (|g_j| sqrt(1 - t^2)) g_j`` makes it
t; then ``t = (1 - beta) t + beta phi``. Targets start at 0, so that the first step is PCGrad's.

As in ``pcgrad``, a turned gradient stays a combination of the original ones, and m coefficients
a task are all there is. The paper keeps targets for each layer by itself, among other choices;
here all shared parameters are one group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from mtbench.api import CombineInput
    from mtbench_builtins.combiners.parameters import GradVacParameters

Targets = Mapping[str, Mapping[str, float]]
"""From the task whose gradient is turned, and the one it is compared with, to a cosine."""

HIGHEST = 1 - 1e-6
"""Highest target: gradients that are not the same cannot be turned until their cosine is 1."""

ROUNDING = 1e-12
"""A squared length below this part of its summands' is nothing but rounding."""


class GradVac:
    """Compares each task's gradient with the others' in an order drawn anew every step.

    Its targets are kept by ordered pairs of tasks' names.
    """

    def __init__(self, parameters: GradVacParameters) -> None:
        self._beta = parameters.beta
        self._targets: dict[str, dict[str, float]] = {}

    def combine(self, x: CombineInput) -> Tensor:
        """Return weights [m], float64, with which the sum is that of the turned gradients."""
        assert x.gramian is not None  # the spec asks for it
        products = x.gramian.tolist()
        turned = []
        for task, name in enumerate(x.tasks):
            known = self._targets.setdefault(name, {})
            order = torch.randperm(len(x.tasks), generator=x.generator).tolist()
            targets = [known.get(other, 0.0) for other in x.tasks]
            coefficients, cosines = turn(products, task, order, targets)
            turned.append(coefficients)
            for other, cosine in cosines.items():
                known[x.tasks[other]] = (1 - self._beta) * targets[other] + self._beta * cosine
        return torch.tensor(turned, dtype=torch.float64).sum(dim=0)

    def state_dict(self) -> dict[str, dict[str, float]]:
        """Return the targets."""
        return _copied(self._targets)

    def load_state_dict(self, state: Targets) -> None:
        """Take the targets back."""
        self._targets = _copied(state)


def _copied(targets: Targets) -> dict[str, dict[str, float]]:
    return {task: dict(of_others) for task, of_others in targets.items()}


def turn(
    products: Sequence[Sequence[float]],
    task: int,
    order: Sequence[int],
    targets: Sequence[float],
) -> tuple[list[float], dict[int, float]]:
    """Return one turned gradient, and its cosines with the others before it was turned to each.

    Args:
        products: [m, m], the inner products of the original gradients.
        task: whose gradient it is.
        order: the others in the order in which it is compared with them; where the task itself
            stands among them, it is passed over.
        targets: [m], the cosines that it should have with them.

    Returns:
        The gradient as coefficients [m] of the original ones. No cosine with a gradient of zero,
        nor of one that became zero by being turned.
    """
    lengths = [sqrt(products[i][i]) for i in range(len(products))]
    coefficients = [0.0] * len(products)
    coefficients[task] = 1.0
    inner = list(products[task])  # <g_i', g_j> for each j: the original g_j, as in PCGrad
    cosines = {}
    for other in order:
        if other == task or lengths[other] == 0:
            continue
        square = sum(c * p for c, p in zip(coefficients, inner, strict=True))
        summands = sum(abs(c) * length for c, length in zip(coefficients, lengths, strict=True))
        if square <= ROUNDING * summands**2:
            continue
        length = sqrt(square)
        cosine = max(-1.0, min(1.0, inner[other] / length / lengths[other]))
        cosines[other] = cosine
        target = min(targets[other], HIGHEST)
        if cosine < target:
            slope = target / sqrt(1 - target**2) * sqrt(1 - cosine**2) - cosine
            factor = slope * length / lengths[other]
            coefficients[other] += factor
            inner = [p + factor * q for p, q in zip(inner, products[other], strict=True)]
    return coefficients, cosines
