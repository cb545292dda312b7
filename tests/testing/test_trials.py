"""What is tried without a component; the rest of it is, in test_mutants."""

import random

import pytest
import torch

from mtbench.components.registry import Registry
from mtbench.testing.checks import CheckFailed, Subject
from mtbench.testing.trials import (
    ordinary_cell,
    require_one_device,
    require_reason,
    seeded_globally,
    untouched,
)

META, CPU = torch.empty(2, 2, device="meta"), torch.ones(2, 2)


def test_a_component_stands_in_its_place() -> None:
    registry = Registry.load()
    cell = ordinary_cell(Subject.of(registry.find("balancer", "single")))
    assert (cell.balancer.name, cell.balancer.parameters) == ("single", {"task": "sst"})
    assert list(cell.tasks) == list(cell.heads) == ["sst", "pd", "sts"]
    heads = ordinary_cell(Subject.of(registry.find("head", "cosine"))).heads
    assert {head.name for head in heads.values()} == {"cosine"}


@pytest.mark.parametrize("reason", ["", " ", "two\nlines", True, 3])
def test_no_reason(reason: object) -> None:
    require_reason(None)
    require_reason("it has no pair")
    with pytest.raises(CheckFailed, match="expected caveat to give a reason in one line"):
        require_reason(reason, "caveat")


def test_global_generators_are_put_back() -> None:
    before = random.getstate(), torch.get_rng_state().tolist()
    with seeded_globally(3):
        random.random()
        torch.rand(3)
    assert (random.getstate(), torch.get_rng_state().tolist()) == before


def test_torch_may_be_drawn_from_and_not_seeded() -> None:
    with untouched(but_torch=True):
        torch.rand(1)
    with pytest.raises(CheckFailed, match="another state of torch's"), untouched():
        torch.rand(1)
    with (
        seeded_globally(1),
        pytest.raises(CheckFailed, match="came one seeded anew with 9"),
        untouched(but_torch=True),
    ):
        torch.manual_seed(9)


@pytest.mark.parametrize(
    "function",
    [
        lambda: META + CPU,
        lambda: META @ CPU,
        lambda: torch.cat([META, CPU]),
        lambda: torch.nn.functional.linear(META, CPU),
    ],
)
def test_two_devices_meet(function) -> None:
    with pytest.raises(CheckFailed, match="expected tensors on one device; came "):
        require_one_device(function)


@pytest.mark.parametrize(
    "function",
    [
        lambda: META * torch.tensor(2.0),  # a number may lie anywhere
        lambda: META[torch.arange(2)],  # so may an index
        lambda: CPU.to(META.device),
        lambda: META * META.max().item(),  # these want numbers
        lambda: META[META > 0],
        lambda: torch.rand(2, generator=torch.Generator(META.device)),
    ],
)
def test_what_is_sound_or_cannot_be_tried(function) -> None:
    require_one_device(function)
