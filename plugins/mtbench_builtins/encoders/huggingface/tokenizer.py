"""Tokenizers of the library transformers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from mtbench.api import Tokens, UsageError
from mtbench_builtins.encoders.files import digest_of
from mtbench_builtins.encoders.huggingface import configuration, library
from mtbench_builtins.encoders.huggingface.checkpoint import Checkpoint, find
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters
from mtbench_builtins.encoders.lengths import longest

FORMAT = 1
"""Raised by hand when a change here gives a text other ids; it is in the fingerprint."""

TYPES = "token_type_ids"


class HuggingFaceTokenizer:
    """Texts to the token ids of a checkpoint, in its model's own format.

    A pair is one sequence with the model's special tokens: ``[CLS] a [SEP] b [SEP]`` of a BERT,
    ``<s> a </s></s> b </s>`` of a RoBERTa. Token types are 0 where the tokenizer has none.
    Sequences of more than ``max_tokens`` are cut, the longer sentence of a pair first.

    Attributes:
        fingerprint: SHA-256 of everything that decides the token ids: the bytes of the
            tokenizer's files and of ``config.json``, the longest sequence, the versions of the
            two libraries that do the work, and ``FORMAT``; never where files lie, nor the
            weights.

    Raises:
        UsageError: if the library is not installed, the checkpoint is nowhere, or its tokenizer
            cannot be used, or takes no sequences of ``max_tokens``.
    """

    def __init__(self, parameters: HuggingFaceParameters) -> None:
        self._checkpoint = find(parameters)
        config = configuration.read(self._checkpoint)
        self._tokenizer = _load(self._checkpoint, config)
        self._embedded: int = config.vocab_size
        self._has_types = TYPES in self._tokenizer.model_input_names
        limits = {
            f"{self._checkpoint.config}: max_position_embeddings": configuration.positions(config),
            f"{self._checkpoint.folder}: model_max_length": self._tokenizer.model_max_length,
        }
        self._longest = longest(parameters.max_tokens, limits)
        self.fingerprint = self._fingerprint()

    def _fingerprint(self) -> str:
        """Return the SHA-256 of everything that decides the token ids."""
        libraries = [f"{name} {version(name)}" for name in ("transformers", "tokenizers")]
        files = digest_of(self._checkpoint.folder, self._checkpoint.token_files())
        text = f"{FORMAT} {libraries} {self._longest} {files}"
        return hashlib.sha256(text.encode()).hexdigest()

    def encode(self, texts: Sequence[tuple[str, ...]]) -> list[Tokens]:
        """Encode each item, one text or a pair, as one sequence.

        Raises:
            UsageError: if a token has no embedding in the checkpoint.
        """
        found: list[Tokens] = [Tokens([], [])] * len(texts)
        for sentences in {len(item) for item in texts}:
            places = [place for place, item in enumerate(texts) if len(item) == sentences]
            columns = zip(*(texts[place] for place in places), strict=True)
            for place, tokens in zip(places, self._encode(*map(list, columns)), strict=True):
                found[place] = tokens
        return found

    def _encode(self, *columns: list[str]) -> list[Tokens]:
        """Encode texts, or two columns of them as pairs."""
        with library.quiet():
            encoded = self._tokenizer(
                *columns,
                truncation="longest_first",
                max_length=self._longest,
                return_token_type_ids=self._has_types,
                return_attention_mask=False,
            )
        ids = encoded["input_ids"]
        cut = self._cut(columns, [len(row) for row in ids])
        highest = max(max(row, default=0) for row in ids)
        if highest >= self._embedded:
            raise UsageError(
                f"{self._checkpoint.folder}: its tokenizer gives the id {highest}, but there are "
                f"embeddings for {self._embedded} tokens"
            )
        types = encoded[TYPES] if self._has_types else [[0] * len(row) for row in ids]
        return [Tokens(*sequence) for sequence in zip(ids, types, cut, strict=True)]

    def _cut(self, columns: Sequence[list[str]], lengths: Sequence[int]) -> list[bool]:
        """Return which sequences were cut: of the longest ones, those that are longer uncut."""
        full = [place for place, length in enumerate(lengths) if length == self._longest]
        cut = [False] * len(lengths)
        if full:
            some = ([column[place] for place in full] for column in columns)
            with library.quiet():
                whole = self._tokenizer(*some, return_attention_mask=False)["input_ids"]
            for place, row in zip(full, whole, strict=True):
                cut[place] = len(row) > lengths[place]
        return cut


def _load(checkpoint: Checkpoint, config: Any) -> Any:
    from transformers import AutoTokenizer

    if checkpoint.vocabulary.suffix == ".model":
        library.require("sentencepiece", "protobuf")
    with library.quiet():
        try:
            return AutoTokenizer.from_pretrained(
                checkpoint.folder, config=config, trust_remote_code=False
            )
        except Exception as error:  # whatever the library makes of what it cannot read
            raise configuration.refusal(checkpoint.folder, "its tokenizer", error) from error
