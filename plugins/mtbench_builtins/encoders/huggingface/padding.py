"""Padding: from a ragged batch to padded groups of like length, and the way back.

Shapes: N sequences and T tokens of a batch; a group of c sequences, the longest of L tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mtbench.api import RaggedBatch

MOST_PADDING = 0.2
"""Share of a group's places that may be padding."""


def like_lengths(lengths: Sequence[int], most: float = MOST_PADDING) -> list[list[int]]:
    """Cut sequences into groups, each padded to its longest.

    Args:
        lengths: tokens of each sequence.
        most: share of a group's places that may be padding.

    Returns:
        Indices into ``lengths``, each once, in ascending order of length (ties as given).
    """
    groups: list[list[int]] = []
    tokens = 0
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        tokens += lengths[index]
        if not groups or tokens < (1 - most) * (len(groups[-1]) + 1) * lengths[index]:
            groups.append([])
            tokens = lengths[index]
        groups[-1].append(index)
    return groups


class Padded(NamedTuple):
    """A group of sequences: ``ids``, ``types`` and ``mask`` (1 for a token), each [c, L] int64."""

    ids: Tensor
    types: Tensor
    mask: Tensor


class Padding:
    """The groups of a batch, and where its tokens are in them."""

    def __init__(self, batch: RaggedBatch) -> None:
        self._batch = batch
        lengths = np.array(batch.lengths)
        groups = like_lengths(batch.lengths)
        starts, total = np.cumsum(lengths) - lengths, int(lengths.sum())
        self._shapes = [(len(group), int(lengths[group[-1]])) for group in groups]
        places, back, before = [], np.empty(total, np.int64), 0
        for group, (_, longest) in zip(groups, self._shapes, strict=True):
            steps = np.arange(longest)
            real = steps < lengths[group][:, None]  # [c, L]
            stream = starts[group][:, None] + steps
            back[stream[real]] = before + np.flatnonzero(real)
            places.append(np.where(real, stream, total).ravel())
            before += real.size
        order = np.empty(len(lengths), np.int64)
        order[[index for group in groups for index in group]] = np.arange(len(lengths))
        # As one array it is one copy to a device.
        numbers = torch.from_numpy(np.concatenate([*places, back, order])).to(batch.ids.device)
        self._places, self._back, self._order = numbers.split([before, total, len(lengths)])

    def groups(self, pad: int) -> Iterator[Padded]:
        """Yield the groups, padded with an id."""
        ids = F.pad(self._batch.ids, (0, 1), value=pad)
        types = F.pad(self._batch.types, (0, 1), value=0)
        places = self._places.split([rows * length for rows, length in self._shapes])
        for flat, shape in zip(places, self._shapes, strict=True):
            group = flat.view(shape)
            yield Padded(ids[group], types[group], (group < len(self._batch.ids)).long())

    def tokens(self, states: Sequence[Tensor]) -> Tensor:
        """Return the tokens' states, [T, d] in the batch's order, from each group's [c, L, d]."""
        return torch.cat([of_group.flatten(0, 1) for of_group in states])[self._back]

    def sequences(self, states: Sequence[Tensor]) -> Tensor:
        """Return one state a sequence, [N, d] in the batch's order, from each group's [c, d]."""
        return torch.cat(list(states))[self._order]
