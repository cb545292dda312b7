"""Tokenizer of minBERT: WordPiece, by the library tokenizers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

from mtbench.api import Tokens
from mtbench_builtins.encoders.checkpoints import find
from mtbench_builtins.encoders.parameters import BertParameters
from mtbench_builtins.encoders.tokenizer_files import load
from mtbench_builtins.encoders.vocabulary import SPECIAL, vocabulary
from mtbench_builtins.encoders.word_piece import word_piece

FORMAT = 1
"""Raised by hand when a change here gives a text other ids; it is in the fingerprint."""


class WordPieceTokenizer:
    """Texts to the token ids of a BERT.

    A text becomes ``[CLS] a [SEP]``, a pair ``[CLS] a [SEP] b [SEP]`` with segments 0 and 1
    (Devlin et al. 2019, figure 2). Sequences of more than ``max_tokens`` are cut, the longer
    sentence of a pair first. Of a checkpoint's files it makes what the library transformers
    does.

    Raises:
        UsageError: if the checkpoint is nowhere, its vocabulary cannot be used, or it takes no
            sequences of ``max_tokens``.
    """

    def __init__(self, parameters: BertParameters) -> None:
        checkpoint = find(parameters)
        if checkpoint is None:
            self._tokenizer = word_piece({piece: i for i, piece in enumerate(vocabulary())}, {})
            self._tokenizer.add_special_tokens(list(SPECIAL))
            self._tokenizer.enable_truncation(
                parameters.max_tokens or parameters.shape()["max_positions"]
            )
        else:
            self._tokenizer = load(checkpoint, parameters.max_tokens)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything that decides the token ids.

        That is the library's own record of vocabulary, normalisation and truncation, its
        version, and ``FORMAT``: never where files lie, nor the weights.
        """
        from tokenizers import __version__

        text = f"{FORMAT} {__version__} {self._tokenizer.to_str()}"
        return hashlib.sha256(text.encode()).hexdigest()

    def encode(self, texts: Sequence[tuple[str, ...]]) -> list[Tokens]:
        """Encode each item, one text or a pair, as one sequence."""
        items = [text[0] if len(text) == 1 else text for text in texts]
        return [
            Tokens(encoding.ids, encoding.type_ids, cut=bool(encoding.overflowing))
            for encoding in self._tokenizer.encode_batch(items)
        ]
