"""The relu-cosine head: a cosine on the scale of the score, negative ones as 0."""

from torch import Tensor

from mtbench.api import HeadParameters, TaskInfo
from mtbench_builtins.heads.cosine import Cosine


class ReluCosine(Cosine):
    """``top * relu(cos(u, v))``, where top is the highest score: 5 for STS.

    Raises:
        ValueError: if the task is no score.
    """

    def __init__(self, width: int, task: TaskInfo, parameters: HeadParameters) -> None:
        super().__init__(width, task, parameters)
        if task.score_range is None:
            raise ValueError("a relu-cosine head needs a task with a score")
        self.top = task.score_range[1]

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        """Map the sentences' embeddings, both [B, d], to scores [B], 0 or more."""
        return self.top * super().forward(u, v).relu()
