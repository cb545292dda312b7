"""Tokenisation: the texts of a split, as a head takes them, to columns of token ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mtbench.data.token_column import TokenColumn
from mtbench.errors import PluginError, users_mistakes
from mtbench.protocols import Examples, Pair, TaskInfo, Tokenizer
from mtbench.system.tracebacks import summary

Items = Sequence[tuple[str, ...]]
"""What a tokenizer is given: one text each, or a pair."""

AT_ONCE = 1000
"""Items that a tokenizer is given in one call: of a whole column it would keep 3 KB a text."""

BLANK = ("",)
"""An item whose tokens are those that every sequence has."""


def items(examples: Examples, info: TaskInfo, pair: Pair) -> Sequence[Items]:
    """Return what a tokenizer is given of a split, a column each.

    A separate pair makes two columns, a joined pair one.
    """
    if info.embeddings(pair) != info.sentences:
        return [examples.texts]
    return [[(text,) for text in column] for column in zip(*examples.texts, strict=True)]


def encode(columns: Sequence[Items], tokenizer: Tokenizer) -> tuple[TokenColumn, ...]:
    """Return the columns as token ids, with a mark at each sequence of an empty text.

    A text is empty that has the tokens of ``""``; those of a joined pair are tokenised one by one
    to tell.

    Raises:
        UsageError: if the tokenizer says that the checkpoint that it was given does not fit.
        PluginError: if it does not give one sequence of tokens an item.
    """
    return tuple(
        TokenColumn.joined(
            [
                _encode(column[start : start + AT_ONCE], tokenizer)
                for start in range(0, max(len(column), 1), AT_ONCE)
            ]
        )
        for column in columns
    )


def _encode(column: Items, tokenizer: Tokenizer) -> TokenColumn:
    encoded = _sequences(column, tokenizer)
    sides = [encoded]
    if any(len(item) > 1 for item in column):
        sides = [
            _sequences([(text,) for text in side], tokenizer) for side in zip(*column, strict=True)
        ]
    [blank] = _sequences([BLANK], tokenizer).take([0])
    return replace(encoded, empty=np.any([side.equal(blank) for side in sides], axis=0))


def _sequences(column: Items, tokenizer: Tokenizer) -> TokenColumn:
    name = type(tokenizer).__name__
    with users_mistakes():  # a checkpoint may lack the embedding of a token
        sequences = tokenizer.encode(column)
    try:
        encoded = TokenColumn.of(sequences)
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        message = f"the tokenizer {name} gave what is no list of tokens: {summary(error)}"
        raise PluginError(message, part="encoder") from error
    if len(encoded) != len(column):
        raise PluginError(
            f"the tokenizer {name} gave {len(encoded)} sequences for {len(column)} items",
            part="encoder",
        )
    return encoded


@dataclass(frozen=True)
class Tokenisation:
    """A way from a task's texts to token ids.

    Attributes:
        encoder: that the tokenizer belongs to, as people write it.
        tokenizer: the encoder's.
        pair: how the task's head takes a pair.
    """

    encoder: str
    tokenizer: Tokenizer
    pair: Pair


@dataclass(frozen=True)
class TextCounts:
    """How many examples of a split are not what they seem.

    Attributes:
        examples: all of them.
        cut: with a sequence that the tokenizer cut.
        empty: with a text that has no token of its own.
        shared: whose texts are in train as well; None where that is not asked, as of train.
    """

    examples: int
    cut: int
    empty: int
    shared: int | None = None


def counts(columns: Sequence[TokenColumn], *, shared: int | None = None) -> TextCounts:
    """Count the examples of a split, whose sequences are in one column or more."""
    return TextCounts(
        examples=len(columns[0]),
        cut=int(np.any([column.cut for column in columns], axis=0).sum()),
        empty=int(np.any([column.empty for column in columns], axis=0).sum()),
        shared=shared,
    )
