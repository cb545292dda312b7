"""Inspection of a checkpoint: what can be told of it while a run is planned, without torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from mtbench.api import Cell
from mtbench_builtins.encoders import pickled
from mtbench_builtins.encoders.checkpoints import Checkpoint, find
from mtbench_builtins.encoders.facts import Facts, of_folder
from mtbench_builtins.encoders.names import check, encoder_part, has_pooler, parameters
from mtbench_builtins.encoders.parameters import BertParameters, MinBertParameters
from mtbench_builtins.encoders.shipped import TINY
from mtbench_builtins.encoders.stored import names, read
from mtbench_builtins.encoders.tokenizer_files import load
from mtbench_builtins.encoders.vocabulary import vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@lru_cache(maxsize=64)
def inspect(given: BertParameters) -> Facts | None:
    """Look at the files of a checkpoint, and return the facts about it; None without one.

    Raises:
        UsageError: if the checkpoint is nowhere, files are missing or damaged, or it cannot be
            used with these parameters.
    """
    checkpoint = find(given)
    if checkpoint is None:
        return None
    expected = parameters(checkpoint.shape())
    if checkpoint.weights.suffix == ".safetensors":
        check(checkpoint.weights, read(checkpoint.weights), expected)
    else:
        pickled.refuse_other(checkpoint.weights)
        pickled.refuse_missing(checkpoint.weights, expected)
    checkpoint.declared_pooling()
    longest, cased = reading(checkpoint, given.max_tokens)
    drawn = pooler_is_drawn(checkpoint)
    return of_folder(checkpoint.folder, drawn=drawn, longest=longest, cased=cased)


def fingerprint(given: BertParameters) -> str:
    """Return the SHA-256 of what decides the initial weights and the tokens.

    That is the bytes of the checkpoint's files, never their path; without a checkpoint it is
    the vocabulary. Of a checkpoint that cannot be used there is none.

    Raises:
        UsageError: if the checkpoint is nowhere, files are missing or damaged, or it cannot be
            used with these parameters.
    """
    inspect.cache_clear()  # a plan asks for this once, and then cell by cell for the facts
    inspect(given)
    checkpoint = find(given)
    if checkpoint is None:
        return hashlib.sha256("\n".join(vocabulary()).encode()).hexdigest()
    return checkpoint.digest()


def parameters_of(cell: Cell) -> MinBertParameters:
    """Return the parameters of a cell's BERT; those of tiny with its checkpoint."""
    return MinBertParameters(**{"checkpoint": TINY, **cell.encoder.parameters})


def pooler_is_drawn(checkpoint: Checkpoint | None) -> bool:
    """Whether a checkpoint is known to have no weights for BERT's pooler.

    Raises:
        UsageError: if its weights are damaged.
    """
    found = names(checkpoint.weights) if checkpoint else None
    return found is not None and not has_pooler(encoder_part(dict.fromkeys(found)))


class Reading(NamedTuple):
    """How a tokenizer reads texts.

    Attributes:
        longest: tokens of the longest sequence.
        cased: share of its vocabulary's words that have capitals and are never met, as it lowers
            the case; 0 where it keeps it.
    """

    longest: int
    cased: float


def reading(checkpoint: Checkpoint, max_tokens: int | None) -> Reading:
    """Return how a checkpoint's tokenizer reads texts.

    Raises:
        UsageError: if the tokenizer cannot be used, or takes no sequences of ``max_tokens``.
    """
    return _reading_once(checkpoint, max_tokens, checkpoint.digest())


@lru_cache(maxsize=64)
def _reading_once(checkpoint: Checkpoint, max_tokens: int | None, _digest: str) -> Reading:
    """Return how it reads texts: found once a process, unless a file changes."""
    tokenizer = load(checkpoint, max_tokens)
    normalizer = tokenizer.normalizer
    lowers = normalizer is not None and normalizer.normalize_str("A") == "a"
    assert tokenizer.truncation is not None  # load has set it
    return Reading(
        tokenizer.truncation["max_length"], share_of_capitals(_pieces(tokenizer)) if lowers else 0
    )


def _pieces(tokenizer: Tokenizer) -> set[str]:
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    return tokenizer.get_vocab(with_added_tokens=False).keys() - special


def share_of_capitals(pieces: Iterable[str]) -> float:
    """Return the share of a vocabulary's words, of two letters or more, that have capitals."""
    words = [
        piece
        for piece in pieces
        if len(piece) > 1 and piece.isalpha() and piece.lower() != piece.upper()
    ]
    return sum(word != word.lower() for word in words) / max(len(words), 1)
