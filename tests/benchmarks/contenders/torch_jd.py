"""The step as TorchJD's documentation writes it: ``mtl_backward``, then an aggregator."""

import torch
from torch import Tensor

from contenders.hugging_face import bert
from contenders.padding import Heads, gradients_of, mean_pool, pad
from contenders.work import LR, Taken, Work


class TorchJD:
    """All tasks in one padded batch of a ``BertModel``; its embeddings are the features."""

    def __init__(self, work: Work) -> None:
        from torchjd.aggregation import PCGrad

        self._data = work.plain
        self.model = bert(work)
        self.heads = Heads(work)
        self.aggregator = PCGrad()
        parameters = [*self.model.parameters(), *self.heads.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, lr=LR, weight_decay=0.0, fused=True)

    def step(self, taken: Taken) -> dict[str, float]:
        from torchjd.autojac import jac_to_grad, mtl_backward

        self.optimizer.zero_grad()
        features, losses = self._forward(taken)
        mtl_backward(list(losses.values()), features=features)
        jac_to_grad(self.model.parameters(), self.aggregator)
        self.optimizer.step()
        return {task: loss.item() for task, loss in losses.items()}

    def _forward(self, taken: Taken) -> tuple[Tensor, dict[str, Tensor]]:
        sequences, counts, labels = [], {}, {}
        for task, indices in taken.items():
            columns, labels[task] = self._data[task].take(indices)
            counts[task] = [len(column) for column in columns]
            sequences += [sequence for column in columns for sequence in column]
        ids, mask = pad(sequences)
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        features = mean_pool(states, mask)
        parts = iter(features.split([n for of_task in counts.values() for n in of_task]))
        embeddings = {task: [next(parts) for _ in of_task] for task, of_task in counts.items()}
        return features, self.heads.losses(embeddings, labels)

    def gradients(self) -> dict[str, Tensor]:
        return gradients_of(self.model) | gradients_of(self.heads)
