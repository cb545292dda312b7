import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken

from mtbench.api import UsageError
from mtbench_builtins.encoders.checkpoints import Checkpoint
from mtbench_builtins.encoders.tokenizer_settings import (
    TokenizerSettings,
    added_token,
    read,
    token_text,
)

MASK = {"content": "<m>", "lstrip": True, "rstrip": False, "normalized": False}


def settings_of(folder: Path, **files: Any) -> TokenizerSettings:
    for name, content in {"config": {}, **files}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    parts = (folder / name for name in ("config.json", "model.safetensors", "vocab.txt"))
    return read(Checkpoint(folder, *parts))


def test_without_files_they_are_the_uncased_berts(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    assert settings.kind == "BertTokenizer"
    assert settings.flags == {
        "do_lower_case": True,
        "strip_accents": None,
        "tokenize_chinese_chars": True,
    }
    assert list(settings.named.values()) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert (settings.extra, settings.longest, settings.lists_ids) == ([], None, False)


def test_the_kind_is_the_tokenizers_or_else_the_models(tmp_path: Path) -> None:
    assert settings_of(tmp_path, config={"tokenizer_class": "A"}).kind == "A"
    assert settings_of(tmp_path, tokenizer_config={"tokenizer_class": "B"}).kind == "B"


def test_the_map_of_special_tokens_counts_where_no_ids_are_listed(tmp_path: Path) -> None:
    files: dict[str, Any] = {
        "tokenizer_config": {"mask_token": "<a>", "do_lower_case": True},
        "special_tokens_map": {"mask_token": MASK, "do_lower_case": False},
    }
    settings = settings_of(tmp_path, **files)
    assert token_text(settings.named["mask_token"]) == "<m>"
    assert settings.named["mask_token"].special
    assert settings.flags["do_lower_case"] is False
    files["tokenizer_config"]["added_tokens_decoder"] = {}
    settings = settings_of(tmp_path, **files)
    assert settings.lists_ids
    assert settings.named["mask_token"] == "<a>"
    assert settings.flags["do_lower_case"] is True


def test_special_tokens_by_their_former_name_and_as_objects(tmp_path: Path) -> None:
    listed = ["<a>", {"__type": "AddedToken", **MASK}]
    for config in (
        {"additional_special_tokens": listed},
        {"additional_special_tokens": listed, "extra_special_tokens": {}},
        {"extra_special_tokens": listed, "additional_special_tokens": ["<b>"]},
    ):
        settings = settings_of(tmp_path, tokenizer_config=config)
        assert [token_text(token) for token in settings.extra] == ["<a>", "<m>"]


@pytest.mark.parametrize(
    ("given", "longest"),
    [
        ({"model_max_length": 128}, 128),
        ({"max_len": 64}, 64),
        ({"model_max_length": 1e30}, 1e30),
        ({"model_max_length": None, "max_len": 64}, None),
        ({"model_max_length": 128.0, "max_len": 64}, 128),
    ],
)
def test_the_longest_sequence(
    tmp_path: Path, given: dict[str, Any], longest: float | None
) -> None:
    assert settings_of(tmp_path, tokenizer_config=given).longest == longest


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("do_lower_case", None, "None; expected true or false"),
        ("do_lower_case", "false", "'false'; expected true or false"),
        ("do_lower_case", 0, "0; expected true or false"),
        ("strip_accents", "no", "'no'; expected null or true or false"),
        ("tokenize_chinese_chars", None, "None; expected true or false"),
        ("cls_token", None, "None; expected a token"),
        ("cls_token", {"content": "[CLS]"}, "{'content': '[CLS]'}; expected a token"),
        ("mask_token", ["[MASK]"], "['[MASK]']; expected a token"),
        ("image_token", "<i>", "'<i>'; expected no such token: the encoder 'huggingface' may"),
        ("extra_special_tokens", {"a": "<a>"}, "{'a': '<a>'}; expected a list of tokens"),
        ("additional_special_tokens", [7], "[7]; expected a list of tokens"),
        ("added_tokens_decoder", ["<a>"], "['<a>']; expected an object of tokens"),
        ("model_max_length", 0, "0; expected a number above 0"),
        ("model_max_length", True, "True; expected a number above 0"),
        ("model_max_length", float("nan"), "nan; expected a number above 0"),
        ("max_len", "512", "'512'; expected a number above 0"),
        ("auto_map", {"AutoTokenizer": ["own.T", None]}, "{'AutoTokenizer': ['own.T', None]}; "),
        ("split_special_tokens", True, "True; expected nothing: the encoder 'huggingface' may"),
    ],
)
def test_settings_that_are_refused(tmp_path: Path, key: str, value: Any, expected: str) -> None:
    with pytest.raises(UsageError) as error:
        settings_of(tmp_path, tokenizer_config={key: value})
    key = "extra_special_tokens" if key.startswith("additional") else key
    file = tmp_path / "tokenizer_config.json"
    assert str(error.value).startswith(f"{file}: {key} is {expected}")
    assert "\n" not in str(error.value)


def test_settings_that_say_nothing_are_taken(tmp_path: Path) -> None:
    silent = {"auto_map": None, "split_special_tokens": False, "extra_special_tokens": None}
    others = {"mask_token": None, "add_bos_token": True, "never_split": None}
    settings = settings_of(tmp_path, tokenizer_config=silent | others)
    assert "mask_token" not in settings.named


def test_a_token_that_is_an_object(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    token = added_token({"content": "<a>", "lstrip": True, "width": 2}, tmp_path)
    assert isinstance(token, AddedToken)
    assert (token.content, token.lstrip) == ("<a>", True)
    assert capfd.readouterr().out == ""
    for fields in ({"content": 7}, {"content": "<a>", "lstrip": []}):
        with pytest.raises(UsageError, match=r"is no token \("):
            added_token(fields, tmp_path)
