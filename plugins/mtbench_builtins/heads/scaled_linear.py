"""The scaled linear head: a projection, times the top of the score's range."""

from torch import Tensor

from mtbench.api import HeadParameters, TaskInfo
from mtbench_builtins.heads.linear import Linear


class ScaledLinear(Linear):
    """``top * linear(embeddings)``, where top is the highest score: 5 for STS.

    Raises:
        ValueError: if the task is no score.
    """

    def __init__(self, width: int, task: TaskInfo, parameters: HeadParameters) -> None:
        super().__init__(width, task, parameters)
        if task.score_range is None:
            raise ValueError("a scaled-linear head needs a task with a score")
        self.top = task.score_range[1]

    def forward(self, *embeddings: Tensor) -> Tensor:
        """Map embeddings [B, d] to scores [B]."""
        return self.top * super().forward(*embeddings)
