import os
from pathlib import Path

import pytest

from mtbench.api import UsageError
from mtbench_builtins.encoders.files import file_hash, read_any_json, read_json

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1000\n"


def test_a_json_object_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    assert read_json(file, missing={}) == {}
    file.write_text('{"a": [1]}')
    assert read_json(file) == read_json(file, missing={}) == read_any_json(file) == {"a": [1]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "no JSON in UTF-8"),
        (b'{"a": "\xff"}', "no JSON in UTF-8"),
        (b"[" * 100_000, "no JSON in UTF-8"),
        (b'{"a": ' + b"7" * 5000 + b"}", "no JSON in UTF-8"),
        (b"[]", "expected a JSON object"),
        (POINTER.encode(), "a Git LFS pointer, not the JSON; 'git lfs pull' fetches it"),
    ],
)
def test_what_is_no_json_object_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(UsageError) as error:
        read_json(file)
    assert str(error.value).startswith(f"{file}: {reason}")
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        read_json(tmp_path)
    assert str(error.value) == f"cannot read {tmp_path}: it is a folder"


def test_a_file_is_hashed_once_unless_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"many numbers")
    first = file_hash(file)
    opened: list[str] = []
    read = Path.open

    def watched(path: Path, *args: str) -> object:
        opened.append(path.name)
        return read(path, *args)

    monkeypatch.setattr(Path, "open", watched)
    assert file_hash(file) == first
    assert opened == []
    os.utime(file, ns=(1, 1))
    assert file_hash(file) == first
    assert opened == ["weights"]
