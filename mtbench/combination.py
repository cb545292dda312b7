"""Combination: what a combiner sees of a step, and what it must answer.

Shapes: m tasks of a step, n shared parameters (as one vector).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class CombineInput:
    """What a combiner sees of one step; everything concerns the shared parameters only.

    Attributes:
        tasks: names of the m tasks of this step; a task may be absent from a step.
        losses: [m] float64, detached.
        gramian: [m, m] float64, inner products of the tasks' gradients; given to combiners
            that need it.
        jacobian: [m, n], the tasks' gradients; given to combiners that need it.
        step: index of the step, from 0.
        total_steps: how many there will be.
        generator: the combiner's own, on the CPU; global generators must be left alone.
    """

    tasks: tuple[str, ...]
    losses: Tensor
    gramian: Tensor | None
    jacobian: Tensor | None
    step: int
    total_steps: int
    generator: torch.Generator


class Combiner(Protocol):
    """Joins the losses or gradients of a step's tasks into one update.

    One that remembers something between steps keeps it by the tasks' names, since a task may be
    absent from a step, and has two methods more: ``state_dict()``, which returns all of it as
    JSON values, and ``load_state_dict(state)``, which takes that back. What it remembers when
    training ends is stored with the run's result.
    """

    def combine(self, x: CombineInput) -> Tensor:
        """Return weights [m] (it needs losses or the Gramian) or the gradient [n] (Jacobian)."""
        ...


class ObservingCombiner(Combiner, Protocol):
    """A combiner whose spec says ``observes``."""

    def observe(self, before: Mapping[str, float], after: Mapping[str, float]) -> None:
        """Take in what the update did: the step's losses before it and after it, by task.

        Both are of the same examples, with the same dropout masks.
        """
        ...
