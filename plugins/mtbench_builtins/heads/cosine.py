"""The cosine head: how alike the directions of two embeddings are."""

from torch import Tensor, nn
from torch.nn import functional as F

from mtbench.api import HeadParameters, TaskInfo


class Cosine(nn.Module):
    """``cos(u, v)`` of a pair's embeddings, each with dropout; no parameters.

    1 stands for the top of the score's range (Reimers and Gurevych 2019, section 3). The
    cosine with a zero vector is 0, with finite gradients.
    """

    def __init__(self, _width: int, _task: TaskInfo, parameters: HeadParameters) -> None:
        super().__init__()
        self.dropout = nn.Dropout(parameters.dropout or 0.0)

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        """Map the sentences' embeddings, both [B, d], to cosines [B] in [-1, 1]."""
        return F.cosine_similarity(self.dropout(u), self.dropout(v), dim=-1)
