"""Dynamic weight average: tasks whose loss falls slowly weigh more.

Liu, Johns and Davison, 2019, End-to-End Multi-Task Learning with Attention, equation 7:
``w_k = K softmax(r / T)_k``, ``r_k = L_k(t - 1) / L_k(t - 2)``.
"""

from __future__ import annotations

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
        self._open: dict[str, list[float]] = {}
        self._means: dict[str, list[float]] = {}

    def combine(self, x: CombineInput) -> Tensor:
        """Return the weights [m] that the losses of earlier steps make."""
        ratios = [ratio(self._means.get(task, [])) for task in x.tasks]
        for task, loss in zip(x.tasks, x.losses.tolist(), strict=True):
            self._take(task, loss)
        logits = torch.tensor(ratios, dtype=torch.float64) / self._temperature
        return len(x.tasks) * logits.softmax(dim=0)

    def _take(self, task: str, loss: float) -> None:
        window = self._open.setdefault(task, [])
        window.append(loss)
        if len(window) == self._window:
            means = [*self._means.get(task, []), sum(window) / len(window)]
            self._means[task] = means[-2:]
            window.clear()

    def state_dict(self) -> dict[str, Any]:
        """Return, by task, the losses of the open window and the means of the last two."""
        return {
            "open": {task: list(losses) for task, losses in self._open.items()},
            "means": {task: list(means) for task, means in self._means.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take both back."""
        self._open = {task: list(losses) for task, losses in state["open"].items()}
        self._means = {task: list(means) for task, means in state["means"].items()}


def ratio(means: list[float]) -> float:
    """Return the last mean over the one before; 1 where there are no two, or that one is 0."""
    return means[1] / means[0] if len(means) == 2 and means[0] else 1.0
