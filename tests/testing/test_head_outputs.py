from collections.abc import Callable

import pytest
import torch
from torch import nn

from mtbench.testing.conformance import Outcome
from mtbench.testing.head_outputs import check

Judge = Callable[..., Outcome]


class Plain(nn.Module):
    def __init__(self, width, task, parameters):
        super().__init__()
        self.task = task
        self.project = nn.Linear(width * task.embeddings(parameters.pair), task.outputs)

    def forward(self, *embeddings):
        outputs = self.project(torch.cat(embeddings, dim=1))
        return outputs if self.task.loss == "cross-entropy" else outputs.squeeze(1)


class Normalised(Plain):
    """A division by the length of an embedding of zeros."""

    def forward(self, *embeddings):
        return super().forward(*(u / u.norm(dim=1, keepdim=True) for u in embeddings))


class Exponential(Plain):
    def forward(self, *embeddings):
        return super().forward(*(u.exp() for u in embeddings))


class Sorted(Plain):
    def forward(self, *embeddings):
        return super().forward(*embeddings).sort(dim=0).values


class Centred(Plain):
    """The mean over the batch tells an example of the others."""

    def forward(self, *embeddings):
        return super().forward(*(u - u.mean(dim=0) for u in embeddings))


class Remembering(Plain):
    """It adds what it saw in the last batch."""

    last = 0.0

    def forward(self, *embeddings):
        outputs = super().forward(*embeddings) + self.last
        self.last = embeddings[0].detach().mean()
        return outputs


class Dropping(Plain):
    """The functional form drops in evaluation mode too."""

    def forward(self, *embeddings):
        return super().forward(*(nn.functional.dropout(u) for u in embeddings))


class InPlace(Plain):
    def forward(self, *embeddings):
        return super().forward(*(u.relu_() for u in embeddings))


SYMMETRIC = {"promises": frozenset({"symmetric"})}

CASES = [
    (
        "finite-outputs",
        Normalised,
        {},
        "expected finite outputs on embeddings of zeros (one sentence with five classes); "
        "came [nan, nan",
    ),
    ("finite-outputs", Exponential, {}, "finite outputs on embeddings a thousand times as long"),
    (
        "follows-the-order-of-the-batch",
        Sorted,
        {},
        "expected outputs in the batch's order; came outputs that differ by ",
    ),
    (
        "examples-apart",
        Centred,
        {},
        "expected an example's output alone as among others; came outputs that differ by ",
    ),
    ("symmetric", Plain, SYMMETRIC, "expected f(v, u) = f(u, v); came outputs that differ by "),
    (
        "symmetric",
        Plain,
        {
            **SYMMETRIC,
            "rejects": lambda cell, task: "a pair" if cell.tasks[task].sentences == 2 else None,
        },
        "expected a head that promises 'symmetric' to take separate pairs; came refusals of all",
    ),
    (
        "same-batch-same-outputs",
        Remembering,
        {},
        "expected the same outputs of the same batch; came outputs that differ by ",
    ),
    ("same-batch-same-outputs", Dropping, {}, "expected the same outputs of the same batch"),
    (
        "leaves-the-embeddings",
        InPlace,
        {},
        "expected the embeddings as they were; came changed ones",
    ),
]


@pytest.mark.parametrize(("name", "head", "spec", "message"), CASES)
def test_a_broken_head_is_caught(judge: Judge, name, head, spec, message) -> None:
    outcome = judge("head", name, head, **spec)
    assert outcome.status == "failed"
    assert message in outcome.message


def test_every_check_catches_one() -> None:
    assert {case[0] for case in CASES} == {each.name for each in check.all}


@pytest.mark.parametrize("each", check.all, ids=lambda each: each.name)
def test_a_plain_head_passes(judge: Judge, each) -> None:
    expected = "not applicable" if each.name == "symmetric" else "passed"
    assert judge("head", each.name, Plain).status == expected


def test_a_promise_that_is_kept(judge: Judge) -> None:
    class Difference(Plain):
        def forward(self, *embeddings):
            u, v = embeddings if len(embeddings) == 2 else (embeddings[0], embeddings[0])
            return super().forward(*[(u - v).abs()] * len(embeddings))

    assert judge("head", "symmetric", Difference, **SYMMETRIC).status == "passed"


def test_normalised_by_torch_is_finite(judge: Judge) -> None:
    class Safe(Plain):
        def forward(self, *embeddings):
            return super().forward(*(nn.functional.normalize(u, dim=1) for u in embeddings))

    assert judge("head", "finite-outputs", Safe).status == "passed"
