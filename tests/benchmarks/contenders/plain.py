"""The training loop of a minBERT as a course project has it: padded, in plain Python and torch."""

import random
from collections.abc import Sequence

import torch
from torch import Tensor

from contenders.adamw import AdamW
from contenders.padding import Heads, gradients_of, mean_pool, pad
from contenders.plain_bert import PlainBert, stored_name
from contenders.work import LR, Taken, Work


class PlainSum:
    """One forward pass a sentence column, one backward pass over the sum of the losses."""

    def __init__(self, work: Work) -> None:
        self._data = work.plain
        self.model = PlainBert.from_checkpoint(work.checkpoint, work.dropout).train()
        self.heads = Heads(work)
        self.parameters = [*self.model.parameters(), *self.heads.parameters()]
        self.optimizer = AdamW(self.parameters, lr=LR)

    def step(self, taken: Taken) -> dict[str, float]:
        self.optimizer.zero_grad()
        losses = self._losses(taken)
        self.backward(list(losses.values()))
        self.optimizer.step()
        return {task: loss.item() for task, loss in losses.items()}

    def backward(self, losses: Sequence[Tensor]) -> None:
        """Leave the update in ``.grad``."""
        sum(losses[1:], losses[0]).backward()

    def _losses(self, taken: Taken) -> dict[str, Tensor]:
        embeddings, labels = {}, {}
        for task, indices in taken.items():
            columns, labels[task] = self._data[task].take(indices)
            embeddings[task] = [self._embed(column) for column in columns]
        return self.heads.losses(embeddings, labels)

    def _embed(self, sequences: list[list[int]]) -> Tensor:
        ids, mask = pad(sequences)
        return mean_pool(self.model(ids, mask), mask)

    def gradients(self) -> dict[str, Tensor]:
        encoder = {stored_name(name): g for name, g in gradients_of(self.model).items()}
        return encoder | gradients_of(self.heads)


class PlainPCGrad(PlainSum):
    """PCGrad wrapped around the optimizer: whole gradients as vectors, heads included.

    As public wrappers have it (Pytorch-PCGrad, and what descends from it): a backward pass a task
    through a graph that is kept, a mask beside each gradient that says which numbers the task
    has, Algorithm 1 of Yu et al. 2020 on the flattened gradients, and a merger of what all tasks
    have and of the rest, each picked by the masks.
    """

    def backward(self, losses: Sequence[Tensor]) -> None:
        vectors, masks = [], []
        for loss in losses:
            self.optimizer.zero_grad()
            loss.backward(retain_graph=True)
            vectors.append(flattened([or_zeros(p) for p in self.parameters]))
            masks.append(flattened([torch.full_like(p, has(p)) for p in self.parameters]))
        shared = torch.stack(masks).prod(dim=0).bool()
        results = projected(vectors)
        update = torch.zeros_like(vectors[0])
        for chosen in (shared, ~shared):
            update[chosen] = torch.stack([result[chosen] for result in results]).sum(dim=0)
        start = 0
        for parameter in self.parameters:
            end = start + parameter.numel()
            parameter.grad = update[start:end].view_as(parameter).clone()
            start = end


def has(parameter: Tensor) -> bool:
    """Whether a parameter has a gradient."""
    return parameter.grad is not None


def or_zeros(parameter: Tensor) -> Tensor:
    """Return a parameter's gradient; a missing one is zeros."""
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def flattened(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors as one vector."""
    return torch.cat([tensor.flatten() for tensor in tensors])


def projected(vectors: Sequence[Tensor]) -> list[Tensor]:
    """Return each vector, projected in random order on the normal planes of those in conflict."""
    results = []
    for vector in vectors:
        result = vector.clone()
        for other in random.sample(list(vectors), len(vectors)):
            inner = torch.dot(result, other)
            if inner < 0:
                result -= inner * other / other.norm() ** 2
        results.append(result)
    return results
