"""Batches of sequences, ragged and of bounded size, without padding."""

from collections.abc import Sequence
from itertools import accumulate, chain

import torch

from mtbench.protocols import RaggedBatch, Tokens


def ragged(sequences: Sequence[Tokens], device: torch.device | str | None = None) -> RaggedBatch:
    """Join N sequences into one stream of T tokens, shortest first.

    Sequences of equal length keep the order in which they were given.

    Args:
        sequences: token ids and segments, special tokens included.
        device: where the tensors shall lie; None for torch's default.

    Raises:
        ValueError: if there is no sequence, or one of them is empty or has not one segment a
            token.
    """
    if not sequences:
        raise ValueError("a batch needs at least one sequence")
    for i, sequence in enumerate(sequences):
        if not sequence.ids or len(sequence.ids) != len(sequence.types):
            raise ValueError(
                f"sequence {i} has {len(sequence.ids)} token ids "
                f"and {len(sequence.types)} segments"
            )
    by_length = sorted(range(len(sequences)), key=lambda i: len(sequences[i].ids))
    stream = [sequences[i] for i in by_length]
    lengths = tuple(len(sequence.ids) for sequence in stream)
    order = [0] * len(stream)
    for place, i in enumerate(by_length):
        order[i] = place

    def tensor(numbers: Sequence[int]) -> torch.Tensor:
        return torch.tensor(numbers, dtype=torch.int64, device=device)

    return RaggedBatch(
        ids=tensor(list(chain.from_iterable(sequence.ids for sequence in stream))),
        types=tensor(list(chain.from_iterable(sequence.types for sequence in stream))),
        positions=tensor(list(chain.from_iterable(map(range, lengths)))),
        starts=tensor(list(accumulate(lengths[:-1], initial=0))),
        lengths=lengths,
        order=tensor(order),
    )


def length_ordered_batches(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Cut sequences into batches of like length and bounded size.

    Args:
        lengths: tokens of each sequence.
        max_tokens: most tokens of a batch; a longer sequence makes a batch of its own.

    Returns:
        Indices into ``lengths``, each once, in ascending order of length (ties as given).
    """
    batches: list[list[int]] = []
    tokens = 0
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if not batches or tokens + lengths[i] > max_tokens:
            batches.append([])
            tokens = 0
        batches[-1].append(i)
        tokens += lengths[i]
    return batches
