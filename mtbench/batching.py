"""Batches of sequences, ragged and of bounded size, without padding."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from mtbench.protocols import RaggedBatch, Tokens


def ragged(
    sequences: Sequence[Tokens],
    parts: Sequence[int] | None = None,
    device: torch.device | str | None = None,
) -> RaggedBatch:
    """Join N sequences into one stream of T tokens, in the order in which they are given.

    Args:
        sequences: token ids and segments, special tokens included.
        parts: how many of them belong to each task, in their order; None for one task.
        device: where the tensors shall lie; None for torch's default.

    Raises:
        ValueError: if there is no sequence, or one of them is empty or has not one segment a
            token, or the parts do not add up.
    """
    if not sequences:
        raise ValueError("a batch needs at least one sequence")
    for i, sequence in enumerate(sequences):
        if len(sequence.ids) == 0 or len(sequence.ids) != len(sequence.types):
            raise ValueError(
                f"sequence {i} has {len(sequence.ids)} token ids "
                f"and {len(sequence.types)} segments"
            )
    parts = (len(sequences),) if parts is None else tuple(parts)
    if sum(parts) != len(sequences):
        raise ValueError(f"{len(sequences)} sequences are not the sum of the parts {parts}")
    lengths = np.fromiter((len(sequence.ids) for sequence in sequences), np.int64, len(sequences))
    starts = np.cumsum(lengths) - lengths

    def tensor(numbers: np.ndarray[Any, Any]) -> torch.Tensor:
        return torch.from_numpy(numbers.astype(np.int64, copy=False)).to(device)

    return RaggedBatch(
        ids=tensor(np.concatenate([sequence.ids for sequence in sequences])),
        types=tensor(np.concatenate([sequence.types for sequence in sequences])),
        positions=tensor(np.arange(lengths.sum()) - np.repeat(starts, lengths)),
        starts=tensor(starts),
        lengths=tuple(lengths.tolist()),
        parts=parts,
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
