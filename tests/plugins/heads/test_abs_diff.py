from collections.abc import Mapping

import torch

from mtbench.api import HeadParameters, TaskInfo
from mtbench_builtins.heads.abs_diff import AbsDiff


def head_of(task: TaskInfo, *, dropout: float = 0.0) -> AbsDiff:
    head = AbsDiff(2, task, HeadParameters(dropout=dropout))
    with torch.no_grad():
        head.projection.weight.copy_(torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]))
        head.projection.bias.fill_(0.5)
    return head


def test_values_by_hand(tasks: Mapping[str, TaskInfo]) -> None:
    """1 * 1 + 3 * 1 + 4 * 1 + 6 * 1 + 0.5, and -4 * 1 + 2 * 1 + 6 * 2 + 0.5."""
    u, v = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 1.0], [0.0, -1.0]])
    assert head_of(tasks["pair-score"])(u, v).tolist() == [14.5, 10.5]


def test_the_difference_has_no_direction(tasks: Mapping[str, TaskInfo]) -> None:
    head = head_of(tasks["pair-score"])
    with torch.no_grad():
        head.projection.weight[:, :4] = 0
    u, v = torch.randn(2, 9, 2)
    torch.testing.assert_close(head(u, v), head(v, u), rtol=0, atol=0)
    assert head(u, u).tolist() == [0.5] * 9


def test_weights_are_of_all_three_parts(tasks: Mapping[str, TaskInfo]) -> None:
    head = AbsDiff(8, tasks["pair-classes"], HeadParameters())
    assert {name: tuple(p.shape) for name, p in head.named_parameters()} == {
        "projection.weight": (1, 24),
        "projection.bias": (1,),
    }
