"""The linear head: dropout, then a projection."""

import torch
from torch import Tensor, nn

from mtbench.api import HeadParameters, TaskInfo


class Linear(nn.Module):
    """Dropout and a projection of the example's embedding(s).

    Of a separate pair the two embeddings stand side by side, first sentence first. Of a joined
    pair there is one, and the head is the cross-encoder of Devlin et al. 2019 (figure 4a). The
    initial weights are ``nn.Linear``'s own, as in CS224N's minBERT; the paper is silent.
    """

    def __init__(self, width: int, task: TaskInfo, parameters: HeadParameters) -> None:
        super().__init__()
        self.dropout = nn.Dropout(parameters.dropout or 0.0)
        self.projection = nn.Linear(width * task.embeddings(parameters.pair), task.outputs)

    def forward(self, *embeddings: Tensor) -> Tensor:
        """Map embeddings [B, d] to logits [B, classes], or to one number an example, [B]."""
        x = torch.cat(embeddings, dim=-1)  # [B, d] or [B, 2 d]
        outputs: Tensor = self.projection(self.dropout(x))  # [B, outputs]
        return outputs.squeeze(-1) if outputs.shape[-1] == 1 else outputs
