"""Batches of sequences, ragged and of bounded size, without padding."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from mtbench.protocols import RaggedBatch, Tokens


def ragged(
    sequences: Sequence[Tokens],
    parts: Sequence[int] | None = None,
    device: torch.device | str | None = None,
) -> RaggedBatch:
    """Join N sequences into one stream of T tokens, in the order in which they are given.

    Args:
        sequences: token ids and types, special tokens included.
        parts: how many of them belong to each task, in their order; None for one task.
        device: where the tensors shall lie; None for torch's default.

    Raises:
        ValueError: if there is no sequence, or one of them is empty or has not one type a
            token, or the parts do not add up.
    """
    if not sequences:
        raise ValueError("a batch needs at least one sequence")
    count = len(sequences)
    lengths = np.fromiter((len(sequence.ids) for sequence in sequences), np.int64, count)
    types = np.fromiter((len(sequence.types) for sequence in sequences), np.int64, count)
    wrong = np.flatnonzero((lengths == 0) | (lengths != types))
    if wrong.size:
        i = int(wrong[0])
        raise ValueError(f"sequence {i} has {lengths[i]} token ids and {types[i]} types")
    parts = (count,) if parts is None else tuple(parts)
    if sum(parts) != count:
        raise ValueError(f"parts {parts} of {count} sequences do not add up")
    starts = np.cumsum(lengths) - lengths
    tokens = int(lengths.sum())
    # As one array it is one copy to a device.
    numbers = np.concatenate(
        [
            *(sequence.ids for sequence in sequences),
            *(sequence.types for sequence in sequences),
            np.arange(tokens) - np.repeat(starts, lengths),
            starts,
        ],
        dtype=np.int64,
    )
    ids, types, positions, starts_ = _on(device, numbers).split([tokens, tokens, tokens, count])
    return RaggedBatch(ids, types, positions, starts_, tuple(lengths.tolist()), parts)


def _on(device: torch.device | str | None, numbers: NDArray[np.int64]) -> torch.Tensor:
    """Return numbers on a device; a GPU fetches them while the CPU goes on."""
    tensor = torch.from_numpy(numbers)
    if device is not None and torch.device(device).type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


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
