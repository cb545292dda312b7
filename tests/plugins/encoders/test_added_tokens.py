import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from mtbench.api import UsageError
from mtbench_builtins.encoders import tokenizer_settings
from mtbench_builtins.encoders.added_tokens import Declared, add, declarations
from mtbench_builtins.encoders.checkpoints import Checkpoint
from mtbench_builtins.encoders.word_piece import word_piece

PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "ent", "[", "]")
NEW = len(PIECES)


def checkpoint_with(folder: Path, **files: Any) -> Checkpoint:
    for name, content in {"config": {}, **files}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    parts = (folder / name for name in ("config.json", "model.safetensors", "vocab.txt"))
    return Checkpoint(folder, *parts)


def declared(folder: Path, serialised: Mapping[str, Any], **files: Any) -> list[Declared]:
    checkpoint = checkpoint_with(folder, **files)
    return [*declarations(checkpoint, tokenizer_settings.read(checkpoint), serialised)]


def tokenizer_with(folder: Path, **files: Any) -> Tokenizer:
    checkpoint = checkpoint_with(folder, **files)
    settings = tokenizer_settings.read(checkpoint)
    tokenizer = word_piece({piece: i for i, piece in enumerate(PIECES)}, {})
    found = [*declarations(checkpoint, settings, {})]
    add(tokenizer, checkpoint.vocabulary, settings, found, settings.named)
    return tokenizer


def ids(tokenizer: Tokenizer, text: str) -> list[int]:
    found: list[int] = tokenizer.encode(text).ids[1:-1]
    return found


def test_every_file_that_gives_ids_is_read(tmp_path: Path) -> None:
    found = declared(
        tmp_path,
        {"added_tokens": [{"id": 9, "content": "<b>", "lstrip": True}]},
        added_tokens={"<a>": 8},
        tokenizer_config={"added_tokens_decoder": {"10": {"content": "<c>", "special": True}}},
    )
    assert [(each.file.name, each.id, each.token.content) for each in found] == [
        ("added_tokens.json", 8, "<a>"),
        ("vocab.txt", 9, "<b>"),
        ("tokenizer_config.json", 10, "<c>"),
    ]
    assert [each.token.special for each in found] == [False, False, True]
    assert found[1].token.lstrip


def test_an_added_token_is_special_where_a_setting_says_so(tmp_path: Path) -> None:
    config = {"mask_token": "<m>", "extra_special_tokens": ["<e>"]}
    found = declared(
        tmp_path, {}, added_tokens={"<m>": 8, "<e>": 9, "<a>": 10}, tokenizer_config=config
    )
    assert [each.token.special for each in found] == [True, True, False]
    assert [each.token.normalized for each in found] == [False, False, True]


@pytest.mark.parametrize(
    "files",
    [
        {"added_tokens": {"<a>": "8"}},
        {"added_tokens": {"<a>": True}},
        {"tokenizer_config": {"added_tokens_decoder": {"x": {"content": "<a>"}}}},
        {"tokenizer_config": {"added_tokens_decoder": {"8": "<a>"}}},
    ],
)
def test_what_gives_no_token_an_id_is_refused(tmp_path: Path, files: dict[str, Any]) -> None:
    [name] = files
    with pytest.raises(UsageError) as error:
        declared(tmp_path, {}, **files)
    assert str(error.value).startswith(f"{tmp_path / name}.json: ")
    assert str(error.value).endswith(" gives no token an id")


def test_tokens_are_found_whole_and_the_special_ones_in_any_case(tmp_path: Path) -> None:
    plain = tokenizer_with(tmp_path)
    assert ids(plain, "the [ENT] [MASK]") == [5, 7, 6, 8, 4]
    added = tokenizer_with(tmp_path, added_tokens={"[ENT]": NEW})
    assert ids(added, "the [ENT] [ent] the[ENT]") == [5, NEW, NEW, 5, NEW]
    listed = {"added_tokens_decoder": {str(NEW): {"content": "[ENT]", "special": True}}}
    special = tokenizer_with(tmp_path, tokenizer_config=listed)
    assert ids(special, "the [ENT] [ent]") == [5, NEW, 7, 6, 8]


def test_an_id_that_transformers_does_not_give_is_refused_with_both_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        tokenizer_with(tmp_path, added_tokens={"[ENT]": NEW + 1})
    assert str(error.value) == (
        f"{tmp_path}/added_tokens.json: the token '[ENT]' has the id {NEW + 1}, but as "
        f"transformers reads {tmp_path}/vocab.txt it has {NEW}"
    )
    with pytest.raises(UsageError) as error:
        tokenizer_with(
            tmp_path,
            added_tokens={"[ENT]": NEW},
            tokenizer_config={"added_tokens_decoder": {}},
        )
    assert str(error.value) == (
        f"{tmp_path}/added_tokens.json: the token '[ENT]' has the id {NEW}, but as transformers "
        f"reads {tmp_path}/tokenizer_config.json it has none"
    )


def test_a_token_without_an_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        tokenizer_with(tmp_path, tokenizer_config={"mask_token": "<m>", "bos_token": "<b>"})
    assert str(error.value) == (
        f"{tmp_path}/vocab.txt: no <b>, <m> in it, and no id elsewhere, though "
        f"{tmp_path}/tokenizer_config.json says so, or leaves it open"
    )
