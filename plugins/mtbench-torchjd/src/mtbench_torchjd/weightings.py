"""Weightings: TorchJD's aggregators that need the Gramian only and remember nothing."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torchjd import aggregation
from torchjd.linalg import QuadprogProjector

from mtbench_torchjd.gramians import GramianCombiner, factor, preference_vector, root_mean_square


class Weighting(GramianCombiner):
    """A combiner around one of TorchJD's weightings of a Gramian.

    Attributes:
        degree: how the update grows with the gradients: ``f(c J) = c**degree f(J)``, c > 0.
    """

    degree: float = 1.0

    @abstractmethod
    def weighting(self, tasks: tuple[str, ...]) -> Any:
        """Return what makes weights [m] for these tasks, in float64.

        It is called with a Gramian [m, m] whose diagonal has a mean of 1.
        """

    def weights(self, tasks: tuple[str, ...], gramian: Tensor) -> Tensor:
        scale = root_mean_square(gramian)
        weights: Tensor = self.weighting(tasks)(gramian / scale**2)
        return weights.mul(scale ** (self.degree - 1))


class UPGrad(Weighting):
    """Quinton & Rey, 2024: each gradient is projected on the dual cone, then all are averaged."""

    def weighting(self, tasks: tuple[str, ...]) -> Any:
        preference = preference_vector(tasks, self.parameters.preference)
        projector = QuadprogProjector(reg_eps=self.parameters.reg_eps)
        return aggregation.UPGradWeighting(preference, projector)


class DualProj(Weighting):
    """Lopez-Paz & Ranzato, 2017, Eq. 11: the mean gradient, projected on the dual cone."""

    def weighting(self, tasks: tuple[str, ...]) -> Any:
        preference = preference_vector(tasks, self.parameters.preference)
        projector = QuadprogProjector(reg_eps=self.parameters.reg_eps)
        return aggregation.DualProjWeighting(preference, projector)


class AlignedMTL(Weighting):
    """Senushkin et al., 2023, Algorithm 1: the principal components get one length."""

    def weighting(self, tasks: tuple[str, ...]) -> Any:
        preference = preference_vector(tasks, self.parameters.preference)
        return aggregation.AlignedMTLWeighting(preference, self.parameters.scale_mode)


class CAGrad(Weighting):
    """Liu et al., 2021, Algorithm 1: the best for the worst-off task, near the mean."""

    def weighting(self, tasks: tuple[str, ...]) -> Any:
        return aggregation.CAGradWeighting(self.parameters.c, self.parameters.norm_eps)


class FairGrad(Weighting):
    """Ban & Ji, 2024, Eq. 4: weights w with ``G w = w^(-1/alpha)``."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters)
        # By the equation: G is of degree 2 in the gradients.
        self.degree = (1 - parameters.alpha) / (1 + parameters.alpha)

    def weighting(self, tasks: tuple[str, ...]) -> Any:
        return aggregation.FairGradWeighting(self.parameters.alpha, self.parameters.max_iters)


class IMTLG(Weighting):
    """Liu et al., 2021: the update has one projection on every task's unit gradient."""

    def weighting(self, tasks: tuple[str, ...]) -> Any:
        return aggregation.IMTLGWeighting()


class MGDA(Weighting):
    """Sener & Koltun, 2018, Algorithm 2: the shortest convex combination of the gradients."""

    def weighting(self, tasks: tuple[str, ...]) -> Any:
        return aggregation.MGDAWeighting(self.parameters.epsilon, self.parameters.max_iters)


class PCGrad(Weighting):
    """Yu et al., 2020, Algorithm 1: conflicting gradients are projected off each other."""

    def weighting(self, tasks: tuple[str, ...]) -> Any:
        return aggregation.PCGradWeighting()


class ConFIG(Weighting):
    """Liu et al., 2024, Eq. 2: the update has one cosine with every task's gradient."""

    def weighting(self, tasks: tuple[str, ...]) -> Any:
        aggregator = aggregation.ConFIG(preference_vector(tasks, self.parameters.preference))

        def weights(gramian: Tensor) -> Tensor:
            gradients, back = factor(gramian)
            found: Tensor = back @ aggregator(gradients)
            return found

        return weights


class Krum(Weighting):
    """Blanchard et al., 2017: the gradient, or gradients, nearest to their neighbours."""

    def weighting(self, tasks: tuple[str, ...]) -> Any:
        byzantine, selected = self.parameters.n_byzantine, self.parameters.n_selected
        if len(tasks) < max(byzantine + 3, selected):
            # TorchJD refuses a step of so few tasks; nobody can be told from the others there.
            return aggregation.MeanWeighting()
        return aggregation.KrumWeighting(byzantine, selected)


class Mean(Weighting):
    """The mean of the gradients."""

    def weighting(self, tasks: tuple[str, ...]) -> Any:
        return aggregation.MeanWeighting()


class Sum(Weighting):
    """The sum of the gradients."""

    def weighting(self, tasks: tuple[str, ...]) -> Any:
        return aggregation.SumWeighting()


class Constant(Weighting):
    """A combination of the gradients with weights that are given."""

    def weighting(self, tasks: tuple[str, ...]) -> Any:
        given = [self.parameters.weights.get(task, 1.0) for task in tasks]
        return aggregation.ConstantWeighting(torch.tensor(given, dtype=torch.float64))


class Random(Weighting):
    """Lin et al., 2022, Algorithm 2: positive weights, drawn anew, with a sum of 1."""

    def weighting(self, tasks: tuple[str, ...]) -> Any:
        return aggregation.RandomWeighting()
