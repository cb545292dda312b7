from collections.abc import Callable
from typing import Literal

import pytest
import torch
from torch import nn

from mtbench.components.registry import Registry
from mtbench.parameters import HeadParameters
from mtbench.testing.checks import CheckFailed, Subject
from mtbench.testing.head_trials import (
    offers,
    outputs_of,
    probed,
    require_equal,
    shaken,
    trials,
)


def built_in(name: str, **given: object) -> Subject:
    return Subject.of(Registry.load().find("head", name), **given)


class SeparateParameters(HeadParameters):
    pair: Literal["separate"] = "separate"


def test_a_head_is_tried_on_what_it_takes() -> None:
    assert [trial.name for trial in trials(built_in("relu-cosine"))] == [
        "a pair with a score from 0 to 5, separate"
    ]
    assert len(trials(built_in("linear"))) == 3 + 4 * 2


def test_what_it_refuses_comes_with_its_reason() -> None:
    reasons = {trial.name: reason for trial, reason in offers(built_in("cosine"))}
    assert (
        reasons["one sentence with yes or no"] == "a cosine needs two sentences, and task has one"
    )
    assert reasons["a pair with a score from 1 to 4, separate"] is None


def test_parameters_may_allow_one_kind_of_pair(subject_of: Callable[..., Subject]) -> None:
    subject = subject_of("head", nn.Identity, parameters=SeparateParameters)
    assert [t.name for t in trials(subject) if "joined" in t.name] == []


def test_a_trial_is_built_as_in_a_run() -> None:
    (trial,) = trials(built_in("cosine", dropout=0.3))[:1]
    assert trial.build().dropout.p == 0
    assert trial.build(dropout=0.5).dropout.p == 0.5
    assert [u.shape for u in trial.embeddings(3, width=8)] == [(3, 8), (3, 8)]
    linear = trials(built_in("linear"))[0]
    assert torch.equal(linear.build().projection.weight, linear.build().projection.weight)
    other = linear.build(seed=1).projection.weight
    assert not torch.equal(linear.build().projection.weight, other)
    assert linear.shape(3) == [3, 5]
    assert trial.shape(3) == [3]


def test_batches_at_which_divisions_go_wrong() -> None:
    batches = trials(built_in("cosine"))[0].batches()
    assert not any(u.any() for u in batches["embeddings of zeros"])
    u, v = batches["two sentences with one embedding"]
    assert torch.equal(u, v)
    assert u is not v


def test_shaken_and_probed() -> None:
    layer = shaken(nn.Linear(2, 1, bias=False))
    before = layer.weight.detach().clone()
    assert not torch.equal(shaken(layer).weight, before)
    outputs = torch.ones(5, requires_grad=True)
    probed(outputs).backward()
    assert outputs.grad.abs().min() > 1e-3


def test_outputs_are_a_tensor_of_numbers() -> None:
    with pytest.raises(CheckFailed, match="expected a tensor of floating-point numbers; came"):
        outputs_of(lambda u: u.argmax(dim=1), [torch.ones(2, 2)])


def test_equal_but_for_rounding() -> None:
    ones = torch.ones(2)
    require_equal(ones * (1 + 1e-5), ones, "ones")
    with pytest.raises(CheckFailed, match=r"^expected ones; came outputs that differ by 0\.5$"):
        require_equal(ones * 1.5, ones, "ones")
    with pytest.raises(CheckFailed, match=r"came shapes \[2\] and \[1\]"):
        require_equal(ones, ones[:1], "ones")
