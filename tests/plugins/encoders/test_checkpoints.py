import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mtbench.api import UsageError
from mtbench_builtins.encoders.checkpoints import Checkpoint, find
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


def test_the_digest_is_of_the_bytes_and_not_of_the_path(
    bert_folder: Folder, tmp_path: Path
) -> None:
    folder = bert_folder(pooling="pooling_mode_mean_tokens")
    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere")
    first = found(folder).digest()
    assert found(elsewhere).digest() == first
    (elsewhere / "README.md").write_text("says nothing")
    assert found(elsewhere).digest() == first
    seen = {first}
    needed = ("config.json", "model.safetensors", "vocab.txt", "1_Pooling/config.json")
    others = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
    for name in (*needed, *others):
        with (elsewhere / name).open("ab") as file:
            file.write(b" ")
        seen.add(found(elsewhere).digest())
    assert len(seen) == 8
    assert all(len(digest) == 64 for digest in seen)


def test_the_digest_by_hand(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        (tmp_path / name).write_text(name)
    assert found(tmp_path).digest() == (
        "e51ae3bea5adfcf828128a79c1b724dd2227c7a2a783d6a0d2457956d49215a3"
    )
