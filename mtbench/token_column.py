"""A column of token sequences, laid end to end in flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mtbench.protocols import Tokens


@dataclass(frozen=True, eq=False)
class TokenColumn:
    """n token sequences of T tokens in all; the arrays are read and never written.

    Attributes:
        ids: [T] int32, token ids.
        types: [T] uint8, segment of each token.
        offsets: [n + 1] int64; sequence i is ``ids[offsets[i] : offsets[i + 1]]``.
    """

    ids: NDArray[np.int32]
    types: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, sequences: Sequence[Tokens]) -> Self:
        """Lay sequences end to end.

        Raises:
            ValueError: if one of them has not one segment a token.
            OverflowError: if a number does not fit: ids have 32 bits, segments 8.
        """
        for i, sequence in enumerate(sequences):
            if len(sequence.ids) != len(sequence.types):
                raise ValueError(
                    f"sequence {i} has {len(sequence.ids)} token ids "
                    f"and {len(sequence.types)} segments"
                )
        lengths = np.fromiter((len(s.ids) for s in sequences), np.int64, len(sequences))
        offsets = _offsets(lengths)
        total = int(offsets[-1])

        def flat(numbers: chain[int], dtype: type[Any]) -> NDArray[Any]:
            return np.fromiter(numbers, dtype, total)

        return cls(
            ids=flat(chain.from_iterable(s.ids for s in sequences), np.int32),
            types=flat(chain.from_iterable(s.types for s in sequences), np.uint8),
            offsets=offsets,
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> Tokens:
        """Return one sequence, as views of the arrays."""
        return self.take([range(len(self))[index]])[0]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of tokens of each sequence, [n]."""
        return np.diff(self.offsets)

    def take(self, rows: Sequence[int]) -> list[Tokens]:
        """Return some of the sequences, in that order, as views of the arrays."""
        places = np.asarray(rows, dtype=np.int64)
        # Python's own integers: to slice by numpy's takes twice as long.
        starts, ends = self.offsets[places].tolist(), self.offsets[places + 1].tolist()
        ids, types = self.ids, self.types
        return [Tokens(ids[a:b], types[a:b]) for a, b in zip(starts, ends, strict=True)]

    def select(self, rows: Sequence[int]) -> TokenColumn:
        """Return a column of some of the sequences, in that order, with arrays of its own."""
        places = np.asarray(rows, dtype=np.int64)
        lengths = self.lengths[places]
        offsets = _offsets(lengths)
        moves = np.repeat(self.offsets[places] - offsets[:-1], lengths)
        tokens = np.arange(offsets[-1]) + moves
        return TokenColumn(self.ids[tokens], self.types[tokens], offsets)


def _offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where sequences of these lengths begin, and where the last one ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
