"""FAMO: all losses are to fall at the same rate, by one more look at them a step.

Liu, Feng, Stone and Liu, 2023, FAMO: Fast Adaptive Multitask Optimization, Algorithm 1:
``z = softmax(xi)``, weights ``c z_k / L_k`` with ``c = 1 / sum_k z_k / L_k``, and after the
update ``xi -= lr (J^T (log L - log L') + gamma xi)`` with J the Jacobian of the softmax and L'
the losses of the same examples. As in the authors' code, losses are taken above a lower bound
(plus 1e-8 there; never less than 1e-8 above it here), and Adam makes the step of xi.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log, sqrt
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from mtbench.api import CombineInput
    from mtbench_builtins.combiners.parameters import FAMOParameters

LEAST = 1e-8
"""What a loss is above its lower bound, at least."""


class FAMO:
    """Learns a logit a task, which starts at 0.

    The paper's weights add up to 1; here they average 1, as those of the sum do, so that a
    learning rate means the same. A loss at its lower bound takes all the weight, as published,
    though it has nothing left to fall.
    """

    def __init__(self, parameters: FAMOParameters) -> None:
        self._parameters = parameters
        self._logits: dict[str, Logit] = {}

    def combine(self, x: CombineInput) -> Tensor:
        """Return weights [m], float64."""
        losses = zip(x.tasks, x.losses.tolist(), strict=True)
        above = [self._above(task, loss) for task, loss in losses]
        weights = self._shares(x.tasks) / torch.tensor(above, dtype=torch.float64)
        return len(x.tasks) * weights / weights.sum()

    def observe(self, before: Mapping[str, float], after: Mapping[str, float]) -> None:
        """Lower the logits of tasks whose loss fell more than the others'."""
        fall = {t: log(self._above(t, x) / self._above(t, after[t])) for t, x in before.items()}
        shares = dict(zip(fall, self._shares(fall).tolist(), strict=True))
        mean = sum(shares[task] * fall[task] for task in fall)
        for task, value in fall.items():
            logit = self._logits.setdefault(task, Logit())
            gradient = shares[task] * (value - mean)
            logit.step(gradient + self._parameters.gamma * logit.value, self._parameters.lr)

    def _shares(self, tasks: Any) -> Tensor:
        """Return the softmax of the tasks' logits."""
        logits = [self._logits[task].value if task in self._logits else 0.0 for task in tasks]
        return torch.tensor(logits, dtype=torch.float64).softmax(dim=0)

    def _above(self, task: str, loss: float) -> float:
        bound = self._parameters.min_loss
        if loss < bound:
            raise ValueError(f"the loss of {task!r} is {loss:g}, below min_loss = {bound:g}")
        return max(loss - bound, LEAST)

    def state_dict(self) -> dict[str, Any]:
        """Return, by task, the logit and Adam's moments and number of steps."""
        return {task: dict(vars(logit)) for task, logit in self._logits.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take them back."""
        self._logits = {task: Logit(**values) for task, values in state.items()}


class Logit:
    """A number that Adam moves (Kingma and Ba 2015, Algorithm 1, with its default rates)."""

    def __init__(
        self, value: float = 0.0, first: float = 0.0, second: float = 0.0, steps: int = 0
    ) -> None:
        self.value = value
        self.first = first
        self.second = second
        self.steps = steps

    def step(self, gradient: float, lr: float) -> None:
        """Take a step against the gradient."""
        self.steps += 1
        self.first = 0.9 * self.first + 0.1 * gradient
        self.second = 0.999 * self.second + 0.001 * gradient**2
        first = self.first / (1 - 0.9**self.steps)
        second = self.second / (1 - 0.999**self.steps)
        self.value -= lr * first / (sqrt(second) + 1e-8)
