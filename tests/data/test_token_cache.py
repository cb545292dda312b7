import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mtbench.data.token_cache import CHECKSUMS, Entry, TokenCache
from mtbench.data.token_column import TokenColumn
from mtbench.protocols import Tokens
from mtbench.store import LOCK

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
def entry(folder: Path) -> Entry:
    return TokenCache(folder, "a tokenizer").entry(TEXTS)


def assert_holds(entry: Entry, columns: tuple[TokenColumn, ...] = COLUMNS) -> None:
    found = entry.read()
    assert found is not None
    for one, other in zip(found, columns, strict=True):
        for name in ("ids", "types", "offsets", "cut", "empty"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)


def assert_nothing_else(entry: Entry) -> None:
    assert {path.name for path in entry.path.parent.iterdir()} == {entry.path.name, LOCK}


def test_what_was_written_is_read(
    entry: Entry, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.read() is None
    assert not folder.exists()  # looking makes nothing

    entry.write(COLUMNS)

    assert_holds(entry)
    assert_nothing_else(entry)
    assert len(list(entry.path.iterdir())) == 11
    assert capsys.readouterr().err == ""


def test_arrays_are_mapped_and_cannot_be_written(entry: Entry) -> None:
    entry.write(COLUMNS)
    columns = entry.read()
    assert columns is not None

    for array in (columns[0].ids, columns[1].types, columns[0].offsets):
        assert isinstance(array.base, np.memmap)
        assert type(array) is np.ndarray
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_an_entry_outlives_its_files_where_it_is_mapped(entry: Entry) -> None:
    entry.write(COLUMNS)
    columns = entry.read()
    assert columns is not None

    shutil.rmtree(entry.path)

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
    entries = [cache.entry(each) for each in texts]

    paths = {each.path for each in (*entries, TokenCache(folder, "another").entry(TEXTS))}
    assert len(paths) == len(texts) + 1
    assert [each.columns for each in entries[:4]] == [2, 1, 1, 2]
    as_tuples = tuple(tuple(column) for column in TEXTS)
    assert TokenCache(folder, "a tokenizer").entry(as_tuples) == entries[0]


# --- what is broken ---------------------------------------------------------------------------


def halve(path: Path) -> None:
    file = path / "0.ids.npy"
    os.truncate(file, file.stat().st_size // 2)


def zero(path: Path) -> None:
    file = path / "1.ids.npy"
    file.write_bytes(file.read_bytes()[:-8] + bytes(8))


def empty(path: Path) -> None:
    (path / "0.types.npy").write_bytes(b"")


def lose(path: Path) -> None:
    (path / "1.offsets.npy").unlink()


def lose_checksums(path: Path) -> None:
    (path / CHECKSUMS).unlink()


def tear_checksums(path: Path) -> None:
    (path / CHECKSUMS).write_text('{"0.ids.npy": "')


def other_checksums(path: Path) -> None:
    (path / CHECKSUMS).write_text(json.dumps({"0.ids.npy": "0"}))


def no_checksums(path: Path) -> None:
    (path / CHECKSUMS).write_text("[]")


BREAKS = [
    halve,
    zero,
    empty,
    lose,
    lose_checksums,
    tear_checksums,
    other_checksums,
    no_checksums,
]


def assert_told_and_made_anew(entry: Entry, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.read() is None
    log = capsys.readouterr().err
    assert log.startswith(f"token ids in {entry.path} are broken, and made anew (")
    assert log.count("\n") == 1
    entry.write(COLUMNS)
    assert capsys.readouterr().err == ""
    assert_holds(entry)
    assert_nothing_else(entry)


@pytest.mark.parametrize("break_", BREAKS)
def test_a_broken_entry_is_told_and_made_anew(
    entry: Entry,
    folder: Path,
    break_: Callable[[Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    entry.write(COLUMNS)
    break_(entry.path)

    assert_told_and_made_anew(entry, capsys)


def test_no_byte_of_an_entry_spoils_a_run(
    entry: Entry, capsys: pytest.CaptureFixture[str]
) -> None:
    """Torn or flipped anywhere, it is what was written or is told in one line."""
    entry.write(COLUMNS)
    told = 0
    for file in sorted(entry.path.iterdir()):
        content = file.read_bytes()
        for place in range(0, len(content), 1 if file.name.startswith(("0.ids", "sha")) else 16):
            flipped = bytearray(content)
            flipped[place] ^= 1 << place % 8
            for spoilt in (content[:place], bytes(flipped)):
                file.write_bytes(spoilt)
                if entry.read() is not None:
                    assert_holds(entry)
                else:
                    told += 1
        file.write_bytes(content)
    assert told > 500
    assert capsys.readouterr().err.count("\n") == told
    assert_holds(entry)


INSTEAD: dict[str, Callable[[Path], object]] = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "link to nowhere": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "file": lambda path: path.write_text("in the way"),
}


@pytest.mark.parametrize("way", INSTEAD)
@pytest.mark.parametrize("name", ["", CHECKSUMS, "0.ids.npy"])
def test_what_lies_in_the_place_of_a_file_is_told(
    entry: Entry, way: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    entry.write(COLUMNS)
    path = entry.path / name if name else entry.path
    if name:
        path.unlink()
    else:
        shutil.rmtree(path)
    INSTEAD[way](path)

    assert_told_and_made_anew(entry, capsys)


HEADERS = {
    "no Python": b"{'descr': '<i4', 'fortran_order': False, 'shape': (4,), ",
    "nested": b"(" * 5000 + b")" * 5000,
    "objects": b"{'descr': '|O', 'fortran_order': False, 'shape': (4,)}",
    "no type": b"{'descr': '<q99', 'fortran_order': False, 'shape': (4,)}",
    "huge": b"{'descr': '<i4', 'fortran_order': False, 'shape': (%d,)}" % 10**30,
    "of many digits": b"{'descr': '<i4', 'fortran_order': False, 'shape': (%s,)}" % (b"9" * 5000),
    "negative": b"{'descr': '<i4', 'fortran_order': False, 'shape': (-4,)}",
    "no UTF-8": b"\xff\xfe",
    "nothing": b"",
}


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_that_numpy_cannot_read_is_told(
    entry: Entry, header: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the right checksum: what numpy raises is of any kind."""
    entry.write(COLUMNS)
    text = HEADERS[header] + b"\n"
    content = b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text + bytes(16)
    content = content if HEADERS[header] else b""
    (entry.path / "0.ids.npy").write_bytes(content)
    checksums = json.loads((entry.path / CHECKSUMS).read_text())
    checksums["0.ids.npy"] = hashlib.sha256(content).hexdigest()
    (entry.path / CHECKSUMS).write_text(json.dumps(checksums))

    assert_told_and_made_anew(entry, capsys)


# --- two at once ------------------------------------------------------------------------------


def test_an_entry_that_is_whole_stays(entry: Entry) -> None:
    entry.write(COLUMNS)
    before = entry.path.stat().st_ino

    entry.write(COLUMNS)

    assert entry.path.stat().st_ino == before
    assert_nothing_else(entry)


@pytest.mark.parametrize("there", ["nothing", "a broken entry"])
def test_processes_that_write_at_once_all_succeed(entry: Entry, folder: Path, there: str) -> None:
    if there == "a broken entry":
        entry.write(COLUMNS)
        zero(entry.path)
    script = f"""
import sys
from pathlib import Path
from mtbench.protocols import Tokens
from mtbench.data.token_cache import Entry
from mtbench.data.token_column import TokenColumn
columns = [TokenColumn.of([Tokens([1, 2, 3], [0, 0, 1], True), Tokens([4], [0])]),
           TokenColumn.of([Tokens([5], [1]), Tokens([6, 7], [1, 1])])]
columns[1].empty[0] = True
entry = Entry(Path({str(entry.path)!r}), 2)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(20):
    entry.write(columns)
    found = entry.read()
    assert found is not None and found[1].ids.tolist() == [5, 6, 7]
"""
    command = [sys.executable, "-c", script]
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in "12"
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    assert [(process.communicate()[1], process.returncode) for process in processes] == [
        ("", 0)
    ] * 2
    assert_holds(entry)
    assert_nothing_else(entry)


# --- a store that cannot be written -----------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_told(
    entry: Entry, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.parent.mkdir()
    folder.write_text("in the way")

    assert entry.read() is None
    entry.write(COLUMNS)

    log = capsys.readouterr().err
    assert log.startswith(f"token ids in {entry.path} are not stored (FileExistsError: ")
    assert log.count("\n") == 1


def test_a_full_disk_leaves_nothing_behind(
    entry: Entry,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def save(file: Path, array: np.ndarray) -> None:
        file.write_bytes(b"\x93NUM")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", save)

    entry.write(COLUMNS)

    assert "are not stored (OSError: [Errno 28] No space" in capsys.readouterr().err
    assert list(folder.iterdir()) == []
    assert entry.read() is None


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_folder_that_may_not_be_written_is_told(
    entry: Entry, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o500)
    try:
        entry.write(COLUMNS)
    finally:
        folder.chmod(0o700)

    assert "are not stored (PermissionError: " in capsys.readouterr().err
    assert list(folder.iterdir()) == []
