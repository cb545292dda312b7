import torch

from mtbench.api import CombineInput, Parameters
from mtbench_builtins.combiners.summed import Sum


def test_every_task_weighs_one():
    x = CombineInput(
        tasks=("a", "b", "c"),
        losses=torch.tensor([5.0, 0.0, 0.1], dtype=torch.float64),
        gramian=None,
        jacobian=None,
        step=0,
        total_steps=1,
        generator=torch.Generator(),
    )
    weights = Sum(Parameters()).combine(x)
    assert weights.tolist() == [1, 1, 1]
    assert weights.dtype == torch.float64
