"""The gradient oracle: one step's losses or per-task gradients, combined into one update.

Shapes: m tasks of a step, n shared parameters (as one vector).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn

from mtbench.combination import CombineInput, Combiner
from mtbench.gradients.jacobian import (
    ParameterGradients,
    as_matrix,
    gramian,
    set_parts,
    set_weighted_sum,
)
from mtbench.gradients.segments import Segments
from mtbench.specs import Needs

Forward = Callable[[Mapping[str, Any], Segments | None], Mapping[str, Tensor]]
"""From a batch a task to the tasks' losses, each a scalar mean over its batch.

Given segments, it has the encoder's pass recorded there.
"""


class NonFiniteLoss(ArithmeticError):
    """A task's loss is infinite or not a number; the run cannot go on."""

    def __init__(self, task: str, step: int, value: float) -> None:
        super().__init__(f"the loss of task {task!r} is {value} at step {step + 1}")
        self.task, self.step, self.value = task, step, value


class NonFiniteGradient(ArithmeticError):
    """A task's loss is finite and its gradient is not; the run cannot go on."""

    def __init__(self, task: str, step: int) -> None:
        super().__init__(f"the gradient of task {task!r} is not finite at step {step + 1}")
        self.task, self.step = task, step


class BrokenCombiner(RuntimeError):
    """A combiner returned something that is no update, or remembers what is no JSON."""

    part = "combiner"


@dataclass(frozen=True)
class Portion:
    """One micro-batch of one task.

    Attributes:
        batch: handed to the forward function as it is.
        share: its examples over the task's examples in the step; a task's shares add up to 1.
    """

    batch: Any
    share: float


