import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mtbench.api import UsageError
from mtbench_builtins.encoders.stored import (
    Stored,
    names,
    read,
    refuse_integers,
    refuse_wrapper,
)

Folder = Callable[..., Path]
FILE = Path("model.safetensors")


def saved(folder: Path, **tensors: torch.Tensor) -> Path:
    file = folder / "model.safetensors"
    save_file(tensors, file)
    return file


# --- safetensors ------------------------------------------------------------------------------


def test_kinds_and_shapes_are_read(tmp_path: Path) -> None:
    file = saved(
        tmp_path,
        a=torch.zeros(2, 3, dtype=torch.float16),
        b=torch.zeros(4, dtype=torch.bfloat16),
        c=torch.zeros((), dtype=torch.int8),
    )
    assert read(file) == {
        "a": Stored("F16", (2, 3)),
        "b": Stored("BF16", (4,)),
        "c": Stored("I8", ()),
    }
    assert names(file) == {"a", "b", "c"}


def test_a_torn_file_is_refused_wherever_it_is_torn(tmp_path: Path) -> None:
    file = saved(tmp_path, a=torch.zeros(20, 3), b=torch.zeros(4))
    whole = file.read_bytes()
    for length in (0, 4, 8, 30, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(UsageError, match=r": no weights can be read from it \(") as error:
            read(file)
        assert str(error.value).startswith(f"{file}: ")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content", [b"\xff" * 64, b"no weights at all", (2**62).to_bytes(8, "little") + b"{}", b"PK"]
)
def test_what_is_no_weights_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)
    for function in (read, names):
        with pytest.raises(UsageError, match=r": no weights can be read from it \("):
            function(file)


# --- pickles ----------------------------------------------------------------------------------


def test_a_pickles_names_are_read_without_running_it(bert_folder: Folder) -> None:
    expected = set(load_file(bert_folder() / "model.safetensors"))
    found = names(bert_folder(pickled=True) / "pytorch_model.bin")
    assert found is not None
    assert expected <= set(found)


def test_names_that_cannot_be_told_are_none(tmp_path: Path) -> None:
    file = tmp_path / "pytorch_model.bin"
    for content in (b"", b"PK\x03\x04", pickle.dumps({"a": 1})):
        file.write_bytes(content)
        assert names(file) is None
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02X")
    assert names(file) is None
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("other", b"")
    assert names(file) is None


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "why"),
    [
        ("module.", "DataParallel or DistributedDataParallel"),
        ("_orig_mod.", "torch.compile"),
        ("module._orig_mod.", "DataParallel or DistributedDataParallel, torch.compile"),
    ],
)
def test_a_wrappers_names_are_told_with_their_likely_reason(prefix: str, why: str) -> None:
    found = [prefix + name for name in ("a.weight", "b.weight", "c.bias", "d.bias")]
    with pytest.raises(UsageError) as error:
        refuse_wrapper(FILE, found)
    assert str(error.value) == (
        f"model.safetensors: the tensors' names begin with {prefix!r} ({prefix}a.weight, "
        f"{prefix}b.weight, {prefix}c.bias, ...), as those of a model that was wrapped ({why}) "
        "do; save the state of the model within it"
    )


def test_names_of_which_one_has_no_wrapper_are_left_alone() -> None:
    refuse_wrapper(FILE, ["module.a", "b"])
    refuse_wrapper(FILE, [])
    refuse_wrapper(FILE, ["modules.a"])


@pytest.mark.parametrize("kind", ["I8", "U8", "I32", "I64", "BOOL", "F8_E4M3"])
def test_weights_that_need_a_scale_are_refused(kind: str) -> None:
    sound = {name: Stored(name, (2,)) for name in ("F64", "F32", "F16", "BF16")}
    refuse_integers(FILE, sound)
    with pytest.raises(UsageError) as error:
        refuse_integers(FILE, {**sound, "a.weight": Stored(kind, (2,))})
    assert str(error.value) == (
        f"model.safetensors: the tensor 'a.weight' is of kind {kind}; weights are of kind BF16, "
        "F16, F32, F64, and what scales quantised ones is not read"
    )
