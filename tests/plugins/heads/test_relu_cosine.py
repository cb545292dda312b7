from collections.abc import Mapping

import pytest
import torch

from mtbench.api import HeadParameters, TaskInfo
from mtbench_builtins.heads.relu_cosine import ReluCosine


def test_values_by_hand(tasks: Mapping[str, TaskInfo]) -> None:
    head = ReluCosine(2, tasks["pair-score"], HeadParameters(dropout=0.0))
    u = torch.tensor([[1.0, 0.0], [1.0, 1.0], [3.0, 4.0], [1.0, 2.0]])
    v = torch.tensor([[0.0, 2.0], [2.0, 2.0], [4.0, 3.0], [-1.0, -2.0]])
    torch.testing.assert_close(head(u, v), torch.tensor([0.0, 5.0, 4.8, 0.0]))
    assert list(head.parameters()) == []


def test_a_negative_cosine_gets_no_gradient(tasks: Mapping[str, TaskInfo]) -> None:
    head = ReluCosine(2, tasks["pair-score"], HeadParameters(dropout=0.0))
    u = torch.tensor([[1.0, 0.0], [1.0, 0.0]], requires_grad=True)
    head(u, torch.tensor([[-1.0, 1.0], [1.0, 1.0]])).sum().backward()
    assert u.grad is not None
    assert u.grad[0].tolist() == [0.0, 0.0]
    assert u.grad[1, 1].item() == pytest.approx(5 / 2**0.5)


def test_classes_are_a_bug(tasks: Mapping[str, TaskInfo]) -> None:
    with pytest.raises(ValueError, match="a task with a score"):
        ReluCosine(2, tasks["pair-classes"], HeadParameters())
