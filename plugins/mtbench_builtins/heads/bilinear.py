"""The bilinear head: every coordinate of one embedding times every one of the other."""

import torch
from torch import Tensor, nn

from mtbench.api import HeadParameters, TaskInfo


class Bilinear(nn.Module):
    """``u^T W_k v / d + b_k`` of a pair's embeddings, each with dropout; k counts the outputs.

    The bilinear form of Socher et al. 2013, Reasoning With Neural Tensor Networks for Knowledge
    Base Completion, equation 1, by itself. A form has d^2 terms, so it is divided by d, and its
    weights are drawn from [-1, 1]. Embeddings with coordinates of spread 1, as a layer norm
    leaves them, then give first outputs of spread 1/sqrt(3) at any width, as they do in an
    ``nn.Linear``; and a step of Adam, which moves each weight by up to the learning rate, moves
    the output by up to about d times that, as it does there too. With ``nn.Bilinear`` as it is,
    the first outputs spread by 16 at d = 768, and a step goes d times as far. The bias starts
    at 0.
    """

    def __init__(self, width: int, task: TaskInfo, parameters: HeadParameters) -> None:
        super().__init__()
        self.dropout = nn.Dropout(parameters.dropout or 0.0)
        # Not nn.Bilinear, which takes no part in autocast: k matrices, one below the other.
        self.form = nn.Linear(width, task.outputs * width, bias=False)
        self.bias = nn.Parameter(torch.zeros(task.outputs))
        nn.init.uniform_(self.form.weight, -1, 1)

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        """Map the sentences' embeddings, both [B, d], to logits [B, classes], or numbers [B]."""
        of_v = self.form(self.dropout(v)).unflatten(-1, (len(self.bias), -1))  # [B, outputs, d]
        of_both = of_v * self.dropout(u).unsqueeze(-2)  # [B, outputs, d]
        outputs: Tensor = of_both.mean(dim=-1) + self.bias  # [B, outputs]
        return outputs.squeeze(-1) if outputs.shape[-1] == 1 else outputs
