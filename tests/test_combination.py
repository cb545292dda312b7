from dataclasses import FrozenInstanceError

import pytest
import torch

from mtbench.combination import CombineInput, Combiner
from mtbench.components.entries import build_parameters, make
from mtbench.components.registry import Registry

STEP = CombineInput(
    tasks=("sst", "sts"),
    losses=torch.tensor([1.0, 2.0], dtype=torch.float64),
    gramian=None,
    jacobian=None,
    step=0,
    total_steps=9,
    generator=torch.Generator(),
)


def test_a_combiner_answers_with_a_weight_for_each_task_of_the_step() -> None:
    entry = Registry.load().find("combiner", "sum")
    combiner: Combiner = make(entry, build_parameters(entry, {}, where=""))

    assert combiner.combine(STEP).tolist() == [1, 1]


def test_a_combiner_cannot_change_what_it_sees() -> None:
    with pytest.raises(FrozenInstanceError):
        STEP.step = 1  # type: ignore[misc]
