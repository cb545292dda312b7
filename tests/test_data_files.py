import gzip
from pathlib import Path

import pytest

from mtbench.data_files import check_there, limit, read_text
from mtbench.errors import NotAtHand, UsageError

FREE = 64 * 1024 * 1024  # bytes that a small file may unpack to


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    for name, data in (("a.txt", b"one"), ("b.txt", b"\xef\xbb\xbfone")):
        (tmp_path / name).write_bytes(data)
        assert read_text(tmp_path / name) == "one"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_what_is_no_utf8_is_named_with_its_line(tmp_path: Path, mark: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(mark + b"one\ncaf\xe9\n")
    with pytest.raises(UsageError, match=r"a\.csv:2: byte 0xe9 is not UTF-8"):
        read_text(tmp_path / "a.csv")


def test_what_is_packed_is_unpacked(tmp_path: Path) -> None:
    """In several members too, as tools that append make them."""
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress("é\n".encode()) + gzip.compress(b"two\n"))

    assert read_text(path) == "é\ntwo\n"


@pytest.mark.parametrize(
    "data",
    [
        b"plain",
        gzip.compress(b"a\tb\n", mtime=0)[:-4],
        gzip.compress(b"a\n", mtime=0)[:-8] + b"0" * 8,
    ],
    ids=["plain", "cut-off", "damaged"],
)
def test_what_is_no_whole_gzip_file(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.tsv.gz").write_bytes(data)

    with pytest.raises(UsageError, match=r"cannot read .*a\.tsv\.gz: it is no whole gzip file"):
        read_text(tmp_path / "a.tsv.gz")


def test_a_file_unpacks_to_no_more_than_texts_do(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv.gz"
    path.write_bytes(gzip.compress(b"a" * (FREE + 1)))
    assert limit(path) == FREE

    with pytest.raises(UsageError) as error:
        read_text(path)

    assert str(error.value) == (
        f"cannot read {path}: it is of {path.stat().st_size:,} bytes and unpacks to more than "
        "67,108,864, which texts do not; where that is meant, store it unpacked"
    )
    path.write_bytes(gzip.compress(b"a" * FREE))
    assert len(read_text(path)) == FREE


def test_a_large_file_may_unpack_to_more(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv.gz"
    path.write_bytes(b"")
    with path.open("r+b") as stream:
        stream.truncate(FREE)

    assert limit(path) == 100 * FREE


def test_a_file_or_folder_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "dev.csv.gz").touch()

    with pytest.raises(NotAtHand) as error:
        read_text(tmp_path / "dev.csv")
    assert str(error.value) == f"no file dev.csv in {tmp_path}; did you mean 'dev.csv.gz'?"
    with pytest.raises(NotAtHand, match="which is no folder"):
        read_text(tmp_path / "nowhere" / "dev.csv")
    (tmp_path / "train.csv").symlink_to("annex/train.csv")
    with pytest.raises(NotAtHand, match=r"train\.csv: a link to annex/train\.csv, which is not"):
        read_text(tmp_path / "train.csv")
    with pytest.raises(UsageError, match="Is a directory") as other:
        read_text(tmp_path)
    assert not isinstance(other.value, NotAtHand)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1000\n"


@pytest.mark.parametrize("name", ["train.csv", "train.jsonl", "train.csv.gz"])
def test_a_pointer_is_no_table(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(POINTER)

    with pytest.raises(NotAtHand, match="a Git LFS pointer, not the table; 'git lfs pull'"):
        read_text(tmp_path / name)


def test_a_pointer_is_told_from_what_mentions_one(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    for sound in (b"", b"version", f" {POINTER}".encode()):
        file.write_bytes(sound)
        check_there(file, "weights")
    file.write_text(POINTER)
    with pytest.raises(NotAtHand) as error:
        check_there(file, "weights")
    assert str(error.value) == (
        f"{file}: a Git LFS pointer, not the weights; 'git lfs pull' fetches it"
    )
