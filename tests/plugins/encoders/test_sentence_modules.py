import json
from pathlib import Path
from typing import Any

import pytest

from mtbench.api import UsageError
from mtbench_builtins.encoders.sentence_modules import left_out, longest, pooling


def declare(folder: Path, content: Any) -> Path:
    (folder / "1_Pooling").mkdir()
    file = folder / "1_Pooling" / "config.json"
    file.write_text(json.dumps(content))
    return file


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode": "mean", "include_prompt": True}, "mean"),
        ({"pooling_mode": ["cls"]}, "cls"),
    ],
)
def test_a_declared_pooling(tmp_path: Path, content: Any, declared: str) -> None:
    assert pooling(tmp_path) is None
    declare(tmp_path, content)
    assert pooling(tmp_path) == declared


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"pooling_mode_max_tokens": True}, "['pooling_mode_max_tokens']"),
        (
            {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
            "['pooling_mode_mean_tokens', 'pooling_mode_cls_token']",
        ),
        ({"pooling_mode": ["mean", "cls"]}, "['mean', 'cls']"),
        ({"pooling_mode": [["mean"]]}, "[['mean']]"),
        ({"pooling_mode": {"mean": True}}, "[{'mean': True}]"),
        ({"pooling_mode": None}, "[None]"),
        ({}, "[]"),
    ],
)
def test_a_pooling_that_there_is_not_is_refused(tmp_path: Path, content: Any, said: str) -> None:
    file = declare(tmp_path, content)
    with pytest.raises(UsageError) as error:
        pooling(tmp_path)
    assert str(error.value) == (
        f"{file}: declares the pooling {said}; known are cls and mean, one of them"
    )


def modules(*kinds: tuple[str, str]) -> list[dict[str, Any]]:
    named = [
        {"path": path, "type": f"sentence_transformers.models.{kind}"} for kind, path in kinds
    ]
    return [{"idx": i, "name": str(i), **each} for i, each in enumerate(named)]


def test_modules_that_change_embeddings_are_told(tmp_path: Path) -> None:
    assert left_out(tmp_path) == []
    usual = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "3_Normalize")]
    file = tmp_path / "modules.json"
    file.write_text(json.dumps(modules(*usual)))
    assert left_out(tmp_path) == []
    more = [*usual, ("Dense", "2_Dense"), ("LSTM", "4_LSTM"), ("Pooling", "5_Pooling")]
    file.write_text(json.dumps(modules(*more)))
    assert left_out(tmp_path) == ["Dense (2_Dense)", "LSTM (4_LSTM)", "Pooling (5_Pooling)"]


@pytest.mark.parametrize("content", ['{"0": {}}', '["Dense"]', "7", "[", "\udcff"])
def test_modules_that_are_none_are_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "modules.json"
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(UsageError) as error:
        left_out(tmp_path)
    assert str(error.value).startswith(f"{file}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
def test_the_length_that_texts_are_cut_at(tmp_path: Path, kind: str) -> None:
    assert longest(tmp_path) is None
    file = tmp_path / f"sentence_{kind}_config.json"
    for length, told in [(256, 256), (None, None), (True, None), ("256", None)]:
        file.write_text(json.dumps({"max_seq_length": length, "do_lower_case": False}))
        assert longest(tmp_path) == told
