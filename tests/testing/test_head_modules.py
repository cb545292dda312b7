import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from mtbench.testing.conformance import Outcome
from mtbench.testing.head_modules import check

Judge = Callable[..., Outcome]

COMMON = nn.Parameter(torch.ones(()))


class Sound(nn.Module):
    def __init__(self, width, task, parameters):
        super().__init__()
        self.task = task
        self.dropout = nn.Dropout(parameters.dropout)
        self.project = nn.Linear(width * task.embeddings(parameters.pair), task.outputs)

    def forward(self, *embeddings):
        outputs = self.project(self.dropout(torch.cat(embeddings, dim=1)))
        return outputs if self.task.loss == "cross-entropy" else outputs.squeeze(1)


class BuiltByNumpy(Sound):
    def __init__(self, width, task, parameters):
        super().__init__(width, task, parameters)
        nn.init.constant_(self.project.bias, np.random.rand())


class OfAllTasks(Sound):
    def __init__(self, width, task, parameters):
        super().__init__(width, task, parameters)
        self.scale = COMMON

    def forward(self, *embeddings):
        return self.scale * super().forward(*embeddings)


class Unregistered(Sound):
    """A tensor that is no buffer is not saved."""

    def __init__(self, width, task, parameters):
        super().__init__(width, task, parameters)
        self.shift = torch.rand(1)

    def forward(self, *embeddings):
        return super().forward(*embeddings) + self.shift


class AlwaysDropping(Sound):
    def __init__(self, width, task, parameters):
        super().__init__(width, task, parameters)
        self.dropout.p = 0.1


class DroppingInEvaluation(Sound):
    def forward(self, *embeddings):
        rate = self.dropout.p
        return super().forward(
            *(nn.functional.dropout(u, rate, training=True) for u in embeddings)
        )


class Rolling(Sound):
    def forward(self, *embeddings):
        random.random()
        return super().forward(*embeddings)


class Noisy(Sound):
    def forward(self, *embeddings):
        return super().forward(*embeddings) + 0 * torch.rand(1)


class RollingInTraining(Sound):
    def forward(self, *embeddings):
        if self.training:
            np.random.rand()
        return super().forward(*embeddings)


class Single(Sound):
    def forward(self, *embeddings):
        weights = [self.project.weight.float(), self.project.bias.float()]
        outputs = nn.functional.linear(torch.cat(embeddings, dim=1).float(), *weights)
        return outputs if self.task.loss == "cross-entropy" else outputs.squeeze(1)


class Bilinear(Sound):
    """torch's bilinear form knows no autocast."""

    def __init__(self, width, task, parameters):
        super().__init__(width, task, parameters)
        self.form = nn.Bilinear(width, width, task.outputs)

    def forward(self, *embeddings):
        form = self.form(embeddings[0], embeddings[-1])
        return super().forward(*embeddings) + form.reshape(len(form), -1).mean(dim=1).mean()


class OnTheCpu(Sound):
    def forward(self, *embeddings):
        return super().forward(*embeddings) + torch.zeros(len(embeddings[0]), 1)[:, 0].mean(
            dim=0, keepdim=True
        )


class ProductOnTheCpu(Sound):
    def __init__(self, width, task, parameters):
        super().__init__(width, task, parameters)
        self.turn = torch.eye(width)

    def forward(self, *embeddings):
        return super().forward(*(u @ self.turn for u in embeddings))


class BackToTheCpu(Sound):
    def forward(self, *embeddings):
        outputs = super().forward(*embeddings)
        return torch.zeros(outputs.shape)


class Looking(Sound):
    """It looks at values, which is slow on a GPU and not wrong."""

    def forward(self, *embeddings):
        outputs = super().forward(*embeddings)
        return outputs * 2 if embeddings[0].max().item() > 1e6 else outputs


CASES = [
    (
        "same-seed-same-weights",
        BuiltByNumpy,
        "expected the same first weights of the same seed; came others in ['project.bias']",
    ),
    (
        "shares-nothing",
        OfAllTasks,
        "expected tensors of its own for each head; came common ones: []",
    ),
    ("save-and-load", Unregistered, "expected the same outputs; came outputs that differ by "),
    ("dropout", AlwaysDropping, "expected no dropout at rate 0; came outputs that differ by "),
    ("dropout", DroppingInEvaluation, "expected no dropout in evaluation mode; came outputs that"),
    (
        "leaves-global-generators",
        Rolling,
        "expected the global generators as they were; came another state of Python's",
    ),
    ("leaves-global-generators", Noisy, "came another state of torch's"),
    ("leaves-global-generators", RollingInTraining, "came another state of numpy's"),
    ("double-precision", Single, "expected outputs in float64; came torch.float32"),
    ("bfloat16", Bilinear, "expected no error; came RuntimeError: All tensors must have the same"),
    (
        "follows-the-device",
        OnTheCpu,
        "expected tensors on one device; came ",
    ),
    ("follows-the-device", ProductOnTheCpu, "came cpu and meta in mm"),
    (
        "follows-the-device",
        BackToTheCpu,
        "expected a result where the tensors are; came cpu",
    ),
]


@pytest.mark.parametrize(("name", "head", "message"), CASES)
def test_a_broken_head_is_caught(judge: Judge, name, head, message) -> None:
    outcome = judge("head", name, head)
    assert outcome.status == "failed"
    assert message in outcome.message


def test_every_check_catches_one() -> None:
    assert {case[0] for case in CASES} == {each.name for each in check.all}


@pytest.mark.parametrize("each", check.all, ids=lambda each: each.name)
def test_a_sound_head_passes(judge: Judge, each) -> None:
    assert judge("head", each.name, Sound).status == "passed"


def test_a_head_may_do_without_dropout(judge: Judge) -> None:
    class Undropping(Sound):
        def __init__(self, width, task, parameters):
            super().__init__(width, task, parameters)
            self.dropout = nn.Identity()

    assert judge("head", "dropout", Undropping).status == "passed"


def test_a_head_that_looks_at_values_cannot_be_tried_without(judge: Judge) -> None:
    assert judge("head", "follows-the-device", Looking).status == "passed"


def test_the_generators_are_left_where_they_were(judge: Judge) -> None:
    before = torch.get_rng_state(), random.getstate(), repr(np.random.get_state())
    for each in check.all:
        judge("head", each.name, Sound)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), repr(np.random.get_state())) == before[1:]
