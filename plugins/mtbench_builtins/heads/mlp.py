"""The MLP head: a hidden layer between the embedding(s) and the projection."""

import torch
from torch import Tensor, nn

from mtbench.api import TaskInfo
from mtbench_builtins.heads.parameters import MlpParameters


class Mlp(nn.Module):
    """``W2 tanh(W1 x + b1) + b2`` of the example's embedding(s), with dropout before each layer.

    Of a separate pair the two embeddings stand side by side, first sentence first, as in
    ``linear``. One hidden layer between sentence embeddings and classes is what Conneau et al.
    2017, Supervised Learning of Universal Sentence Representations (InferSent), train with. The
    embedding's width, tanh, and dropout before both layers are those of RoBERTa's published
    head for classification (Liu et al. 2019): BERT's pooler (Devlin et al. 2019) of a task's
    own, and a projection. The initial weights are ``nn.Linear``'s own.
    """

    def __init__(self, width: int, task: TaskInfo, parameters: MlpParameters) -> None:
        super().__init__()
        hidden = parameters.hidden or width
        self.dropout = nn.Dropout(parameters.dropout or 0.0)
        self.hidden = nn.Linear(width * task.embeddings(parameters.pair), hidden)
        self.projection = nn.Linear(hidden, task.outputs)

    def forward(self, *embeddings: Tensor) -> Tensor:
        """Map embeddings [B, d] to logits [B, classes], or to one number an example, [B]."""
        x = torch.cat(embeddings, dim=-1)  # [B, d] or [B, 2 d]
        hidden = torch.tanh(self.hidden(self.dropout(x)))  # [B, hidden]
        outputs: Tensor = self.projection(self.dropout(hidden))  # [B, outputs]
        return outputs.squeeze(-1) if outputs.shape[-1] == 1 else outputs
