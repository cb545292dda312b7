from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from mtbench.gradients.oracle import BrokenCombiner, NonFiniteLoss, Portion
from mtbench.training.observation import losses_after, state_of


def forward(batches: Mapping[str, float], segments: None) -> dict[str, Tensor]:
    return {task: torch.tensor(value) for task, value in batches.items()}


def test_losses_are_means_over_the_passes() -> None:
    passes = [
        {"a": Portion(4.0, 0.25), "b": Portion(1.0, 1.0)},
        {"a": Portion(8.0, 0.75)},
    ]
    assert losses_after(forward, passes, step=0) == {"a": 7, "b": 1}


def test_nothing_is_differentiated() -> None:
    modes = []

    def noted(batches: Mapping[str, float], segments: None) -> dict[str, Tensor]:
        modes.append(torch.is_grad_enabled())
        return forward(batches, segments)

    losses_after(noted, [{"a": Portion(1.0, 1.0)}], step=0)
    assert modes == [False]
    assert torch.is_grad_enabled()


def test_a_loss_that_is_no_number_names_its_task_and_step() -> None:
    with pytest.raises(NonFiniteLoss, match=r"^the loss of task 'b' is inf at step 5$"):
        losses_after(forward, [{"a": Portion(1.0, 1.0), "b": Portion(float("inf"), 1.0)}], step=4)


class Remembering:
    """A combiner in so far as it has a state."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def combine(self, x: Any) -> Tensor:
        raise NotImplementedError

    def state_dict(self) -> Any:
        return self.state


def test_a_state_of_json_values() -> None:
    state = {"a": {"b": [1, 0.5, None, True, "c"]}}
    assert state_of(Remembering(state)) == {"combiner": state}
    assert state_of(Remembering({})) == {"combiner": {}}


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"a": torch.ones(1)}, "no JSON: .*Tensor"),
        ({"a": float("nan")}, "no JSON: .*not JSON compliant"),
        ({1: 2.0}, "which JSON gives back as {'1': 2.0}"),
        ({"a": (1, 2)}, r"which JSON gives back as {'a': \[1, 2\]}"),
    ],
)
def test_a_state_of_anything_else(state: Any, said: str) -> None:
    with pytest.raises(BrokenCombiner, match=rf"^Remembering\.state_dict gave .*{said}"):
        state_of(Remembering(state))


def test_a_combiner_without_a_state() -> None:
    assert state_of(object()) == {}  # type: ignore[arg-type]
