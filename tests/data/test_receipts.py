import hashlib
import os
from pathlib import Path

import pytest

from mtbench.data.receipts import add_receipts, read_receipts, sha256
from mtbench.errors import UsageError

ONE = {"repository": "a/b", "revision": "0" * 40, "path": "x.jsonl", "sha256": "1" * 64}


def test_receipts_are_added_to_those_that_are_there(tmp_path: Path) -> None:
    assert read_receipts(tmp_path) == {}
    add_receipts(tmp_path, {"a": ONE, "b": ONE})
    add_receipts(tmp_path, {"b": {**ONE, "path": "y"}, "c": ONE})

    assert read_receipts(tmp_path) == {"a": ONE, "b": {**ONE, "path": "y"}, "c": ONE}
    assert [file.name for file in tmp_path.iterdir()] == ["fetched.json"]


def test_a_folder_that_is_not_there_has_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert read_receipts(tmp_path / "nowhere") == {}
    assert read_receipts(tmp_path / "file") == {}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_in_place_of_receipts_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fetched.json")

    with pytest.raises(UsageError, match=r"fetched\.json is damaged"):
        read_receipts(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b'{"a": 7}', b"\xff", b"[" * 9000])
def test_damaged_receipts(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "fetched.json").write_bytes(content)

    with pytest.raises(UsageError, match=r"fetched\.json is damaged: remove it, and fetch the"):
        read_receipts(tmp_path)


def test_the_digest_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")

    assert sha256(tmp_path / "a") == hashlib.sha256(b"content").hexdigest()
    with pytest.raises(UsageError, match=r"^cannot read .*b: "):
        sha256(tmp_path / "b")
