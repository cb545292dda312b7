"""The abs-diff head: a projection of two embeddings and how far they are apart."""

import torch
from torch import Tensor, nn

from mtbench.api import HeadParameters, TaskInfo


class AbsDiff(nn.Module):
    """``W (u, v, |u - v|) + b`` of a pair's embeddings, with dropout before the projection.

    Reimers and Gurevych 2019, Sentence-BERT, section 3 (classification objective). The initial
    weights are ``nn.Linear``'s own; the paper has no bias and is silent on weights.
    """

    def __init__(self, width: int, task: TaskInfo, parameters: HeadParameters) -> None:
        super().__init__()
        self.dropout = nn.Dropout(parameters.dropout or 0.0)
        self.projection = nn.Linear(3 * width, task.outputs)

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        """Map the sentences' embeddings, both [B, d], to logits [B, classes], or numbers [B]."""
        x = torch.cat([u, v, (u - v).abs()], dim=-1)  # [B, 3 d]
        outputs: Tensor = self.projection(self.dropout(x))  # [B, outputs]
        return outputs.squeeze(-1) if outputs.shape[-1] == 1 else outputs
