"""Trials of a combiner: asked step by step, as in training, on gradients that are written down.

Shapes: m tasks of a step, n shared parameters (as one vector).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mtbench.combination import CombineInput
from mtbench.testing.checks import Subject, fail, require

Rows = Tensor | Sequence[Sequence[float]]

NAMES = ("sst", "keys", "sample-pd", "sts-2", *(f"task-{index}" for index in range(8)))
"""Of tasks; ``keys`` is one of Python's own words."""
TOTAL_STEPS = 1000


def matrix(rows: Rows) -> Tensor:
    """Return rows as a float64 matrix."""
    return torch.as_tensor(rows, dtype=torch.float64)


def general(m: int, n: int, *, seed: int = 0) -> Tensor:
    """Return m random gradients; some are in conflict."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(m, n, generator=generator, dtype=torch.float64)


class Player:
    """A combiner, fresh from its class, and the generator that is its own.

    Attributes:
        combiner: what is asked.
        generator: the combiner's own.
        step: index of the next step.
    """

    def __init__(self, subject: Subject, *, seed: int = 0) -> None:
        self._spec = subject.spec
        self.combiner: Any = subject.target()(subject.parameters)
        self.generator = torch.Generator().manual_seed(seed)
        self.step = 0

    def input(
        self,
        rows: Rows,
        *,
        losses: Sequence[float] | None = None,
        tasks: Sequence[str] | None = None,
    ) -> CombineInput:
        """Return what the combiner is given for gradients; losses are 1 by default."""
        jacobian = rows if isinstance(rows, Tensor) else matrix(rows)
        m, needs = len(jacobian), self._spec.needs
        return CombineInput(
            tasks=tuple(tasks or NAMES[:m]),
            losses=torch.tensor(losses or [1.0] * m, dtype=torch.float64),
            gramian=jacobian.double() @ jacobian.double().T if needs == "gramian" else None,
            jacobian=jacobian if needs == "jacobian" else None,
            step=self.step,
            total_steps=TOTAL_STEPS,
            generator=self.generator,
        )

    def answer(self, x: CombineInput, size: int) -> Tensor:
        """Return the combiner's answer, a finite vector of that size without a gradient."""
        answer = self.combiner.combine(x)
        asked = f"{len(x.tasks)} tasks"
        if not isinstance(answer, Tensor):
            fail(f"a tensor for {asked}", repr(answer))
        require(answer.shape == (size,), f"shape [{size}] for {asked}", list(answer.shape))
        require(answer.isfinite().all(), f"finite numbers for {asked}", answer.tolist())
        require(not answer.requires_grad, "an answer that asks for no gradient", "one that does")
        return answer

    def update(
        self,
        rows: Rows,
        *,
        losses: Sequence[float] | None = None,
        after: Sequence[float] | None = None,
        tasks: Sequence[str] | None = None,
    ) -> Tensor:
        """Take a step, and return the update [n] of the shared parameters, in float64.

        Args:
            after: the losses after it, for a combiner that observes; a tenth less by default.
        """
        x = self.input(rows, losses=losses, tasks=tasks)
        jacobian = matrix(rows)
        of_parameters = self._spec.needs == "jacobian"
        answer = self.answer(x, jacobian.shape[1] if of_parameters else len(jacobian)).double()
        self.step += 1
        if self._spec.observes:
            before = dict(zip(x.tasks, x.losses.tolist(), strict=True))
            values = after or [0.9 * loss for loss in before.values()]
            self.combiner.observe(before, dict(zip(x.tasks, values, strict=True)))
        return answer if of_parameters else answer @ jacobian

    def follow(self) -> Tensor:
        """Take the next step of a training, and return its update."""
        rows = general(3, 5, seed=self.step)
        return self.update(rows, losses=falling(self.step, NAMES[:3]))

    def train(self, steps: int) -> None:
        """Take steps of other gradients each, whose losses fall at a pace of each task's own."""
        for _ in range(steps):
            self.follow()


def falling(step: int, tasks: Sequence[str]) -> list[float]:
    """Return the losses of tasks at a step: each falls at a pace that depends on its name."""
    places = [NAMES.index(task) for task in tasks]
    return [(0.5 + 0.4 * (place % 5)) * (0.90 + 0.01 * (place % 10)) ** step for place in places]


def distance(first: Tensor, second: Tensor, rows: Rows) -> float:
    """Return how far two updates are from each other, for the longest gradient or update."""
    lengths = [*matrix(rows).norm(dim=1).tolist(), first.norm().item(), second.norm().item()]
    return float((first - second).norm() / max(lengths))


def require_same(first: Tensor, second: Tensor, rows: Rows, expected: str, *, to: float) -> None:
    """Fail unless two updates of gradients are the same, to a share of their length."""
    came = f"{first.tolist()}, not {second.tolist()}"
    require(distance(first, second, rows) <= to, expected, came)


def require_along(update: Tensor, gradient: Sequence[float], expected: str) -> None:
    """Fail unless an update is a gradient times a positive number."""
    along = matrix([gradient])[0]
    factor = (update @ along) / (along @ along)
    off = (update - factor * along).norm()
    require(factor > 0 and off <= 1e-6 * update.norm(), expected, update.tolist())
