"""Tokens beside a vocabulary: what the files of a checkpoint say of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mtbench.api import UsageError
from mtbench_builtins.encoders.checkpoints import Checkpoint
from mtbench_builtins.encoders.files import read_json
from mtbench_builtins.encoders.tokenizer_settings import (
    EXTRA,
    IDS,
    OTHER_TOKENS,
    TOKENS,
    TokenizerSettings,
    added_token,
    token_text,
)

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer


class Declared(NamedTuple):
    """A token beside the vocabulary, and the file that gives it an id."""

    file: Path
    id: int
    token: AddedToken


def declarations(
    checkpoint: Checkpoint, settings: TokenizerSettings, serialised: Mapping[str, Any]
) -> Iterator[Declared]:
    """Yield the tokens that files give an id, from the file that counts least to the one most.

    Args:
        serialised: what ``tokenizer.json`` says; empty where there is none.

    Raises:
        UsageError: if what describes a token, or an id, is none.
    """
    file = checkpoint.folder / "added_tokens.json"
    # As in transformers: neither defaults nor the list by its former name count here.
    given = [settings.values.get(key) for key in (*OTHER_TOKENS, *TOKENS)]
    extra = settings.values.get(EXTRA) or ()
    special = {token_text(token) for token in (*given, *extra) if token}
    for content, index in read_json(file, missing={}).items():
        marks = {"special": content in special, "normalized": content not in special}
        yield _declared(file, index, {"content": content, **marks})
    for fields in serialised.get("added_tokens") or ():
        rest = {key: value for key, value in fields.items() if key != "id"}
        yield _declared(checkpoint.vocabulary, fields.get("id"), rest)
    listed = settings.values.get(IDS) or {}
    for index, fields in listed.items():
        number = int(index) if isinstance(index, str) and index.isdecimal() else index
        yield _declared(settings.file, number, fields)


def _declared(file: Path, index: object, fields: Any) -> Declared:
    if not isinstance(index, int) or isinstance(index, bool) or not isinstance(fields, dict):
        raise UsageError(f"{file}: {index!r}: {fields!r} gives no token an id")
    token = added_token(fields, file)
    return Declared(file, index, token)


def add(
    tokenizer: Tokenizer,
    vocabulary: Path,
    settings: TokenizerSettings,
    declared: Sequence[Declared],
    named: Mapping[str, Any],
) -> None:
    """Add the tokens beside the vocabulary in the order of transformers.

    Args:
        vocabulary: the file that it is in.
        named: the tokens with a part to play, a text or an ``AddedToken`` each.

    Raises:
        UsageError: if a token gets no id, or another one than a file gives it.
    """
    from tokenizers import AddedToken

    counts = [each for each in declared if (each.file == settings.file) == settings.lists_ids]
    by_id = {each.id: each.token for each in counts}
    tokens = [token for _, token in sorted(by_id.items(), key=lambda item: item[0])]
    known = {token.content for token in tokens}
    known |= {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    tokens += [
        AddedToken(given, special=True) if isinstance(given, str) else given
        for given in (*named.values(), *settings.extra)
        if token_text(given) not in known
    ]
    parts = {token_text(token) for token in named.values()}
    for token in tokens:
        token.special = token.special or token.content in parts
    ids = {each.token.content for each in declared} | tokenizer.get_vocab().keys()
    missing = sorted({token.content for token in tokens} - ids)
    if missing:
        raise UsageError(
            f"{vocabulary}: no {', '.join(missing)} in it, and no id elsewhere, though "
            f"{settings.file} says so, or leaves it open"
        )
    tokenizer.add_tokens(tokens)
    for file, index, token in declared:
        found = tokenizer.token_to_id(token.content)
        if found != index:
            other = settings.file if settings.lists_ids else vocabulary
            raise UsageError(
                f"{file}: the token {token.content!r} has the id {index}, but as transformers "
                f"reads {other} it has {'none' if found is None else found}"
            )
