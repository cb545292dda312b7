"""Dynamic weight average: tasks whose loss falls slowly weigh more.

Liu, Johns and Davison, 2019, End-to-End Multi-Task Learning with Attention, equation 7:
``w_k = K softmax(r / T)_k``, ``r_k = L_k(t - 1) / L_k(t - 2)``.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from mtbench.api import CombineInput
    from mtbench_builtins.combiners.parameters import DWAParameters


class DWA:
    """Compares the means of a task's last two windows of losses.

    The paper's ``L_k(t)`` is the mean over an epoch; here an epoch is a window of so many of
    the task's own losses, since tasks are of different sizes and may be absent from a step.
    Until two windows are full, ``r_k`` is 1. The weights average 1, as in the paper.
    """

    def __init__(self, parameters: DWAParameters) -> None:
        self._temperature = parameters.temperature
        self._window = parameters.window
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._means: dict[str, list[float]] = {}

    def combine(self, x: CombineInput) -> Tensor:
        """Return the weights [m] that the losses of earlier steps make."""
        ratios = [ratio(self._means.get(task, [])) for task in x.tasks]
        for task, loss in zip(x.tasks, x.losses.tolist(), strict=True):
            self._take(task, loss)
        logits = torch.tensor(ratios, dtype=torch.float64) / self._temperature
        return len(x.tasks) * logits.softmax(dim=0)

    def _take(self, task: str, loss: float) -> None:
        self._sums[task] = self._sums.get(task, 0.0) + loss
        self._counts[task] = self._counts.get(task, 0) + 1
        if self._counts[task] == self._window:
            means = [*self._means.get(task, []), self._sums[task] / self._window]
            self._means[task] = means[-2:]
            self._sums[task], self._counts[task] = 0.0, 0

    def state_dict(self) -> dict[str, Any]:
        """Return, by task, sum and number of the losses in the open window, and the last means."""
        return deepcopy({"sums": self._sums, "counts": self._counts, "means": self._means})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take all of it back."""
        self._sums, self._counts, self._means = (
            deepcopy(state[name]) for name in ("sums", "counts", "means")
        )


def ratio(means: list[float]) -> float:
    """Return the last mean over the one before; 1 where there are no two, or that one is 0."""
    return means[1] / means[0] if len(means) == 2 and means[0] else 1.0
