import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from mtbench.api import UsageError
from mtbench_builtins.encoders.pickled import refuse_missing, refuse_other

NAMES = ["embeddings.word.weight", "layers.0.attention.qkv.bias", "pooler.weight"]
STORED = [
    "embeddings.word_embeddings.weight",
    *(f"encoder.layer.0.attention.self.{part}.bias" for part in ("query", "key", "value")),
]


def state(names: list[str]) -> dict[str, torch.Tensor]:
    return {name: torch.ones(2) for name in names}


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_writes_is_taken_in_its_new_form_and_its_old(
    tmp_path: Path, zipped: bool
) -> None:
    torch.save(state(STORED), tmp_path / "a.bin", _use_new_zipfile_serialization=zipped)

    refuse_other(tmp_path / "a.bin")


def test_an_archive_that_is_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    torch.save(state(STORED), file)
    whole = file.read_bytes()

    for length in range(0, len(whole), 5):
        file.write_bytes(whole[:length])
        with pytest.raises(UsageError) as error:
            refuse_other(file)
        assert str(error.value).startswith(f"{file}: no weights can be read from it (")
        assert "\n" not in str(error.value)


def test_what_is_no_archive_of_torchs_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    for content in (b"", b"text", b"\x08\x03\xff" * 99, b"{}", b"PK\x03\x04"):
        file.write_bytes(content)
        with pytest.raises(UsageError, match=r"a\.bin: no weights can be read from it \("):
            refuse_other(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/sheet.xml", "")
    with pytest.raises(UsageError, match=r"\(an archive of xl/sheet\.xml, without data\.pkl\)$"):
        refuse_other(file)
    with pytest.raises(UsageError, match=r"it is a folder$"):
        refuse_other(tmp_path)
    with pytest.raises(UsageError, match=r"^no file b\.bin in "):
        refuse_other(tmp_path / "b.bin")


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_a_tensor_whose_name_is_nowhere_is_missing(tmp_path: Path, prefix: str) -> None:
    """A pooler may be; and what the old form holds is not looked for."""
    file = tmp_path / "a.bin"
    torch.save(state([f"{prefix}{name}" for name in STORED]), file)
    refuse_missing(file, NAMES)

    torch.save(state([f"{prefix}{name}" for name in STORED[:-1]]), file)

    with pytest.raises(UsageError, match=r"a\.bin: the tensor '.*self\.value\.bias' is missing$"):
        refuse_missing(file, NAMES)
    file.write_bytes(pickle.dumps({}))
    refuse_missing(file, NAMES)
