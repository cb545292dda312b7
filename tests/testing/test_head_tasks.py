from collections.abc import Callable

import pytest
import torch
from torch import nn

from mtbench.testing.conformance import Outcome
from mtbench.testing.head_tasks import check

Judge = Callable[..., Outcome]


class Plain(nn.Module):
    def __init__(self, width, task, parameters):
        super().__init__()
        self.task = task
        self.project = nn.Linear(width * task.embeddings(parameters.pair), task.outputs)

    def forward(self, *embeddings):
        outputs = self.project(torch.cat(embeddings, dim=1))
        return outputs if self.task.loss == "cross-entropy" else outputs.squeeze(1)


class ForPairs(Plain):
    """It takes pairs only, and forgets to refuse the rest."""

    def forward(self, u, v):
        return super().forward(u, v)


class AlwaysSqueezed(Plain):
    """A batch of one loses its first dimension."""

    def forward(self, *embeddings):
        return super().forward(*embeddings).squeeze()


class OfOneWidth(Plain):
    def __init__(self, width, task, parameters):
        super().__init__(16, task, parameters)


class Normed(Plain):
    """Batch normalisation knows no batch of one."""

    def __init__(self, width, task, parameters):
        super().__init__(width, task, parameters)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, *embeddings):
        return super().forward(*(self.norm(u) for u in embeddings))


def of_scores(cell, task):
    return "it wants a score" if cell.tasks[task].score_range is None else None


CASES = [
    (
        "takes-some-task",
        Plain,
        {"rejects": lambda cell, task: "no"},
        "expected a head that takes some kind of task; came refusals of all: one sentence with "
        "five classes: no; ",
    ),
    (
        "refuses-with-a-reason",
        Plain,
        {"rejects": lambda cell, task: cell.tasks[task].sentences == 1},
        "expected rejects to give a reason in one line, or None; came True",
    ),
    (
        "refuses-with-a-reason",
        Plain,
        {"rejects": lambda cell, task: cell.heads[task].parameters["temperature"]},
        "expected no error; came KeyError: 'temperature'",
    ),
    (
        "builds-what-it-takes",
        ForPairs,
        {},
        "expected one sentence with five classes to be refused, or taken; came TypeError: ",
    ),
    (
        "builds-what-it-takes",
        lambda width, task, parameters: width,
        {},
        "classes to be refused, or taken; came CheckFailed: expected an nn.Module; came 16",
    ),
    (
        "shapes",
        AlwaysSqueezed,
        {},
        "expected shape [1, 5] for one sentence with five classes; came [5]",
    ),
    ("shapes", Normed, {}, "expected no error; came ValueError: Expected more than 1 value"),
    ("several-widths", OfOneWidth, {}, "expected no error; came RuntimeError: mat1 and mat2"),
    (
        "unit-outputs",
        Plain,
        {"output": "unit"},
        'expected a head with output = "unit" to refuse what is no score; came one that takes '
        "one sentence with five classes",
    ),
    (
        "unit-outputs",
        Plain,
        {"output": "unit", "rejects": of_scores},
        "expected outputs in [-1, 1]; came one of ",
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
    expected = "not applicable" if each.name == "refuses-with-a-reason" else "passed"
    assert judge("head", each.name, Plain).status == expected


def test_a_unit_that_holds(judge: Judge) -> None:
    class Bounded(Plain):
        def forward(self, *embeddings):
            return super().forward(*embeddings).tanh()

    outcome = judge("head", "unit-outputs", Bounded, output="unit", rejects=of_scores)
    assert outcome.status == "passed"
