"""Trials of a head: the kinds of task that it takes, and the embeddings it is tried with.

Shapes: B examples, d the width of the embeddings.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, get_args

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from mtbench.model.model import seeded
from mtbench.parameters import HeadParameters
from mtbench.protocols import Pair, TaskInfo
from mtbench.specs import Component
from mtbench.testing.checks import Subject, fail, require
from mtbench.testing.trials import ordinary_cell

WIDTH = 16
"""Of the embeddings; like the widths of real encoders, a multiple of 8."""
EXAMPLES = 7


def _classes(sentences: Any, classes: int) -> TaskInfo:
    return TaskInfo(
        sentences=sentences,
        loss="cross-entropy" if classes > 2 else "binary-cross-entropy",
        metrics=("accuracy",),
        classes=classes,
    )


def _score(sentences: Any, low: float, high: float) -> TaskInfo:
    return TaskInfo(
        sentences=sentences, loss="squared-error", metrics=("pearson",), score_range=(low, high)
    )


TASKS: Mapping[str, TaskInfo] = {
    "one sentence with five classes": _classes(1, 5),
    "one sentence with yes or no": _classes(1, 2),
    "one sentence with a score from 0 to 5": _score(1, 0, 5),
    "a pair with three classes": _classes(2, 3),
    "a pair with yes or no": _classes(2, 2),
    "a pair with a score from 0 to 5": _score(2, 0, 5),
    "a pair with a score from 1 to 4": _score(2, 1, 4),
}


@dataclass(frozen=True)
class Trial:
    """A head on one kind of task.

    Attributes:
        subject: the head.
        name: the kind of task, and how a pair is encoded, in words.
        info: the task.
        parameters: the head's, without dropout.
    """

    subject: Subject
    name: str
    info: TaskInfo
    parameters: HeadParameters

    def build(
        self,
        *,
        width: int = WIDTH,
        seed: int = 0,
        dropout: float = 0.0,
        guard: AbstractContextManager[None] | None = None,
    ) -> nn.Module:
        """Build the head as a run does, its first weights from the seed, in training mode.

        Args:
            guard: around the call of the head's class.
        """
        target = self.subject.target()
        parameters = _with(self.parameters, dropout=dropout)

        def make() -> nn.Module:
            with guard or nullcontext():
                head: nn.Module = target(width, self.info, parameters)
            require(isinstance(head, nn.Module), "an nn.Module", repr(head))
            return head

        return seeded(seed, "heads.task", make)

    @property
    def count(self) -> int:
        """How many embeddings an example has."""
        return self.info.embeddings(self.parameters.pair)

    def shape(self, examples: int) -> list[int]:
        """Return the shape of what the head must give."""
        outputs = self.info.outputs
        return [examples, outputs] if self.info.loss == "cross-entropy" else [examples]

    def embeddings(
        self, examples: int = EXAMPLES, *, width: int = WIDTH, seed: int = 0
    ) -> list[Tensor]:
        """Return random embeddings [B, d], as many as an example has; all angles occur."""
        generator = torch.Generator().manual_seed(seed)
        return [torch.randn(examples, width, generator=generator) for _ in range(self.count)]

    def batches(self) -> Mapping[str, list[Tensor]]:
        """Return batches by name: ordinary ones, and those at which divisions go wrong."""
        ordinary = self.embeddings()
        return {
            "ordinary embeddings": ordinary,
            "embeddings of zeros": [torch.zeros_like(u) for u in ordinary],
            "two sentences with one embedding": [ordinary[0].clone() for _ in ordinary],
            "embeddings a thousand times as long": [1e3 * u for u in ordinary],
        }


def trials(subject: Subject) -> list[Trial]:
    """Return the trials of a head: every kind of task that it does not refuse.

    Raises:
        CheckFailed: if it refuses them all.
    """
    offered = list(offers(subject))
    taken = [trial for trial, reason in offered if reason is None]
    if not taken:
        reasons = "; ".join(f"{trial.name}: {reason}" for trial, reason in offered)
        fail("a head that takes some kind of task", f"refusals of all: {reasons}")
    return taken


def offers(subject: Subject) -> Iterator[tuple[Trial, Any]]:
    """Yield the trials of all kinds of task, each with what the head has against it, or None."""
    for name, info in TASKS.items():
        for pair in get_args(Pair) if info.sentences == 2 else [subject.parameters.pair]:
            try:
                parameters = _with(subject.parameters, pair=pair, dropout=0.0)
            except ValidationError:  # its parameters say that it takes no such pair
                continue
            words = f"{name}, {pair}" if info.sentences == 2 else name
            yield Trial(subject, words, info, parameters), _refusal(subject, info, parameters)


def _refusal(subject: Subject, info: TaskInfo, parameters: HeadParameters) -> Any:
    """Return what a head has against a task, None if nothing."""
    if subject.spec.rejects is None:
        return None
    head = Component(subject.spec.name, parameters.model_dump(mode="json", by_alias=True))
    cell = replace(ordinary_cell(subject), tasks={"task": info}, heads={"task": head})
    return subject.spec.rejects(cell, "task")


def _with(parameters: HeadParameters, **changes: Any) -> HeadParameters:
    """Return parameters with changes, checked anew."""
    return type(parameters).model_validate({**parameters.model_dump(by_alias=True), **changes})


def shaken(head: nn.Module, by: float = 0.1) -> nn.Module:
    """Move a head's parameters at random: a layer that starts at zero hides what is before it."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in head.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(by * noise.to(parameter))
    return head


def leaves_of(batch: Sequence[Tensor]) -> list[Tensor]:
    """Return copies of embeddings in which a backward pass leaves a gradient."""
    return [u.clone().requires_grad_() for u in batch]


def probed(outputs: Tensor) -> Tensor:
    """Return the outputs' sum with random weights, whose gradient is zero for none of them."""
    generator = torch.Generator().manual_seed(2)
    return (outputs * torch.randn(outputs.shape, generator=generator).to(outputs)).sum()


def outputs_of(head: nn.Module, embeddings: Sequence[Tensor]) -> Tensor:
    """Return what a head gives, without a gradient; a tensor of floating-point numbers."""
    with torch.no_grad():
        outputs = head(*embeddings)
    if not (isinstance(outputs, Tensor) and outputs.is_floating_point()):
        fail("a tensor of floating-point numbers", repr(outputs))
    return outputs


def require_equal(first: Tensor, second: Tensor, expected: str) -> None:
    """Fail unless two outputs are the same but for rounding.

    Float32 sums of a few hundred products agree to 1e-6 of their terms, in whatever order; what
    is wrong differs by far more.
    """
    scale = max(1.0, float(second.abs().max()))
    distance = float((first - second).abs().max()) / scale
    require(distance <= 1e-4, expected, f"outputs that differ by {distance:.2g}")


def reached_by(outputs: Tensor) -> list[Tensor]:
    """Return the tensors in which a backward pass would leave a gradient."""
    leaves: list[Tensor] = []
    seen, pending = set(), [outputs.grad_fn]
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            leaves.append(node.variable)
        pending += [following for following, _ in node.next_functions]
    return leaves


def name_of(tensor: Tensor, module: str) -> str:
    """Return what a tensor is called in a module, of its own or in a layer, or else its shape."""
    for name, value in list(vars(sys.modules[module]).items()):
        if value is tensor:
            return f"{module}.{name}"
        if isinstance(value, nn.Module):
            for own, parameter in value.named_parameters():
                if parameter is tensor:
                    return f"{module}.{name}.{own}"
    return f"a tensor of shape {list(tensor.shape)}"
