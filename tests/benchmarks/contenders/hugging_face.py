"""The step as it is written with the library transformers: ``BertModel`` over padded batches."""

from typing import Any

import torch
from torch import Tensor

from contenders.padding import Heads, gradients_of, mean_pool, pad
from contenders.work import LR, Taken, Work


def bert(work: Work) -> Any:
    """Return the checkpoint as a ``BertModel`` with SDPA attention, in training mode."""
    from transformers import BertModel

    return BertModel.from_pretrained(
        work.checkpoint,
        attn_implementation="sdpa",
        add_pooling_layer=False,
        hidden_dropout_prob=work.dropout,
        attention_probs_dropout_prob=work.dropout,
    ).train()


class HuggingFace:
    """One forward pass a task, both sentences of a pair in one batch, one backward pass."""

    def __init__(self, work: Work) -> None:
        self._data = work.plain
        self.model = bert(work)
        self.heads = Heads(work)
        parameters = [*self.model.parameters(), *self.heads.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, lr=LR, weight_decay=0.0, fused=True)

    def step(self, taken: Taken) -> dict[str, float]:
        self.optimizer.zero_grad()
        losses = self.losses(taken)
        torch.stack(list(losses.values())).sum().backward()
        self.optimizer.step()
        return {task: loss.item() for task, loss in losses.items()}

    def losses(self, taken: Taken) -> dict[str, Tensor]:
        """Return each task's loss."""
        embeddings, labels = {}, {}
        for task, indices in taken.items():
            columns, labels[task] = self._data[task].take(indices)
            ids, mask = pad([sequence for column in columns for sequence in column])
            states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
            embeddings[task] = mean_pool(states, mask).split(len(indices))
        return self.heads.losses(embeddings, labels)

    def gradients(self) -> dict[str, Tensor]:
        return gradients_of(self.model) | gradients_of(self.heads)
