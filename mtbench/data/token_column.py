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
        cut: [n] bool, whether the tokenizer cut the sequence.
        empty: [n] bool, whether a text of the sequence has no token of its own.
    """

    ids: NDArray[np.int32]
    types: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    cut: NDArray[np.bool_]
    empty: NDArray[np.bool_]

    @classmethod
    def of(cls, sequences: Sequence[Tokens]) -> Self:
        """Lay sequences end to end; none counts as empty, since they do not tell.

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
            cut=np.fromiter((s.cut for s in sequences), np.bool_, len(sequences)),
            empty=np.zeros(len(sequences), np.bool_),
        )

    @classmethod
    def joined(cls, columns: Sequence[TokenColumn]) -> Self:
        """Lay columns, one or more, end to end."""
        lengths = np.concatenate([column.lengths for column in columns])
        return cls(
            ids=np.concatenate([column.ids for column in columns]),
            types=np.concatenate([column.types for column in columns]),
            offsets=_offsets(lengths),
            cut=np.concatenate([column.cut for column in columns]),
            empty=np.concatenate([column.empty for column in columns]),
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
        ids, types, cut = self.ids, self.types, self.cut[places].tolist()
        return [Tokens(ids[a:b], types[a:b], c) for a, b, c in zip(starts, ends, cut, strict=True)]

    def select(self, rows: Sequence[int]) -> TokenColumn:
        """Return a column of some of the sequences, in that order, with arrays of its own."""
        places = np.asarray(rows, dtype=np.int64)
        lengths = self.lengths[places]
        offsets = _offsets(lengths)
        moves = np.repeat(self.offsets[places] - offsets[:-1], lengths)
        tokens = np.arange(offsets[-1]) + moves
        return TokenColumn(
            self.ids[tokens], self.types[tokens], offsets, self.cut[places], self.empty[places]
        )

    def equal(self, sequence: Tokens) -> NDArray[np.bool_]:
        """Return which of the sequences have the token ids of another one, [n]."""
        ids = np.asarray(sequence.ids)
        alike: NDArray[np.bool_] = self.lengths == len(ids)
        starts = self.offsets[:-1][alike]
        alike[alike] = (self.ids[starts[:, None] + np.arange(len(ids))] == ids).all(axis=1)
        return alike


def _offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where sequences of these lengths begin, and where the last one ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
