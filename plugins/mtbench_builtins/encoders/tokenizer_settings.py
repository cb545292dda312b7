"""Settings of a BERT's tokenizer, as the library transformers reads them from a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtbench.api import UsageError
from mtbench_builtins.encoders.checkpoints import Checkpoint
from mtbench_builtins.encoders.files import read_json

if TYPE_CHECKING:
    from tokenizers import AddedToken

TOKENS: Mapping[str, str] = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
"""Settings that name a BERT's tokens with a part to play, and what they are if left out."""
OTHER_TOKENS = ("bos_token", "eos_token")
NEEDED = ("unk_token", "cls_token", "sep_token")
"""Those that no tokenizer of a BERT can do without."""
FLAGS: Mapping[str, tuple[bool | None, ...]] = {
    "do_lower_case": (True, False),
    "strip_accents": (None, True, False),
    "tokenize_chinese_chars": (True, False),
}
"""Settings of BERT's normaliser, and what they may be, the default first."""
IDS = "added_tokens_decoder"
EXTRA, FORMERLY = "extra_special_tokens", "additional_special_tokens"
"""Lists of special tokens beside those above; the first counts where there are both."""
NOT_FOLLOWED = ("auto_map", "fast_tokenizer_files", "split_special_tokens")
"""Settings that change ids; refused where they say something."""
LENGTHS = ("model_max_length", "max_len")
"""How many tokens a sequence may have; the second is its former name."""
MARKS = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")
"""Keys of an object that is a token."""
ELSEWHERE = "the encoder 'huggingface' may follow it"


@dataclass(frozen=True)
class TokenizerSettings:
    """What ``tokenizer_config.json`` and, where it lists no ids, ``special_tokens_map.json`` say.

    Attributes:
        file: the first of the two, whether it is there or not.
        values: by their keys; a token that is an object is an ``AddedToken``.
        lists_ids: whether the first has ``added_tokens_decoder``, which takes the place of all
            that other files say of tokens beside the vocabulary.
        kind: the class of transformers that the tokenizer is.
    """

    file: Path
    values: Mapping[str, Any]
    lists_ids: bool
    kind: str

    @cached_property
    def flags(self) -> dict[str, bool | None]:
        """The settings of BERT's normaliser."""
        return {key: self.values.get(key, values[0]) for key, values in FLAGS.items()}

    @cached_property
    def named(self) -> dict[str, Any]:
        """The tokens with a part to play, a text or an ``AddedToken`` each."""
        keys = (*OTHER_TOKENS, *TOKENS)
        tokens = {key: self.values.get(key, TOKENS.get(key)) for key in keys}
        return {key: token for key, token in tokens.items() if token is not None}

    @cached_property
    def extra(self) -> list[Any]:
        """The special tokens beside those, a text or an ``AddedToken`` each."""
        return list(self.values.get(EXTRA, self.values.get(FORMERLY)) or ())

    @cached_property
    def longest(self) -> float | None:
        """How many tokens a sequence may have (``model_max_length``), as the file has it."""
        return next((self.values[key] for key in LENGTHS if key in self.values), None)

    def refusal(self, key: str, expected: str) -> UsageError:
        """Return the error for a setting that cannot be what it is."""
        return UsageError(f"{self.file}: {key} is {self.values[key]!r}; expected {expected}")


def read(checkpoint: Checkpoint) -> TokenizerSettings:
    """Return the settings of a checkpoint's tokenizer.

    Raises:
        UsageError: if a file is no JSON object, or a setting is of the wrong kind or one that
            is not followed.
    """
    file = checkpoint.folder / "tokenizer_config.json"
    values = read_json(file, missing={})
    if not values.get(EXTRA) and FORMERLY in values:
        values[EXTRA] = values.pop(FORMERLY)
    values = {key: _tokens(value, file) for key, value in values.items()}
    lists_ids = IDS in values
    if not lists_ids:
        other = checkpoint.folder / "special_tokens_map.json"
        for key, value in read_json(other, missing={}).items():
            token = isinstance(value, dict) and key != EXTRA
            values[key] = added_token({**value, "special": True}, other) if token else value
    if values.get(EXTRA) == {}:
        del values[EXTRA]
    kind = values.get("tokenizer_class") or read_json(checkpoint.config).get("tokenizer_class")
    settings = TokenizerSettings(file, values, lists_ids, str(kind or "BertTokenizer"))
    for key, value in values.items():
        expected = _expected(key, value)
        if expected is not None:
            raise settings.refusal(key, expected)
    return settings


def _expected(key: str, value: Any) -> str | None:
    """Return what is expected of a setting that is of the wrong kind or not followed, or None."""
    if key in FLAGS:
        known = any(value is each for each in FLAGS[key])
        return None if known else " or ".join(json.dumps(each) for each in FLAGS[key])
    if key in NOT_FOLLOWED:
        return f"nothing: {ELSEWHERE}" if value else None
    if key in (EXTRA, FORMERLY):
        sound = value is None or (isinstance(value, list) and all(map(_is_token, value)))
        return None if sound else f"a list of tokens: {ELSEWHERE}"
    if key == IDS:
        return None if value is None or isinstance(value, dict) else "an object of tokens"
    if key in LENGTHS:
        number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 1
        return None if value is None or number else "a number above 0"
    return _expected_token(key, value) if key.endswith("_token") else None


def _expected_token(key: str, value: Any) -> str | None:
    """Return what is expected of a setting that names a token, where it is something else."""
    if key not in (*OTHER_TOKENS, *TOKENS):
        return None if isinstance(value, bool | None) else f"no such token: {ELSEWHERE}"
    if _is_token(value) or (value is None and key not in NEEDED):
        return None
    return "a token"


def _is_token(value: Any) -> bool:
    from tokenizers import AddedToken

    return isinstance(value, str | AddedToken)


def _tokens(value: Any, file: Path) -> Any:
    """Return a setting with AddedTokens in the place of the objects that stand for them."""
    if isinstance(value, list):
        return [_tokens(each, file) for each in value]
    if isinstance(value, dict) and value.get("__type") == "AddedToken":
        return added_token({key: each for key, each in value.items() if key != "__type"}, file)
    return value


def token_text(token: str | AddedToken) -> str:
    """Return what a token is in a text."""
    return token if isinstance(token, str) else token.content


def added_token(fields: Mapping[str, Any], file: Path) -> AddedToken:
    """Return the token that an object of a JSON file describes.

    Raises:
        UsageError: if it describes none.
    """
    from tokenizers import AddedToken

    try:
        # Of what it does not know, the library would print a line.
        return AddedToken(**{key: fields[key] for key in MARKS if key in fields})
    except TypeError as error:
        raise UsageError(f"{file}: {dict(fields)!r} is no token ({error})") from None
