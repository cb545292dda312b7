"""Tokenizer of minBERT: WordPiece, by the library tokenizers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtbench.api import Tokens, UsageError
from mtbench_builtins.encoders.checkpoints import Checkpoint, find
from mtbench_builtins.encoders.parameters import BertParameters
from mtbench_builtins.encoders.vocabulary import SPECIAL, read, vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer


FORMAT = 1
"""Raised by hand when a change here gives a text other ids; it is in the fingerprint."""


class WordPieceTokenizer:
    """Texts to the token ids of a BERT.

    A text becomes ``[CLS] a [SEP]``, a pair ``[CLS] a [SEP] b [SEP]`` with segments 0 and 1
    (Devlin et al. 2019, figure 2). Sequences of more than ``max_tokens`` are cut, the longer
    sentence of a pair first.

    Raises:
        UsageError: if the checkpoint is nowhere, or its vocabulary cannot be used.
    """

    def __init__(self, parameters: BertParameters) -> None:
        checkpoint = find(parameters)
        if checkpoint is None:
            self._tokenizer = _word_piece(vocabulary(), {})
            positions = parameters.shape()["max_positions"]
        else:
            self._tokenizer = _from_checkpoint(checkpoint)
            positions = checkpoint.shape().max_positions
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(min(parameters.max_tokens or positions, positions))

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


def _from_checkpoint(checkpoint: Checkpoint) -> Tokenizer:
    file = checkpoint.vocabulary
    if file.name == "tokenizer.json":
        tokenizer = _from_json(file)
    else:
        pieces = read(file)
        missing = [piece for piece in ("[UNK]", "[CLS]", "[SEP]") if piece not in pieces]
        if missing:
            raise UsageError(f"{file}: no {', '.join(missing)} in it")
        tokenizer = _word_piece(pieces, checkpoint.tokenizer_config())
    embedded = checkpoint.shape().vocabulary
    if tokenizer.get_vocab_size() > embedded:
        raise UsageError(
            f"{file}: {tokenizer.get_vocab_size()} tokens, but the weights have {embedded}"
        )
    return tokenizer


def _from_json(file: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    text = file.read_text(encoding="utf-8")
    try:
        return Tokenizer.from_str(text)
    except Exception as error:  # the library raises nothing more precise
        raise UsageError(f"{file}: the library tokenizers cannot read it ({error})") from error


def _word_piece(pieces: Sequence[str], config: Mapping[str, Any]) -> Tokenizer:
    """Return BERT's own tokenizer; a piece's place is its token id.

    Args:
        pieces: the vocabulary.
        config: ``tokenizer_config.json``; what it leaves open is as in the uncased BERT.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.add_special_tokens([piece for piece in SPECIAL if piece in ids])
    tokenizer.normalizer = normalizers.BertNormalizer(
        lowercase=config.get("do_lower_case", True),
        strip_accents=config.get("strip_accents"),
        handle_chinese_chars=config.get("tokenize_chinese_chars", True),
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"])
    )
    return tokenizer
