"""Padding: rectangles of token ids, and the heads that all padded contenders share."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from contenders.work import Work


def pad(sequences: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
    """Return token ids and mask, both [N, L] int64; 0 is the id and the mask of padding."""
    longest = max(map(len, sequences))
    ids = [sequence + [0] * (longest - len(sequence)) for sequence in sequences]
    mask = [[1] * len(sequence) + [0] * (longest - len(sequence)) for sequence in sequences]
    return torch.tensor(ids), torch.tensor(mask)


def mean_pool(states: Tensor, mask: Tensor) -> Tensor:
    """Return the mean [N, d] of the states [N, L, d] of real tokens."""
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1)


class Heads(nn.Module):
    """A linear head for SST and PD, a relu-cosine for STS."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.dropout = nn.Dropout(work.dropout)
        self.top = work.top
        for task, state in work.heads.items():
            outputs, inputs = state["weight"].shape
            linear = nn.Linear(inputs, outputs)
            linear.load_state_dict(state)
            self.add_module(task, linear)

    def losses(
        self, embeddings: Mapping[str, Sequence[Tensor]], labels: Mapping[str, list[float]]
    ) -> dict[str, Tensor]:
        """Return each task's mean loss, from one [B, d] a sentence."""
        targets = {task: torch.tensor(of_task) for task, of_task in labels.items()}
        logits = self.sst(self.dropout(embeddings["sst"][0]))
        same = self.pd(self.dropout(torch.cat(list(embeddings["pd"]), dim=1))).squeeze(1)
        u, v = (self.dropout(embedding) for embedding in embeddings["sts"])
        score = self.top * F.cosine_similarity(u, v).relu()
        return {
            "sst": F.cross_entropy(logits, targets["sst"].long()),
            "pd": F.binary_cross_entropy_with_logits(same, targets["pd"]),
            "sts": F.mse_loss(score, targets["sts"]),
        }


def gradients_of(module: nn.Module) -> dict[str, Tensor]:
    """Return the gradients that a module's parameters have, by name."""
    return {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
