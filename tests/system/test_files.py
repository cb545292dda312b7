import os
import stat
from pathlib import Path

import pytest

from mtbench.errors import UsageError
from mtbench.system.files import (
    LARGEST,
    digest_of,
    parse_object,
    read_file,
    remove,
    renamed,
    write_json,
)

# --- files are written whole ------------------------------------------------------------------


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    with renamed(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent

    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_text_is_refused_in_a_line(tmp_path: Path) -> None:
    told = r"^what is no UTF-8 cannot be written to a file: \"plugin\": \"caf\udce9/my\.py\"$"
    with pytest.raises(UsageError, match=told):
        write_json(tmp_path / "file", {"a": 1, "plugin": "caf\udce9/my.py"})

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def write_half() -> None:
        with renamed(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_exception_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), renamed(tmp_path / "file"):
        raise ValueError("stop")

    assert list(tmp_path.iterdir()) == []


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), renamed(tmp_path / "file"):
        pass


def test_a_file_is_synced_before_it_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    synced: list[tuple[bool, bool]] = []

    def fsync(descriptor: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    with renamed(path) as temporary:
        temporary.write_text("new")

    assert synced == [(False, False), (True, True)]  # the file before, its folder after


def test_a_file_gets_the_permissions_of_any_new_one(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    with renamed(tmp_path / "file") as temporary:
        temporary.touch(mode=0o600)

    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode


# --- reading ----------------------------------------------------------------------------------


def test_only_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "lost").symlink_to("nowhere")
    for name in ("pipe", "folder", "device", "lost"):
        for read in (read_file, digest_of):
            with pytest.raises(OSError, match=r"^(no regular file|a link that leads nowhere)$"):
                read(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "nothing")


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")
    assert read_file(tmp_path / "link") == b"abc"


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(OSError, match=r"^larger than 256 MiB$"):
        read_file(tmp_path / "file")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b'{"a": 1', "torn, or no JSON"),
        (b'{"a": NaN}', "torn, or no JSON"),
        (b'{"a": "\\ud800"}', "torn, or no JSON"),
        (b"[" * 100_000, "torn, or no JSON"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b"[1]", "no JSON object"),
        (b"null", "no JSON object"),
    ],
)
def test_what_is_no_object(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}$"):
        parse_object(content)


def test_anything_is_removed(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("")
    (tmp_path / "file").write_text("")
    (tmp_path / "folder" / "more").mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("kept")
    for name in ("file", "folder", "pipe", "link", "nothing"):
        remove(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
