from collections.abc import Mapping
from math import tanh

import pytest
import torch

from mtbench.api import TaskInfo
from mtbench_builtins.heads.mlp import Mlp
from mtbench_builtins.heads.parameters import MlpParameters


def test_values_by_hand(tasks: Mapping[str, TaskInfo]) -> None:
    head = Mlp(1, tasks["pair-score"], MlpParameters(hidden=2, dropout=0.0))
    with torch.no_grad():
        head.hidden.weight.copy_(torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
        head.hidden.bias.copy_(torch.tensor([0.0, 0.5]))
        head.projection.weight.copy_(torch.tensor([[2.0, 10.0]]))
        head.projection.bias.fill_(1.0)
    u, v = torch.tensor([[1.0], [0.0]]), torch.tensor([[1.0], [0.5]])
    # 2 tanh(u + v) + 10 tanh(u - v + 0.5) + 1
    expected = [2 * tanh(2) + 10 * tanh(0.5) + 1, 2 * tanh(0.5) + 1]
    assert head(u, v).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("task", "given", "shapes"),
    [
        ("classes", {}, [(8, 8), (8,), (5, 8), (5,)]),
        ("classes", {"hidden": 3}, [(3, 8), (3,), (5, 3), (5,)]),
        ("pair-score", {}, [(8, 16), (8,), (1, 8), (1,)]),
        ("pair-score", {"pair": "joined", "hidden": 20}, [(20, 8), (20,), (1, 20), (1,)]),
    ],
)
def test_the_hidden_layer_is_as_wide_as_the_embedding_or_as_it_is_told(
    tasks: Mapping[str, TaskInfo], task: str, given: dict[str, object], shapes: list[object]
) -> None:
    head = Mlp(8, tasks[task], MlpParameters.model_validate(given))
    assert [tuple(p.shape) for p in head.parameters()] == shapes


def test_both_layers_have_dropout(tasks: Mapping[str, TaskInfo]) -> None:
    head = Mlp(4, tasks["classes"], MlpParameters(hidden=1000, dropout=0.5))
    with torch.no_grad():  # what is dropped before the first layer makes no difference
        head.hidden.weight.zero_()
        head.hidden.bias.fill_(1.0)
    u = torch.ones(1, 4)
    assert not torch.equal(head(u), head(u))