class GradientOracle:
    """Gives a combiner what it needs at the lowest price, and applies what it answers.

    Args:
        combiner: joins the tasks.
        needs: what it must be given.
        shared: parameters that the combiner decides on.
        private: parameters of the heads, each used by one task.
        generator: the combiner's own, on the CPU.
        segments: of the encoder, where it lets the gradients of all tasks come from one pass; a
            combiner that needs losses has no use for them.
    """

    def __init__(
        self,
        combiner: Combiner,
        needs: Needs,
        shared: Sequence[nn.Parameter],
        private: Sequence[nn.Parameter],
        generator: torch.Generator,
        *,
        segments: Segments | None = None,
    ) -> None:
        self._combiner = combiner
        self._needs = needs
        self._shared = tuple(shared)
        self._private = tuple(private)
        self._generator = generator
        self._segments = None if needs == "losses" else segments

    def step(
        self,
        forward: Forward,
        portions: Mapping[str, Sequence[Portion]],
        *,
        step: int,
        total_steps: int,
    ) -> dict[str, float]:
        """Leave the update of shared and private parameters in ``.grad``.

        A combiner that needs losses weights the heads' gradients too; under the other two each
        head keeps the plain gradient of its own task. A parameter that no task used keeps
        ``grad is None``. Where no task reaches a shared parameter (a frozen encoder), there is
        nothing to combine and a combiner of gradients is not asked.

        Args:
            forward: called with the batches of all tasks together, a portion of each, where the
                combiner needs losses and there is one portion a task, or the encoder lets
                gradients come from one pass; else with one portion at a time.
            portions: the micro-batches of each task; the tasks share no example.
            step: index of the step, from 0.
            total_steps: how many there will be.

        Returns:
            Each task's loss: the mean over its examples.

        Raises:
            NonFiniteLoss: before the loss is differentiated.
            NonFiniteGradient: before the combiner is asked.
            BrokenCombiner: if what the combiner returns has the wrong shape or is not finite.
        """
        for parameter in (*self._shared, *self._private):
            parameter.grad = None
        passes = list(self._passes(portions))
        if self._needs == "losses" and len(passes) == 1:
            return self._together(forward, passes[0], step, total_steps)
        if self._segments is not None:
            losses, records = self._in_one_pass(forward, passes, self._segments, step)
        else:
            losses, records = self._in_turn(forward, portions, step)
        if self._needs == "losses" or any(record.size for record in records):
            self._combine(self._input(losses, step, total_steps), records)
        return losses

    def losses(
        self, forward: Forward, portions: Mapping[str, Sequence[Portion]], *, step: int
    ) -> dict[str, float]:
        """Return each task's loss as the parameters are now, without gradients.

        The forward passes are those of ``step``, so that what is drawn in them is drawn alike.

        Raises:
            NonFiniteLoss: if a loss is no finite number.
        """
        losses: dict[str, float] = {}
        with torch.no_grad():
            for parts in self._passes(portions):
                _forward(forward, parts, losses, step)
        return losses

    def _passes(
        self, portions: Mapping[str, Sequence[Portion]]
    ) -> Iterator[Mapping[str, Portion]]:
        """Yield what goes through the encoder together, by task."""
        single = all(len(parts) == 1 for parts in portions.values())
        if self._segments is not None or (self._needs == "losses" and single):
            for row in zip_longest(*portions.values()):
                yield {t: p for t, p in zip(portions, row, strict=True) if p is not None}
        else:
            for task, parts in portions.items():
                yield from ({task: part} for part in parts)

    def _together(
        self, forward: Forward, parts: Mapping[str, Portion], step: int, total_steps: int
    ) -> dict[str, float]:
        """Differentiate the weighted sum of all losses at once."""
        results = forward({task: part.batch for task, part in parts.items()}, None)
        losses = _values({task: results[task] for task in parts}, step)
        weights = self._ask(self._input(losses, step, total_steps), len(losses))
        stacked = torch.stack([results[task] for task in parts])
        self._backward(weights.to(stacked) @ stacked)
        return losses

    def _in_turn(
        self,
        forward: Forward,
        portions: Mapping[str, Sequence[Portion]],
        step: int,
    ) -> tuple[dict[str, float], list[ParameterGradients]]:
        """Differentiate task by task, portion by portion, with one graph alive at a time.

        Returns:
            Each task's loss, and the gradients of the parameters that the combiner decides on,
            taken off their ``.grad``; those of the other parameters add up where they are.
        """
        combined = (*self._shared, *(self._private if self._needs == "losses" else ()))
        losses: dict[str, float] = {}
        gradients = []
        for task, parts in portions.items():
            for part in parts:
                self._backward(_forward(forward, {task: part}, losses, step))
            gradients.append([parameter.grad for parameter in combined])
            for parameter in combined:
                parameter.grad = None
        records = [
            ParameterGradients(parameter, of_tasks)
            for parameter, of_tasks in zip(combined, zip(*gradients, strict=True), strict=True)
        ]
        return losses, records

    def _in_one_pass(
        self,
        forward: Forward,
        passes: Sequence[Mapping[str, Portion]],
        segments: Segments,
        step: int,
    ) -> tuple[dict[str, float], list[ParameterGradients]]:
        """Differentiate all tasks together, a portion of each at a time.

        Returns:
            Each task's loss, and the shared parameters' gradients; those of the heads add up
            where they are.
        """
        take_products = self._needs == "gramian" and len(passes) == 1
        segments.begin(list(passes[0]), take_products=take_products)
        losses: dict[str, float] = {}
        for parts in passes:
            self._backward(_forward(forward, parts, losses, step, segments))
        return losses, segments.gradients()

    def _backward(self, loss: Tensor) -> None:
        # Over a frozen encoder, a head without parameters (a cosine) has nothing to learn.
        if loss.requires_grad or self._shared:
            loss.backward()

    def _combine(self, x: CombineInput, records: list[ParameterGradients]) -> None:
        """Set the parameters' ``.grad`` to the combined gradient."""
        if self._needs == "jacobian":
            jacobian = as_matrix(records)
            _require_finite(jacobian.isfinite().all(dim=1), x)
            set_parts(records, self._ask(replace(x, jacobian=jacobian), jacobian.shape[1]))
            return
        if self._needs == "gramian":
            products = gramian(records)
            _require_finite(products.diagonal().isfinite(), x)
            x = replace(x, gramian=products)
        set_weighted_sum(records, self._ask(x, len(x.tasks)))

    def _input(self, losses: Mapping[str, float], step: int, total_steps: int) -> CombineInput:
        return CombineInput(
            tasks=tuple(losses),
            losses=torch.tensor(list(losses.values()), dtype=torch.float64),
            gramian=None,
            jacobian=None,
            step=step,
            total_steps=total_steps,
            generator=self._generator,
        )

    def _ask(self, x: CombineInput, size: int) -> Tensor:
        """Return the combiner's answer, once it is seen to be a finite vector of that size."""
        answer = self._combiner.combine(x)
        who = f"{type(self._combiner).__name__}.combine at step {x.step + 1}"
        if not isinstance(answer, Tensor):
            raise BrokenCombiner(f"{who} returned {answer!r}, not a tensor")
        if answer.shape != (size,):
            raise BrokenCombiner(f"{who} returned shape {list(answer.shape)}, not [{size}]")
        if not answer.isfinite().all():
            raise BrokenCombiner(f"{who} returned numbers that are not finite: {answer}")
        return answer.detach()


def _forward(
    forward: Forward,
    parts: Mapping[str, Portion],
    losses: dict[str, float],
    step: int,
    segments: Segments | None = None,
) -> Tensor:
    """Add the losses of one pass to those of the tasks, and return their sum, to differentiate."""
    results = forward({task: part.batch for task, part in parts.items()}, segments)
    for task, value in _values({task: results[task] for task in parts}, step).items():
        losses[task] = losses.get(task, 0.0) + parts[task].share * value
    return torch.stack([part.share * results[task] for task, part in parts.items()]).sum()


def _values(losses: Mapping[str, Tensor], step: int) -> dict[str, float]:
    """Return losses as numbers, all of them at once: a GPU is waited for a single time."""
    values: list[float] = torch.stack(list(losses.values())).detach().tolist()
    for task, value in zip(losses, values, strict=True):
        if not isfinite(value):
            raise NonFiniteLoss(task, step, value)
    return dict(zip(losses, values, strict=True))


def _require_finite(finite: Tensor, x: CombineInput) -> None:
    """Raise for the first task whose entry is False."""
    for task, good in zip(x.tasks, finite.tolist(), strict=True):
        if not good:
            raise NonFiniteGradient(task, x.step)
