from collections.abc import Mapping

import torch

from mtbench.api import HeadParameters, TaskInfo
from mtbench_builtins.heads.linear import Linear


def test_values_by_hand(tasks: Mapping[str, TaskInfo]) -> None:
    head = Linear(2, tasks["pair-score"], HeadParameters(dropout=0.0))
    with torch.no_grad():
        head.projection.weight.copy_(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
        head.projection.bias.fill_(0.5)
    u, v = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 1.0], [0.0, -1.0]])
    assert head(u, v).tolist() == [8.5, -1.5]


def test_a_joined_pair_has_one_embedding(tasks: Mapping[str, TaskInfo]) -> None:
    separate = Linear(8, tasks["pair-score"], HeadParameters())
    joined = Linear(8, tasks["pair-score"], HeadParameters(pair="joined"))
    single = Linear(8, tasks["classes"], HeadParameters())
    assert separate.projection.weight.shape == (1, 16)
    assert joined.projection.weight.shape == (1, 8)
    assert single.projection.weight.shape == (5, 8)


def test_initial_weights_are_torchs_own(tasks: Mapping[str, TaskInfo]) -> None:
    torch.manual_seed(3)
    head = Linear(8, tasks["classes"], HeadParameters())
    torch.manual_seed(3)
    reference = torch.nn.Linear(8, 5)
    assert torch.equal(head.projection.weight, reference.weight)
    assert torch.equal(head.projection.bias, reference.bias)
