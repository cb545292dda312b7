"""Uncertainty weighting: each loss weighs as little as its task is uncertain.

Kendall, Gal and Cipolla, 2018, Multi-Task Learning Using Uncertainty to Weigh Losses for Scene
Geometry and Semantics, equations 7 and 10. With ``s_k = log sigma_k^2`` the paper minimises
``exp(-s_k) L_k / 2 + s_k / 2`` for a regression and ``exp(-s_k) L_k + s_k / 2`` for a
classification. A combiner is not told which loss is which, so that all of them are taken as the
first, times 2: ``exp(-s_k) L_k + s_k``. A classification starts at half of the paper's weight
relative to a regression; where both have settled, the two agree.
"""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

import torch
from scipy.special import lambertw

if TYPE_CHECKING:
    from torch import Tensor

    from mtbench.api import CombineInput
    from mtbench_builtins.combiners.parameters import UncertaintyParameters


class Uncertainty:
    """Learns a log-variance a task, which starts at 0: at first each weighs 1, as in the sum.

    The paper's network learns them along with its weights; here the combiner does, at a
    learning rate of its own. The weights are ``exp(-s_k)`` as published, not normalised: where
    they have settled, each loss times its weight is 1.
    """

    def __init__(self, parameters: UncertaintyParameters) -> None:
        self._lr = parameters.lr
        self._log_variances: dict[str, float] = {}

    def combine(self, x: CombineInput) -> Tensor:
        """Return the weights [m] of before this step's own update of the log-variances."""
        before = [self._log_variances.get(task, 0.0) for task in x.tasks]
        for task, s, loss in zip(x.tasks, before, x.losses.tolist(), strict=True):
            self._log_variances[task] = descend(s, loss, self._lr)
        return torch.tensor([exp(-s) for s in before], dtype=torch.float64)

    def state_dict(self) -> dict[str, float]:
        """Return the log-variances by task."""
        return dict(self._log_variances)

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Take the log-variances back."""
        self._log_variances = dict(state)


def descend(s: float, loss: float, lr: float) -> float:
    """Return a log-variance after a step of gradient descent on ``exp(-s) loss + s``.

    The gradient is that at the end of the step, ``s' = s + lr (exp(-s') loss - 1)``: the same to
    first order, but a loss in the thousands cannot throw s far beyond its optimum, log(loss).
    For a loss of 0, which has no optimum, s stays.
    """
    if loss <= 0:
        return s
    start = s - lr
    return start + float(lambertw(lr * loss * exp(-start)).real)
