"""Distillation of sentence vectors: towards the teacher's vectors and its cosines."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtbench.api import Tokens
from mtbench.model.batching import ragged
from mtbench.model.pooling import pool
from mtbench_builtins.encoders.minbert import MinBert
from tools.pretrain.settings import Distil


class Distillation(nn.Module):
    """A student, and the way from its space to the teacher's, which is thrown away in the end.

    Args:
        student: the encoder that learns.
        axes: first weights of that way, [teacher's width, student's width].
        settings: weights of the losses.
    """

    def __init__(self, student: MinBert, axes: Tensor, settings: Distil) -> None:
        super().__init__()
        self.student = student
        self.projection = nn.Linear(axes.shape[1], axes.shape[0])
        with torch.no_grad():
            self.projection.weight.copy_(axes)
            self.projection.bias.zero_()
        self.settings = settings

    def loss(self, sequences: Sequence[Tokens], vectors: Tensor, size: int) -> Tensor:
        """Return the loss of a batch of whole families.

        The vectors' part is one minus the cosine to the teacher's vector; the relational part
        is the squared error of the cosines between all texts of the batch (Park et al. 2019,
        Relational Knowledge Distillation, with cosines in place of distances), once over all
        pairs and once more over those of a family.

        Args:
            sequences: texts, family by family.
            vectors: the teacher's, of length 1, [texts, teacher's width].
            size: texts of a family.
        """
        batch = ragged(sequences)
        pooled = pool(self.student(batch), batch, "mean")  # [B, d]
        towards = 1 - F.cosine_similarity(self.projection(pooled), vectors).mean()
        unit = F.normalize(pooled, dim=1)
        error = (unit @ unit.T - vectors @ vectors.T).square()  # [B, B]
        families = torch.arange(len(vectors)) // size
        related = (families[:, None] == families).fill_diagonal_(False)
        others = ~torch.eye(len(vectors), dtype=torch.bool)
        return (
            self.settings.vector * towards
            + self.settings.relation * error[others].mean()
            + self.settings.family * error[related].mean()
        )
