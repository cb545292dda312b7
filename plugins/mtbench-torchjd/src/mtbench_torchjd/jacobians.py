"""Jacobians: TorchJD's aggregators that look at the gradients coordinate by coordinate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from torchjd import aggregation

from mtbench_torchjd.isolation import isolated

if TYPE_CHECKING:
    from torch import Tensor

    from mtbench.api import CombineInput


class JacobianCombiner(ABC):
    """Has an update made of the Jacobian, apart from the rest of the process.

    It is handed over as it is, in its own precision and on its own device: what is done a
    coordinate at a time has no epsilon that would depend on its scale.
    """

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters

    def combine(self, x: CombineInput) -> Tensor:
        """Return the update [n]."""
        assert x.jacobian is not None  # the spec asks for it
        with isolated(x.generator, x.jacobian.device):
            return self.update(x.tasks, x.jacobian)

    @abstractmethod
    def update(self, tasks: tuple[str, ...], jacobian: Tensor) -> Tensor:
        """Return the update [n] for a Jacobian [m, n]."""


class GradDrop(JacobianCombiner):
    """Chen et al., 2020, Algorithm 1: of each coordinate, one sign is kept, drawn by purity."""

    def update(self, tasks: tuple[str, ...], jacobian: Tensor) -> Tensor:
        given = self.parameters.leak
        leak = jacobian.new_tensor([given.get(task, 0.0) for task in tasks])
        update: Tensor = aggregation.GradDrop(leak=leak)(jacobian)
        return update


class TrimmedMean(JacobianCombiner):
    """Yin et al., 2018: of each coordinate, the mean of the values in the middle."""

    def update(self, tasks: tuple[str, ...], jacobian: Tensor) -> Tensor:
        # A step of few tasks keeps at least the one in the middle, or the two.
        most = (len(tasks) - 1) // 2
        update: Tensor = aggregation.TrimmedMean(min(self.parameters.trim_number, most))(jacobian)
        return update
