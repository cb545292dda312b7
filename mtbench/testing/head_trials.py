"""Trials of a head: the kinds of task that it takes, and the embeddings it is tried with.

Shapes: B examples, d the width of the embeddings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from mtbench.model.model import seeded
from mtbench.parameters import HeadParameters
from mtbench.protocols import Pair, TaskInfo
from mtbench.specs import Component
from mtbench.testing.cells import ordinary_cell
from mtbench.testing.checks import Subject, fail, require

WIDTH = 16
"""Of the embeddings; like the widths of real encoders, a multiple of 8."""
EXAMPLES = 7

Score = tuple[float, float]


def _classes(sentences: Any, classes: int) -> TaskInfo:
    return TaskInfo(
        sentences=sentences, loss="cross-entropy", metrics=("accuracy",), classes=classes
    )


def _yes_or_no(sentences: Any) -> TaskInfo:
    return TaskInfo(
        sentences=sentences, loss="binary-cross-entropy", metrics=("accuracy",), classes=2
    )


def _score(sentences: Any, score_range: Score) -> TaskInfo:
    return TaskInfo(
        sentences=sentences, loss="squared-error", metrics=("pearson",), score_range=score_range
    )


TASKS: Mapping[str, TaskInfo] = {
    "one sentence with five classes": _classes(1, 5),
    "one sentence with yes or no": _yes_or_no(1),
    "one sentence with a score from 0 to 5": _score(1, (0.0, 5.0)),
    "a pair with three classes": _classes(2, 3),
    "a pair with yes or no": _yes_or_no(2),
    "a pair with a score from 0 to 5": _score(2, (0.0, 5.0)),
    "a pair with a score from 1 to 4": _score(2, (1.0, 4.0)),
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

    def build(self, *, width: int = WIDTH, seed: int = 0, dropout: float = 0.0) -> nn.Module:
        """Build the head as a run does, its first weights from the seed, in training mode."""
        target = self.subject.target()
        parameters = _with(self.parameters, dropout=dropout)
        head = seeded(seed, "heads.task", lambda: target(width, self.info, parameters))
        require(isinstance(head, nn.Module), "an nn.Module", repr(head))
        return head

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
    taken, reasons = [], []
    for trial, reason in offers(subject):
        if reason is None:
            taken.append(trial)
        else:
            reasons.append(f"{trial.name}: {reason}")
    if not taken:
        fail("a head that takes some kind of task", f"refusals of all: {'; '.join(reasons)}")
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
            yield (
                Trial(subject, words, info, parameters),
                refusal(subject, info, parameters),
            )


def refusal(subject: Subject, info: TaskInfo, parameters: HeadParameters) -> Any:
    """Return what a head has against a task, None if nothing."""
    if subject.spec.rejects is None:
        return None
    head = Component(subject.spec.name, parameters.model_dump(mode="json", by_alias=True))
    cell = replace(ordinary_cell(subject), tasks={"task": info}, heads={"task": head})
    return subject.spec.rejects(cell, "task")


def _with(parameters: HeadParameters, **changes: Any) -> HeadParameters:
    """Return parameters with changes, checked anew."""
    return type(parameters).model_validate({**parameters.model_dump(by_alias=True), **changes})


def shaken(head: nn.Module, by: float = 0.1, *, seed: int = 1) -> nn.Module:
    """Move a head's parameters at random: a layer that starts at zero hides what is before it."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in head.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(by * noise.to(parameter))
    return head


def probed(outputs: Tensor) -> Tensor:
    """Return the outputs' sum with random weights, whose gradient is zero for none of them."""
    generator = torch.Generator().manual_seed(2)
    return (outputs * torch.randn(outputs.shape, generator=generator).to(outputs)).sum()


def outputs_of(head: nn.Module, embeddings: Sequence[Tensor]) -> Tensor:
    """Return what a head gives, detached.

    Raises:
        CheckFailed: if it is no tensor of floating-point numbers.
    """
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
    if first.shape != second.shape:
        fail(expected, f"shapes {list(first.shape)} and {list(second.shape)}")
    scale = max(1.0, float(second.abs().max()))
    distance = float((first - second).abs().max()) / scale
    require(distance <= 1e-4, expected, f"outputs that differ by {distance:.2g}")
