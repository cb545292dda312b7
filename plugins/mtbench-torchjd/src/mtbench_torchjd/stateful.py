"""Stateful: TorchJD's aggregators that need the Gramian only and remember earlier steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchjd import aggregation

from mtbench_torchjd import weightings
from mtbench_torchjd.gramians import GramianCombiner, factor, root_mean_square
from mtbench_torchjd.groups import Group, Remembering
from mtbench_torchjd.parameters import (
    AlignedMTLParameters,
    CAGradParameters,
    DualProjParameters,
    MGDAParameters,
    UPGradParameters,
)

DEFAULT_TAU = 0.02
SMOOTHABLE: Mapping[str, Any] = {
    "aligned-mtl": (weightings.AlignedMTL, AlignedMTLParameters),
    "cagrad": (weightings.CAGrad, CAGradParameters),
    "dualproj": (weightings.DualProj, DualProjParameters),
    "imtl-g": (weightings.IMTLG, None),
    "mgda": (weightings.MGDA, MGDAParameters),
    "pcgrad": (weightings.PCGrad, None),
    "random": (weightings.Random, None),
    "upgrad": (weightings.UPGrad, UPGradParameters),
}
"""Class and parameters of what CR-MOGM can smooth."""


class StatefulWeighting(Remembering, GramianCombiner):
    """A combiner around one of TorchJD's stateful weightings of a Gramian.

    Attributes:
        degree: how the update grows with the gradients of all steps together.
    """

    degree: float = 1.0

    def __init__(self, parameters: Any) -> None:
        Remembering.__init__(self)
        GramianCombiner.__init__(self, parameters)

    def weights(self, tasks: tuple[str, ...], gramian: Tensor) -> Tensor:
        group, rows = self.group(tasks)
        own = gramian[rows][:, rows]
        unit = group.unit = self.unit(group, own)
        answer = torch.empty(len(tasks), dtype=torch.float64)
        answer[rows] = self.ask(group.method, own / unit / unit[:, None])
        answer[rows] *= unit ** (self.degree - 1)
        return answer

    def unit(self, group: Group, gramian: Tensor) -> Tensor:
        """Return the lengths, [1] or [m], by which the gradients of this step are divided."""
        return torch.tensor([root_mean_square(gramian)], dtype=torch.float64)

    def ask(self, method: Any, gramian: Tensor) -> Tensor:
        """Return TorchJD's weights [m] for the rows of a group."""
        weights: Tensor = method(gramian)
        return weights


class GradVac(StatefulWeighting):
    """Wang et al., 2021, Algorithm 1: gradients are turned towards the cosine of earlier steps."""

    def method(self, tasks: tuple[str, ...]) -> Any:
        return aggregation.GradVacWeighting(self.parameters.beta, self.parameters.eps)

    def remembered(self, method: Any) -> dict[str, Any]:
        return {"cosines": method._phi_t.tolist()}

    def remind(self, method: Any, state: Mapping[str, Any]) -> None:
        method._phi_t = torch.tensor(state["cosines"], dtype=torch.float64)
        method._state_key = (len(method._phi_t), method._phi_t.dtype)


class PCD(StatefulWeighting):
    """Priority-constrained descent (2026): the primary task's gradient, with progress for all."""

    def order(self, tasks: Sequence[str]) -> tuple[str, ...]:
        primary = self.parameters.primary
        first = primary if primary in tasks else tasks[0]
        return (first, *sorted(task for task in tasks if task != first))

    def unit(self, group: Group, gramian: Tensor) -> Tensor:
        # Norms of several steps are averaged: they must be in one unit, the first step's.
        return super().unit(group, gramian) if group.unit is None else group.unit

    def method(self, tasks: tuple[str, ...]) -> Any:
        tau = self.parameters.tau
        if isinstance(tau, dict):
            shares = [tau.get(task, DEFAULT_TAU) for task in tasks[1:]]
            tau = torch.tensor(shares, dtype=torch.float64)
        return aggregation.PCDWeighting(tau, self.parameters.beta, self.parameters.eps)

    def remembered(self, method: Any) -> dict[str, Any]:
        return {"squared_norms": method._sq_norm_ema.tolist(), "steps": int(method._n_steps)}

    def remind(self, method: Any, state: Mapping[str, Any]) -> None:
        method._sq_norm_ema = torch.tensor(state["squared_norms"], dtype=torch.float64)
        method._n_steps = torch.tensor(state["steps"])
        method._state_key = len(method._sq_norm_ema)


class NashMTL(StatefulWeighting):
    """Navon et al., 2022, Algorithm 1: weights w with ``G w = 1 / w``, the norm clipped.

    By the equation the update does not grow with the gradients: its norm is sqrt(m), clipped.
    Nor does it matter how long each of them is, so that TorchJD is given unit gradients, with
    which its solver gets by better.

    Where the solver fails all the same, TorchJD goes on with the last weights that it found
    (equal ones, if there are none yet). It starts from these, and fails at once where by them a
    task's gradient has no inner product with the update.
    """

    degree = 0.0

    def unit(self, group: Group, gramian: Tensor) -> Tensor:
        # Weights that are used again are those of the gradients they were found for.
        due = group.method.step % self.parameters.update_weights_every == 0
        if group.unit is not None and not due:
            return group.unit
        lengths = gramian.diagonal().sqrt()
        return torch.where(lengths > 0, lengths, 1.0)

    def method(self, tasks: tuple[str, ...]) -> Any:
        given = self.parameters
        return aggregation.NashMTL(
            len(tasks), given.max_norm, given.update_weights_every, given.optim_niter
        ).weighting

    def ask(self, method: Any, gramian: Tensor) -> Tensor:
        if len(gramian) == 1:  # TorchJD cannot state the problem of one task, which is solved
            longest = self.parameters.max_norm or 1.0
            return gramian.new_full((1,), min(1.0, longest))
        gradients, _ = factor(gramian)  # TorchJD makes a Gramian of them again
        weights: Tensor = method(gradients)
        return weights

    def remembered(self, method: Any) -> dict[str, Any]:
        return {"weights": method.prvs_alpha.tolist(), "steps": int(method.step)}

    def remind(self, method: Any, state: Mapping[str, Any]) -> None:
        method.prvs_alpha = np.array(state["weights"])
        if state["steps"]:
            method._init_optim_problem()
            method.step = float(state["steps"])


class CRMOGM(StatefulWeighting):
    """Zhou et al., 2022: a moving average over the steps of another method's weights."""

    def method(self, tasks: tuple[str, ...]) -> Any:
        combiner, model = SMOOTHABLE[self.parameters.of]
        smoothed = combiner(model() if model else None).weighting(tasks)
        return aggregation.CRMOGMWeighting(smoothed, self.parameters.alpha)

    def remembered(self, method: Any) -> dict[str, Any]:
        return {"weights": method._lambda.tolist()}

    def remind(self, method: Any, state: Mapping[str, Any]) -> None:
        method._lambda = torch.tensor(state["weights"], dtype=torch.float64)
