"""Tokenised examples: what the training loop and the evaluation take their batches from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, count

import numpy as np
import torch
from numpy.typing import NDArray

from mtbench import data
from mtbench.data.token_cache import TokenCache
from mtbench.data.token_column import TokenColumn
from mtbench.data.tokenisation import encode, items
from mtbench.model.model import TaskBatch
from mtbench.protocols import Examples, Pair, TaskInfo, Tokenizer

WHOLE_FROM = 0.1
"""Share of a split from which on the whole of it is tokenised, and kept, for a part's sake."""


@dataclass(frozen=True)
class TokenisedExamples:
    """One split of one task as token ids.

    Attributes:
        ids: the examples' ids.
        sequences: one column for each embedding an example has, as long as ``ids``.
        labels: class indices or scores; zeros where the split has none.
    """

    ids: tuple[str, ...]
    sequences: tuple[TokenColumn, ...]
    labels: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """The number of tokens of each example, [n]."""
        lengths: NDArray[np.int64] = np.sum([c.lengths for c in self.sequences], axis=0)
        return lengths

    def batch(self, indices: Sequence[int]) -> TaskBatch:
        """Return some of the examples as a batch."""
        return TaskBatch(
            tuple(column.take(indices) for column in self.sequences),
            torch.tensor([self.labels[i] for i in indices]),
        )

    def part(self, ids: tuple[str, ...]) -> "TokenisedExamples":
        """Return the examples that have these ids, in this order."""
        if ids == self.ids:
            return self  # with the arrays as they are, which may be mapped from disk
        places = {id_: i for i, id_ in enumerate(self.ids)}
        rows = [places[id_] for id_ in ids]
        return TokenisedExamples(
            ids,
            tuple(column.select(rows) for column in self.sequences),
            tuple(self.labels[i] for i in rows),
        )


def tokenise(
    examples: Examples,
    tokenizer: Tokenizer,
    info: TaskInfo,
    pair: Pair,
    *,
    share: Examples | None = None,
    cache: TokenCache | None = None,
) -> TokenisedExamples:
    """Tokenise a split; a separate pair becomes two columns, a joined pair one.

    Args:
        share: the examples that are wanted, of the split's; None for all of them.
        cache: where the token ids of the split may be, and are put.

    Raises:
        UsageError: if it says that the checkpoint that it was given does not fit the texts.
        PluginError: if the tokenizer does not give one sequence an item.
    """
    wanted = examples if share is None else share
    columns = None
    if cache is not None:
        texts = items(examples, info, pair)
        entry = cache.entry(texts)
        columns = entry.read()
        # The rest of a large split would take longer than a few runs on a small share save; so
        # it is left to the first run that takes more.
        if columns is None and len(wanted) >= WHOLE_FROM * len(examples):
            columns = encode(texts, tokenizer)
            entry.write(columns)
    if columns is None:
        return TokenisedExamples(
            wanted.ids, encode(items(wanted, info, pair), tokenizer), _labels(wanted)
        )
    return TokenisedExamples(examples.ids, columns, _labels(examples)).part(wanted.ids)


def _labels(examples: Examples) -> tuple[float, ...]:
    return examples.labels or (0.0,) * len(examples)


def example_stream(seed: int, task: str, size: int) -> Iterator[int]:
    """Yield the indices of a task's training examples, pass after pass, each in its own order.

    The order depends on the seed, the task and the pass alone, so that two balancers see each
    task's examples in the same order.
    """
    return chain.from_iterable(data.order(seed, task, index, size) for index in count())
