from collections.abc import Mapping

import pytest
import torch

from mtbench.api import HeadParameters, TaskInfo
from mtbench_builtins.heads.linear import Linear
from mtbench_builtins.heads.scaled_linear import ScaledLinear


@pytest.mark.parametrize(("task", "top"), [("pair-score", 5.0), ("pair-score-from-1", 4.0)])
def test_is_linear_times_the_top_of_the_range(
    tasks: Mapping[str, TaskInfo], task: str, top: float
) -> None:
    scaled = ScaledLinear(3, tasks[task], HeadParameters())
    linear = Linear(3, tasks[task], HeadParameters())
    linear.load_state_dict(scaled.state_dict())
    u, v = torch.eye(3), torch.ones(3, 3)
    torch.testing.assert_close(scaled(u, v), top * linear(u, v))


def test_classes_are_a_bug(tasks: Mapping[str, TaskInfo]) -> None:
    with pytest.raises(ValueError, match="a task with a score"):
        ScaledLinear(3, tasks["classes"], HeadParameters())
