"""The checkpoint in the wheel."""

import shutil
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mtbench.api import UsageError
from mtbench.metrics import pearson
from mtbench.model.batching import ragged
from mtbench.model.pooling import pool
from mtbench_builtins.encoders.checkpoints import Checkpoint, find
from mtbench_builtins.encoders.inspection import fingerprint
from mtbench_builtins.encoders.minbert import MinBert
from mtbench_builtins.encoders.parameters import (
    BertParameters,
    MinBertParameters,
    TinyParameters,
)
from mtbench_builtins.encoders.shipped import SHIPPED, TINY
from mtbench_builtins.encoders.tokenizer import WordPieceTokenizer
from mtbench_builtins.tasks.sts import STS

FOLDER = SHIPPED[TINY]
NAMED = MinBertParameters(checkpoint="tiny")


def tiny() -> Checkpoint:
    checkpoint = find(TinyParameters())
    assert checkpoint is not None
    return checkpoint


# --- what lies in the folder -----------------------------------------------------------------


def test_it_is_whole_and_small() -> None:
    files = {file.relative_to(FOLDER).as_posix(): file for file in FOLDER.rglob("*.*")}
    assert set(files) - {"README.md"} == {
        "1_Pooling/config.json",
        "config.json",
        "model.safetensors",
        "tokenizer_config.json",
        "vocab.txt",
    }
    assert sum(file.stat().st_size for file in files.values()) < 6e6


def test_its_shape_is_that_of_its_recipe(root: Path) -> None:
    recipe = tomllib.loads((root / "tools" / "pretrain" / "recipe.toml").read_text())
    shape = tiny().shape()
    assert shape.vocabulary == recipe["vocabulary"]["pieces"] == 8000
    assert {name: getattr(shape, name) for name in recipe["shape"]} == recipe["shape"]


def similarities(pairs: Sequence[tuple[str, ...]]) -> list[float]:
    """Return the cosines of mean vectors, as the weights are."""
    parameters = TinyParameters()
    encoder, tokenizer = MinBert(parameters).eval(), WordPieceTokenizer(parameters)
    found = []
    with torch.no_grad():
        for pair in pairs:
            batch = ragged(tokenizer.encode([(text,) for text in pair]))
            one, other = pool(encoder(batch), batch, "mean")
            found.append(torch.cosine_similarity(one, other, dim=0).item())
    return found


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("a man is playing a guitar", "someone plays an instrument", "the company lost money"),
        ("a big dog", "a large dog", "a big mistake"),
    ],
)
def test_it_knows_what_words_mean(text: str, near: str, far: str) -> None:
    same, other = similarities([(text, near), (text, far)])
    assert same > other + 0.3


def test_it_follows_the_labels_of_sts(cs224n: Path) -> None:
    # The model card has 0.781 on all of train.
    examples = STS().load("train", cs224n)
    assert examples.labels is not None
    found = pearson(similarities(examples.texts[:1000]), list(examples.labels[:1000]))
    assert found is not None
    assert found > 0.75


def test_its_weights_are_in_half_precision_without_a_pooler() -> None:
    tensors = load_file(tiny().weights)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    assert not [name for name in tensors if "pooler" in name]


def test_it_declares_the_mean() -> None:
    assert tiny().declared_pooling() == MinBert(TinyParameters()).pooling == "mean"


# --- its name --------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", [TinyParameters(), NAMED], ids=["tiny", "minbert"])
def test_its_name_is_its_folder_offline_and_from_anywhere(
    parameters: BertParameters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mtbench_builtins.encoders.hub.cached", pytest.fail)
    checkpoint = find(parameters)
    assert checkpoint is not None
    assert checkpoint.folder == FOLDER
    assert fingerprint(parameters) == fingerprint(TinyParameters())


def test_a_folder_of_its_name_is_named_as_a_path(
    bert_folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bert_folder().rename(tmp_path / "tiny")
    monkeypatch.chdir(tmp_path)
    shipped, local = find(NAMED), find(MinBertParameters(checkpoint="./tiny"))
    assert shipped is not None
    assert local is not None
    assert shipped.folder == FOLDER
    assert local.folder == Path("tiny")


def test_it_has_no_revision() -> None:
    with pytest.raises(UsageError, match="'tiny' comes with mtbench: it has no revision 'main'"):
        find(MinBertParameters(checkpoint="tiny", revision="main"))


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "model.safetensors",
        "vocab.txt",
        "tokenizer_config.json",
        "1_Pooling/config.json",
    ],
)
def test_one_byte_of_a_file_moves_the_digest(tmp_path: Path, name: str) -> None:
    def digest_of(parameters: BertParameters) -> str:
        checkpoint = find(parameters)
        assert checkpoint is not None
        return checkpoint.digest()

    folder = shutil.copytree(FOLDER, tmp_path / "copy")
    copied = MinBertParameters(checkpoint=str(folder))
    assert digest_of(copied) == digest_of(TinyParameters())
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    assert digest_of(copied) != digest_of(TinyParameters())
