from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mtbench.api import UsageError
from mtbench_builtins.encoders.minbert import MinBert
from mtbench_builtins.encoders.parameters import MinBertParameters
from mtbench_builtins.encoders.stored import names
from mtbench_builtins.encoders.weights import load

Folder = Callable[..., Path]
Tensors = dict[str, Tensor]

QUERY = "encoder.layer.1.attention.self.query.weight"


@pytest.fixture
def folder(bert_folder: Folder) -> Path:
    return bert_folder()


@pytest.fixture
def expected(folder: Path) -> Tensors:
    return MinBert(MinBertParameters(checkpoint=str(folder))).state_dict()


def rewritten(folder: Path, change: Callable[[Tensors], Tensors]) -> Path:
    """Write the folder's weights again, changed."""
    file = folder / "model.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(file).items()}
    save_file(change(tensors), file)
    return file


def assert_equal(loaded: Tensors, expected: Tensors) -> None:
    assert loaded.keys() == expected.keys()
    for name, tensor in loaded.items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, expected[name]), name


def test_query_key_and_value_are_stacked(folder: Path, expected: Tensors) -> None:
    tensors = load_file(folder / "model.safetensors")
    loaded = load(folder / "model.safetensors", expected)
    assert_equal(loaded, expected)
    stacked = loaded["layers.1.attention.qkv.weight"]
    for i, part in enumerate(("query", "key", "value")):
        assert torch.equal(stacked[12 * i : 12 * (i + 1)], tensors[QUERY.replace("query", part)])


def test_the_names_of_a_pretraining_checkpoint_are_read(folder: Path, expected: Tensors) -> None:
    def legacy(name: str) -> str:
        for norm in ("LayerNorm.weight", "LayerNorm.bias"):
            name = name.replace(norm, "LayerNorm." + ("gamma" if "weight" in norm else "beta"))
        return f"bert.{name}"

    def as_pretraining(tensors: Tensors) -> Tensors:
        return {legacy(name): tensor for name, tensor in tensors.items()} | {
            "bert.embeddings.position_ids": torch.arange(16)[None],
            "cls.predictions.bias": torch.zeros(23),
            "cls.seq_relationship.weight": torch.zeros(2, 12),
        }

    assert_equal(load(rewritten(folder, as_pretraining), expected), expected)


def test_half_precision_is_read_as_float32(folder: Path, expected: Tensors) -> None:
    file = rewritten(folder, lambda tensors: {name: t.half() for name, t in tensors.items()})
    halved = {name: tensor.half().float() for name, tensor in expected.items()}
    assert_equal(load(file, expected), halved)


def test_a_pooler_may_be_missing(folder: Path, expected: Tensors) -> None:
    def without_pooler(tensors: Tensors) -> Tensors:
        return {name: t for name, t in tensors.items() if not name.startswith("pooler.")}

    loaded = load(rewritten(folder, without_pooler), expected)
    assert expected.keys() - loaded.keys() == {"pooler.weight", "pooler.bias"}


@pytest.mark.parametrize("name", [QUERY, "embeddings.LayerNorm.bias", "pooler.dense.bias"])
def test_a_missing_tensor_is_named(folder: Path, expected: Tensors, name: str) -> None:
    file = rewritten(folder, lambda tensors: {k: t for k, t in tensors.items() if k != name})
    with pytest.raises(UsageError, match=f"the tensor '{name}' is missing"):
        load(file, expected)


class Harmful:
    """Would write a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.target,)


def test_pickled_code_is_not_run(tmp_path: Path, expected: Tensors) -> None:
    """Neither where names are looked for nor where weights are loaded."""
    file = tmp_path / "pytorch_model.bin"
    torch.save({"bert.x": Harmful(tmp_path / "harmed")}, file)
    assert "bert.x" in (names(file) or ())
    with pytest.raises(UsageError, match="no weights can be read from it"):
        load(file, expected)
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_broken_file_is_refused(tmp_path: Path, expected: Tensors, name: str) -> None:
    for content in (b"no weights at all", b""):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match=f"{name}: no weights can be read from it"):
            load(tmp_path / name, expected)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_damaged_pickle_is_refused_wherever_it_is_damaged(
    tmp_path: Path, expected: Tensors, zipped: bool
) -> None:
    file = tmp_path / "pytorch_model.bin"
    torch.save({}, file, _use_new_zipfile_serialization=zipped)
    whole = file.read_bytes()
    for place in range(0, len(whole), 7):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises(UsageError) as error:
            load(file, expected)
        assert str(error.value).startswith(f"{file}: ")
        assert "\n" not in str(error.value)


def test_a_pickle_of_something_else_is_refused(tmp_path: Path, expected: Tensors) -> None:
    torch.save([torch.zeros(1)], tmp_path / "pytorch_model.bin")
    with pytest.raises(UsageError, match="expected a state dict, found list"):
        load(tmp_path / "pytorch_model.bin", expected)
