import os
from pathlib import Path

import pytest

from mtbench.errors import UsageError
from mtbench.matrix.locations import file_of, read_table


def told(file: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_table(file)
    return str(caught.value)


def test_a_folder_stands_for_its_matrix(tmp_path: Path) -> None:
    assert file_of(tmp_path) == tmp_path / "matrix.toml"
    assert file_of(tmp_path / "study.toml") == tmp_path / "study.toml"


def test_a_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text("seeds = 2")

    assert read_table(tmp_path / "m.toml") == {"seeds": 2}


@pytest.mark.parametrize(
    ("here", "hint"),
    [
        ([], ""),
        (["studie.toml", "pyproject.toml"], "; did you mean 'studie.toml'?"),
        (["b.toml", "a.toml", "study.txt"], "; {} has a.toml, b.toml"),
    ],
    ids=["nothing", "near", "others"],
)
def test_a_file_that_is_missing_names_what_is_there(
    tmp_path: Path, here: list[str], hint: str
) -> None:
    for name in here:
        (tmp_path / name).touch()

    assert told(tmp_path / "study.toml") == (
        f"{tmp_path / 'study.toml'}: there is no such matrix file{hint.format(tmp_path)} "
        "('mtbench init' writes one)"
    )


@pytest.mark.parametrize("name", ["study", "study.toml"])
def test_a_folder_or_a_name_without_its_ending_is_told_too(tmp_path: Path, name: str) -> None:
    file = tmp_path / name if name.endswith(".toml") else tmp_path / name / "matrix.toml"
    file.parent.mkdir(exist_ok=True)
    file.touch()

    assert f"did you mean {name!r}?" in told(tmp_path / "stduy")


def test_a_folder_that_is_missing_is_told_too(tmp_path: Path) -> None:
    assert "there is no such matrix file ('mtbench init'" in told(tmp_path / "none" / "m.toml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = ", "not valid TOML: "),
        (b"a = '\xff'", "not UTF-8, which TOML is: "),
        (b"a = " + b"[" * 10_000, "a value is nested more than 64 deep"),
        (b"a = " + b"9" * 5000, "a number is too large: it has more than 308 digits"),
        (f"a = 0x{'f' * 5000}".encode(), "a number is too large: it has more than 308 digits"),
    ],
    ids=["no TOML", "no UTF-8", "nested", "digits", "hexadecimal"],
)
def test_what_is_wrong_in_a_file_names_it(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "m.toml"
    file.write_bytes(content)

    assert told(file).startswith(f"{file}: {message}")


@pytest.mark.skipif(os.name == "nt", reason="there is no such device")
def test_a_device_that_never_ends_is_no_matrix() -> None:
    with pytest.raises(UsageError, match=r"^/dev/zero: more than 16 MiB"):
        read_table(Path("/dev/zero"))
