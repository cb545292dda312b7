import hashlib
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


def test_a_file_is_hashed_once_unless_it_changes(tmp_path: Path) -> None:
    """Whether it does, its size and time tell: nobody reads gigabytes to know."""
    file = tmp_path / "weights"
    file.write_bytes(b"many numbers")
    os.utime(file, ns=(1, 1))
    first = file_hash(file)
    file.write_bytes(b"more numbers")
    os.utime(file, ns=(1, 1))
    assert file_hash(file) == first
    os.utime(file, ns=(2, 2))
    second = file_hash(file)
    assert second == hashlib.sha256(b"more numbers").hexdigest() != first
    file.write_bytes(b"fewer")
    os.utime(file, ns=(2, 2))
    assert file_hash(file) not in (first, second)
