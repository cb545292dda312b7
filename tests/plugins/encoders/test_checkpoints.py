import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mtbench.api import UsageError
from mtbench_builtins.encoders import checkpoints
from mtbench_builtins.encoders.checkpoints import Checkpoint, find, fingerprint
from mtbench_builtins.encoders.parameters import MinBertParameters

Folder = Callable[..., Path]


def at(folder: Path) -> MinBertParameters:
    return MinBertParameters(checkpoint=str(folder))


def found(folder: Path) -> Checkpoint:
    checkpoint = find(at(folder))
    assert checkpoint is not None
    return checkpoint


def test_the_best_form_of_each_file_is_taken(bert_folder: Folder) -> None:
    folder = bert_folder()
    for name in ("pytorch_model.bin", "tokenizer.json"):
        (folder / name).write_text("{}")
    assert found(folder) == Checkpoint(
        folder, folder / "config.json", folder / "model.safetensors", folder / "tokenizer.json"
    )


def test_without_a_checkpoint_there_are_no_files() -> None:
    assert find(MinBertParameters()) is None


def test_what_is_missing_is_named_with_what_is_there(bert_folder: Folder) -> None:
    folder = bert_folder()
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(UsageError) as error:
        find(at(folder))
    assert str(error.value) == (
        f"checkpoint {str(folder)!r}: no weights (model.safetensors or pytorch_model.bin) "
        "(found: config.json, model.safetensors.index.json, vocab.txt)"
    )


def test_an_empty_folder_lacks_everything(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no configuration .*no weights .*no vocab.*: nothing"):
        find(at(tmp_path))


def test_a_file_is_no_checkpoint(bert_folder: Folder) -> None:
    with pytest.raises(UsageError, match="is a file; give the folder that it is in"):
        find(at(bert_folder() / "config.json"))


def test_a_folder_has_no_revision(bert_folder: Folder) -> None:
    with pytest.raises(UsageError, match="is a folder: it has no revision 'v1'"):
        find(MinBertParameters(checkpoint=str(bert_folder()), revision="v1"))


def test_a_broken_config_is_refused(bert_folder: Folder) -> None:
    folder = bert_folder()
    (folder / "config.json").write_text("{")
    with pytest.raises(UsageError, match=r"config\.json: no JSON in UTF-8"):
        found(folder).shape()
    (folder / "config.json").write_text("[]")
    with pytest.raises(UsageError, match="expected a JSON object"):
        found(folder).shape()


@pytest.mark.parametrize(
    ("content", "pooling"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode": "mean", "include_prompt": True}, "mean"),
    ],
)
def test_declared_pooling(bert_folder: Folder, content: object, pooling: str) -> None:
    folder = bert_folder()
    assert found(folder).declared_pooling() is None
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(content))
    assert found(folder).declared_pooling() == pooling


@pytest.mark.parametrize("modes", [["max_tokens"], ["mean_tokens", "cls_token"]])
def test_a_pooling_that_there_is_not_is_refused(bert_folder: Folder, modes: list[str]) -> None:
    folder = bert_folder()
    (folder / "1_Pooling").mkdir()
    declared = {f"pooling_mode_{mode}": True for mode in modes}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(declared))
    with pytest.raises(UsageError, match=rf"declares the pooling .*{modes[0]}"):
        found(folder).declared_pooling()


def test_the_fingerprint_is_of_the_bytes_and_not_of_the_path(
    bert_folder: Folder, tmp_path: Path
) -> None:
    folder = bert_folder(pooling="pooling_mode_mean_tokens")
    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere")
    first = fingerprint(at(folder))
    assert fingerprint(at(elsewhere)) == first
    (elsewhere / "README.md").write_text("says nothing")
    assert fingerprint(at(elsewhere)) == first
    seen = {first}
    for name in ("config.json", "model.safetensors", "vocab.txt", "1_Pooling/config.json"):
        with (elsewhere / name).open("ab") as file:
            file.write(b" ")
        seen.add(fingerprint(at(elsewhere)))
    (elsewhere / "tokenizer_config.json").write_text("{}")
    seen.add(fingerprint(at(elsewhere)))
    assert len(seen) == 6
    assert all(len(digest) == 64 for digest in seen)


def test_the_fingerprint_by_hand(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        (tmp_path / name).write_text(name)
    assert fingerprint(at(tmp_path)) == (
        "e51ae3bea5adfcf828128a79c1b724dd2227c7a2a783d6a0d2457956d49215a3"
    )


def test_without_a_checkpoint_the_vocabulary_is_the_fingerprint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = fingerprint(MinBertParameters())
    assert fingerprint(MinBertParameters(width=64)) == first
    monkeypatch.setattr(checkpoints, "vocabulary", lambda: ("[UNK]", "a"))
    assert fingerprint(MinBertParameters()) != first


def test_a_file_is_hashed_once_unless_it_changes(
    bert_folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bert_folder()
    first = fingerprint(at(folder))
    opened: list[str] = []
    read = Path.open

    def watched(path: Path, *args: str) -> object:
        opened.append(path.name)
        return read(path, *args)

    monkeypatch.setattr(Path, "open", watched)
    assert fingerprint(at(folder)) == first
    assert opened == []
    os.utime(folder / "model.safetensors", ns=(1, 1))
    assert fingerprint(at(folder)) == first
    assert opened == ["model.safetensors"]
