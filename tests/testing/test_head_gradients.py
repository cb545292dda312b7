from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from mtbench.testing.conformance import Outcome
from mtbench.testing.head_gradients import check

Judge = Callable[..., Outcome]

FOREIGN = nn.Parameter(torch.ones(()))
ELSEWHERE = nn.Parameter(torch.ones(3))
FILLED = nn.Parameter(torch.ones(2))
FILLED.grad = torch.zeros(2)


class Plain(nn.Module):
    def __init__(self, width, task, parameters):
        super().__init__()
        self.task = task
        self.project = nn.Linear(width * task.embeddings(parameters.pair), task.outputs)

    def forward(self, *embeddings):
        outputs = self.project(torch.cat(embeddings, dim=1))
        return outputs if self.task.loss == "cross-entropy" else outputs.squeeze(1)


class Rooted(Plain):
    """A root has no slope at zero."""

    def forward(self, *embeddings):
        return super().forward(*((u * u).sum(dim=1, keepdim=True).sqrt() + u for u in embeddings))


class FirstAlone(Plain):
    """The second sentence is looked at, and teaches the encoder nothing."""

    def forward(self, *embeddings):
        return super().forward(embeddings[0], *(u.detach() for u in embeddings[1:]))


class Idle(Plain):
    def __init__(self, width, task, parameters):
        super().__init__(width, task, parameters)
        self.gate = nn.Parameter(torch.ones(width))


class Global(Plain):
    """A module-level parameter belongs to nobody."""

    def forward(self, *embeddings):
        return FOREIGN * super().forward(*embeddings)


class WritesInForward(Plain):
    """It writes a gradient that no graph shows."""

    def forward(self, *embeddings):
        ELSEWHERE.grad = torch.ones(3)
        return super().forward(*embeddings)


class AddsInForward(Plain):
    """It adds to a gradient that was there."""

    def forward(self, *embeddings):
        FILLED.grad += 1
        return super().forward(*embeddings)


class WritesInBackward(Plain):
    def forward(self, *embeddings):
        outputs = super().forward(*embeddings)
        if outputs.requires_grad:
            outputs.register_hook(self.write)
        return outputs

    def write(self, gradient):
        FILLED.grad.add_(1)


class Eager(Plain):
    """It differentiates by itself."""

    def forward(self, *embeddings):
        outputs = super().forward(*embeddings)
        outputs.sum().backward(retain_graph=True)
        return outputs


class Numb(Plain):
    """Its one parameter is in the graph, and changes nothing."""

    def forward(self, *embeddings):
        outputs = super().forward(*embeddings)
        return outputs.detach() + 0 * outputs


class Detached(Plain):
    def forward(self, *embeddings):
        return super().forward(*embeddings).detach()


class StartsAtZero(Plain):
    """At its first weights, no gradient reaches what is before the layer of zeros."""

    def __init__(self, width, task, parameters):
        super().__init__(width, task, parameters)
        self.first = nn.Linear(width, width)
        nn.init.zeros_(self.project.weight)

    def forward(self, *embeddings):
        return super().forward(*(self.first(u).tanh() for u in embeddings))


CASES = [
    (
        "finite-gradients",
        Rooted,
        "expected finite gradients on embeddings of zeros (one sentence with five classes); "
        "came some that are not finite",
    ),
    (
        "finite-gradients",
        Detached,
        "expected outputs that can be differentiated; came some that cannot",
    ),
    (
        "reaches-every-sentence",
        FirstAlone,
        "expected a gradient in sentence 2 (a pair with three classes, separate); came none",
    ),
    (
        "reaches-every-parameter",
        Idle,
        "expected a gradient in 'gate' (one sentence with five classes); came none",
    ),
    (
        "leaves-no-foreign-gradients",
        Global,
        "expected gradients in its own parameters only; came some in others: []",
    ),
    (
        "leaves-no-foreign-gradients",
        WritesInForward,
        "expected forward to leave the gradients of other parameters as they were; "
        "came others, of shapes [3]",
    ),
    (
        "leaves-no-foreign-gradients",
        AddsInForward,
        "expected forward to leave the gradients of other parameters as they were; "
        "came others, of shapes [2]",
    ),
    (
        "leaves-no-foreign-gradients",
        WritesInBackward,
        "expected backward to leave the gradients of other parameters as they were; "
        "came others, of shapes [2]",
    ),
    (
        "leaves-no-foreign-gradients",
        Eager,
        "expected no gradient before the backward pass; came one in ['project.weight', ",
    ),
    (
        "learns",
        Numb,
        "expected a loss that falls by a tenth or more in 30 steps (one sentence with five "
        "classes); came ",
    ),
]


@pytest.fixture(autouse=True)
def no_gradient() -> Iterator[None]:
    """Leave the parameters of this file as they were."""
    yield
    ELSEWHERE.grad = None
    FILLED.grad = torch.zeros(2)


@pytest.mark.parametrize(("name", "head", "message"), CASES)
def test_a_broken_head_is_caught(judge: Judge, name, head, message) -> None:
    outcome = judge("head", name, head)
    assert outcome.status == "failed"
    assert message in outcome.message


def test_every_check_catches_one() -> None:
    assert {case[0] for case in CASES} == {each.name for each in check.all}


@pytest.mark.parametrize("each", check.all, ids=lambda each: each.name)
@pytest.mark.parametrize("head", [Plain, StartsAtZero])
def test_a_sound_head_passes(judge: Judge, each, head) -> None:
    assert judge("head", each.name, head).status == "passed"


@pytest.mark.parametrize("name", ["reaches-every-parameter", "learns"])
def test_a_head_without_parameters_has_nothing_to_learn(judge: Judge, name: str) -> None:
    class Mean(nn.Module):
        def __init__(self, width, task, parameters):
            super().__init__()

        def forward(self, *embeddings):
            return embeddings[0].mean(dim=1)

    outcome = judge("head", name, Mean)
    assert (outcome.status, outcome.message) == ("not applicable", "it has no parameters")


def test_a_head_that_cannot_be_built_fails(judge: Judge) -> None:
    def broken(width, task, parameters):
        raise ValueError("no")

    outcome = judge("head", "learns", broken)
    assert outcome.message.startswith("expected no error; came ValueError: no")


def test_one_parameter_is_enough_to_learn(judge: Judge) -> None:
    class Scale(nn.Module):
        def __init__(self, width, task, parameters):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, *embeddings):
            return self.scale * sum(embeddings).norm(dim=1)

    def of_scores(cell, task):
        return "it wants a score" if cell.tasks[task].score_range is None else None

    assert judge("head", "learns", Scale, rejects=of_scores).status == "passed"
