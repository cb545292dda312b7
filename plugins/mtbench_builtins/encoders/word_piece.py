"""BERT's own tokenizer, WordPiece, by the library tokenizers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mtbench_builtins.encoders.tokenizer_settings import FLAGS

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NAMES = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}
"""Settings of the normaliser, and what a ``tokenizer.json`` calls them."""
PARTS: Mapping[str, Mapping[str, Any]] = {
    "model": {
        "type": "WordPiece",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
    },
    "normalizer": {"type": "BertNormalizer", "clean_text": True},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
}
"""What a ``tokenizer.json`` says of such a tokenizer, beside its vocabulary and those."""


def word_piece(
    pieces: Mapping[str, int],
    flags: Mapping[str, bool | None],
    *,
    unk: str = "[UNK]",
    cls: str = "[CLS]",
    sep: str = "[SEP]",
) -> Tokenizer:
    """Return BERT's own tokenizer; no token is special yet.

    Args:
        pieces: the vocabulary, with the ids.
        flags: settings of the normaliser, by the names of ``FLAGS``.
        unk: the piece of unknown words.
        cls: the piece that a sequence begins with.
        sep: the piece after each sentence.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordPiece(dict(pieces), unk_token=unk))
    settings: dict[str, Any] = {name: flags.get(key, FLAGS[key][0]) for key, name in NAMES.items()}
    tokenizer.normalizer = normalizers.BertNormalizer(**settings)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing((sep, pieces[sep]), (cls, pieces[cls]))
    return tokenizer


def disagreement(
    serialised: Mapping[str, Any], flags: Mapping[str, bool | None], given: Mapping[str, Any]
) -> str | None:
    """Return what a ``tokenizer.json`` says that such a tokenizer is not, or None.

    Args:
        serialised: the content of the file.
        flags: settings of the normaliser.
        given: the settings that were given; such a flag may be another than the file's.
    """
    for part, own in PARTS.items():
        said = serialised.get(part) or {"type": None}
        for key, value in own.items():
            if said.get(key, value) != value:
                return f"its {part} has {key} {said[key]!r}, not {value!r}"
    said = dict(serialised["normalizer"])
    ours = {NAMES[key]: value for key, value in flags.items()}
    for key, name in NAMES.items():
        alike = said.get(name) == ours[name]
        if name == "strip_accents":
            alike = alike or _strips(said) == _strips(ours)
        if key not in given and not alike:
            return f"its normalizer has {name} {said.get(name)!r}, not {ours[name]!r}"
    return None


def _strips(flags: Mapping[str, bool | None]) -> bool:
    """Whether a normaliser strips accents: left open, it does so where it lowers the case."""
    stripped = flags.get("strip_accents")
    return bool(flags.get("lowercase") if stripped is None else stripped)
