"""Tokenised examples: what the training loop and the evaluation take their batches from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from mtbench import data
from mtbench.model import TaskBatch
from mtbench.protocols import Examples, Pair, TaskInfo, Tokenizer, Tokens


@dataclass(frozen=True)
class TokenisedExamples:
    """One split of one task as token ids.

    Attributes:
        ids: the examples' ids.
        sequences: one list for each embedding an example has, as long as ``ids``.
        labels: class indices or scores; zeros where the split has none.
    """

    ids: tuple[str, ...]
    sequences: tuple[list[Tokens], ...]
    labels: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, indices: Sequence[int]) -> TaskBatch:
        """Return some of the examples as a batch."""
        return TaskBatch(
            tuple([column[i] for i in indices] for column in self.sequences),
            torch.tensor([self.labels[i] for i in indices]),
        )

    def length(self, index: int) -> int:
        """Return the number of tokens of one example."""
        return sum(len(column[index].ids) for column in self.sequences)


def tokenise(
    examples: Examples, tokenizer: Tokenizer, info: TaskInfo, pair: Pair
) -> TokenisedExamples:
    """Tokenise a split; a separate pair becomes two columns, a joined pair one."""
    texts = examples.texts
    inputs = (
        [[(text,) for text in column] for column in zip(*texts, strict=True)]
        if info.embeddings(pair) == info.sentences
        else [texts]
    )
    labels = examples.labels or (0.0,) * len(examples)
    return TokenisedExamples(
        examples.ids, tuple(tokenizer.encode(column) for column in inputs), labels
    )


class ExampleStream:
    """A task's training examples, pass after pass, each pass in an order of its own.

    The order depends on the seed, the task and the pass alone, so that two balancers see each
    task's examples in the same order.
    """

    def __init__(self, seed: int, task: str, size: int) -> None:
        self._indices = self._all(seed, task, size)

    def take(self, count: int) -> list[int]:
        """Return the indices of the next examples."""
        return [next(self._indices) for _ in range(count)]

    @staticmethod
    def _all(seed: int, task: str, size: int) -> Iterator[int]:
        index = 0
        while True:
            yield from data.order(seed, task, index, size)
            index += 1
