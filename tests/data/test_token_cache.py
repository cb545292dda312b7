import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from mtbench.data.token_cache import CHECKSUM, CacheEntry, TokenCache
from mtbench.data.token_column import TokenColumn
from mtbench.protocols import Tokens

TEXTS = [[("one",), ("two",)], [("a",), ("b",)]]
COLUMNS = (
    TokenColumn.of([Tokens([1, 2, 3], [0, 0, 1], cut=True), Tokens([4], [0])]),
    replace(
        TokenColumn.of([Tokens([5], [1]), Tokens([6, 7], [1, 1])]), empty=np.array([True, False])
    ),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".mtbench" / "tokens"


@pytest.fixture
def entry(folder: Path) -> CacheEntry:
    return TokenCache(folder, "a tokenizer").entry(TEXTS)


def assert_holds(entry: CacheEntry) -> None:
    stored = entry.read()
    assert stored is not None
    for column, written in zip(stored, COLUMNS, strict=True):
        for name in ("ids", "types", "offsets", "cut", "empty"):
            array = getattr(column, name)
            np.testing.assert_array_equal(array, getattr(written, name), strict=True)
            assert type(array) is np.ndarray
            assert array.flags.aligned
            assert not array.flags.writeable  # it is the file, mapped


def test_what_was_written_is_read(
    entry: CacheEntry, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.read() is None
    assert not folder.exists()  # looking makes nothing

    entry.write(COLUMNS)

    assert_holds(entry)
    assert [*folder.iterdir()] == [entry.path]
    assert capsys.readouterr().err == ""


def test_an_entry_outlives_its_file_where_it_is_mapped(entry: CacheEntry) -> None:
    entry.write(COLUMNS)
    columns = entry.read()
    assert columns is not None

    entry.path.unlink()

    assert columns[0].ids.tolist() == [1, 2, 3, 4]
    assert entry.read() is None


def test_texts_and_tokenizer_decide_the_entry(folder: Path) -> None:
    cache = TokenCache(folder, "a tokenizer")
    texts = [
        TEXTS,
        [[("one",), ("two",)]],
        [[("one", "two")]],
        [[("one",)], [("two",)]],
        [[("onetwo",)]],
        [[("two",), ("one",)], [("a",), ("b",)]],
        [[("one",), ("two",)], [("a",), ("B",)]],
        [[('one",),("two',)]],
        [[("\ud800",)]],  # half a character, as broken data may have
    ]
    entries = {*map(cache.entry, texts), TokenCache(folder, "another").entry(TEXTS)}

    assert len(entries) == len(texts) + 1
    assert cache.entry(tuple(map(tuple, TEXTS))) == cache.entry(TEXTS)


# --- what is broken ---------------------------------------------------------------------------


def assert_told_and_made_anew(entry: CacheEntry, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.read() is None
    log = capsys.readouterr().err
    assert log.startswith(f"token ids in {entry.path} are broken, and made anew (")
    assert log.count("\n") == 1
    entry.write(COLUMNS)
    assert capsys.readouterr().err == ""
    assert_holds(entry)
    assert [*entry.path.parent.iterdir()] == [entry.path]


def test_no_byte_of_an_entry_spoils_a_run(
    entry: CacheEntry, capsys: pytest.CaptureFixture[str]
) -> None:
    """Torn or flipped anywhere, it is told in one line."""
    entry.write(COLUMNS)
    content = entry.path.read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        for spoilt in (content[:place], bytes(flipped)):
            entry.path.write_bytes(spoilt)
            assert entry.read() is None
    assert capsys.readouterr().err.count("\n") == 2 * len(content)
    assert_told_and_made_anew(entry, capsys)


@pytest.mark.parametrize("counts", [b"\n", b"[[4]]\n", b"[[4, 2], [3, 9]]\n", b"{}[\n", b"1\n"])
def test_nonsense_with_the_right_checksum_is_told(
    entry: CacheEntry, counts: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    entry.write(COLUMNS)
    rest = counts + entry.path.read_bytes()[CHECKSUM:].partition(b"\n")[2]
    checksum = sha256(entry.path.name.encode() + rest).hexdigest()
    entry.path.write_bytes(checksum.encode() + rest)

    assert_told_and_made_anew(entry, capsys)


def test_an_entry_in_the_place_of_another_is_told(
    entry: CacheEntry, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = TokenCache(folder, "another tokenizer").entry(TEXTS)
    other.write(COLUMNS[:1])
    other.path.rename(entry.path)

    assert_told_and_made_anew(entry, capsys)


INSTEAD: dict[str, Callable[[Path], object]] = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "link to nowhere": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "file": lambda path: path.write_text("in the way"),
}


@pytest.mark.parametrize("way", INSTEAD)
def test_what_lies_in_the_place_of_an_entry_is_told(
    entry: CacheEntry, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    entry.path.parent.mkdir(parents=True)
    INSTEAD[way](entry.path)

    assert_told_and_made_anew(entry, capsys)


# --- two at once ------------------------------------------------------------------------------


@pytest.mark.parametrize("there", ["nothing", "a broken entry"])
def test_processes_that_write_at_once_all_succeed(entry: CacheEntry, there: str) -> None:
    if there == "a broken entry":
        entry.write(COLUMNS)
        os.truncate(entry.path, 100)
    script = f"""
import sys
from pathlib import Path
from mtbench.protocols import Tokens
from mtbench.data.token_cache import CacheEntry
from mtbench.data.token_column import TokenColumn
columns = [TokenColumn.of([Tokens([1, 2, 3], [0, 0, 1], True), Tokens([4], [0])]),
           TokenColumn.of([Tokens([5], [1]), Tokens([6, 7], [1, 1])])]
columns[1].empty[0] = True
entry = CacheEntry(Path({str(entry.path)!r}))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(20):
    entry.write(columns)
    assert entry.read()[1].ids.tolist() == [5, 6, 7]
"""
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script], stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )
        for _ in "12"
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    ends = [(process.communicate()[1], process.returncode) for process in processes]
    assert ends == [("", 0)] * 2
    assert_holds(entry)
    assert [*entry.path.parent.iterdir()] == [entry.path]


# --- a store that cannot be written -----------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_told(
    entry: CacheEntry, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.parent.mkdir()
    folder.write_text("in the way")

    assert entry.read() is None
    entry.write(COLUMNS)

    log = capsys.readouterr().err
    assert log.startswith(f"token ids in {entry.path} are not stored (FileExistsError: ")
    assert log.count("\n") == 1


def test_a_full_disk_leaves_nothing_behind(
    entry: CacheEntry,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)

    entry.write(COLUMNS)

    assert "are not stored (OSError: [Errno 28] No space" in capsys.readouterr().err
    assert list(folder.iterdir()) == []
    assert entry.read() is None
