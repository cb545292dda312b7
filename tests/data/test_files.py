import bz2
import gzip
import lzma
import os
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from mtbench.data.files import check_there, limit, read_text
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
    with pytest.raises(UsageError, match="it is a folder") as other:
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


# --- what is no file of texts -----------------------------------------------------------------

TEXT = "text,y\n" + "".join(f"a good film, the {i}th,1\n" for i in range(40))
PLAIN = TEXT.encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (TEXT.encode("utf-16"), "it is UTF-16: save it as UTF-8"),
        (TEXT.encode("utf-16-le"), "it is UTF-16: save it as UTF-8"),
        (TEXT.encode("utf-16-be"), "it is UTF-16: save it as UTF-8"),
        (TEXT.encode("utf-32"), "it is UTF-32: save it as UTF-8"),
        (
            PLAIN + "café".encode("latin-1"),
            "a.csv:42: byte 0xe9 is not UTF-8; save the file as UTF-8 (in Latin-1, or "
            "Windows-1252, it is 'é')",
        ),
        (PLAIN + b"it\x92s", "(in Latin-1, or Windows-1252, it is '’')"),
        (PLAIN + b"\x81", "byte 0x81 is not UTF-8; save the file as UTF-8"),
        (gzip.compress(PLAIN), "it is packed by gzip: let its name end in .gz"),
        (lzma.compress(PLAIN), "it is packed by xz: unpack it, or pack it by gzip"),
        (bz2.compress(PLAIN), "it is packed by bzip2: unpack it, or pack it by gzip"),
    ],
    ids=[
        *("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "windows-1252", "neither"),
        *("gzip", "xz", "bzip2"),
    ],
)
def test_a_file_that_is_no_utf8_is_told_what_it_is(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    (tmp_path / "a.csv").write_bytes(data)

    with pytest.raises(UsageError) as error:
        read_text(tmp_path / "a.csv")

    assert str(error.value).endswith(reason)
    assert not isinstance(error.value, NotAtHand)


def test_a_workbook_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.csv", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sheet.xml", os.urandom(500))

    with pytest.raises(UsageError, match="it is a workbook of Excel, or an archive: save the ta"):
        read_text(tmp_path / "a.csv")


def test_a_file_of_zeros_is_no_utf16(tmp_path: Path) -> None:
    """As a power cut leaves it."""
    (tmp_path / "a.csv").write_bytes(bytes(99))

    assert read_text(tmp_path / "a.csv") == "\0" * 99


def test_texts_may_begin_as_other_files_do(tmp_path: Path) -> None:
    """Only what is no UTF-8 is looked at more closely."""
    for beginning in ("PAR1", "BZh", "PK", "version https://example.org"):
        (tmp_path / "a.csv").write_text(f"{beginning},y\n\0one,1\n")
        assert read_text(tmp_path / "a.csv").startswith(beginning)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Path.mkdir, "it is a folder"),
        (os.mkfifo, "it is no regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "it is no regular file"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    ],
    ids=["folder", "pipe", "device", "loop"],
)
@pytest.mark.parametrize(
    "read", [read_text, partial(check_there, what="table")], ids=["text", "there"]
)
def test_what_is_no_file_is_not_read(
    tmp_path: Path,
    make: Callable[[Path], object],
    reason: str,
    read: Callable[[Path], object],
) -> None:
    make(tmp_path / "a.csv")

    with pytest.raises(UsageError) as error:
        read(tmp_path / "a.csv")

    assert str(error.value) == f"cannot read {tmp_path / 'a.csv'}: {reason}"


@pytest.mark.parametrize("name", ["a\0b.csv", "a" * 5000], ids=["nul", "long"])
def test_a_name_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"^cannot read "):
        read_text(tmp_path / name)


def test_a_relative_path_is_told_where_it_counts_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("reviews-train.csv").touch()
    Path("tables").mkdir()

    def told(path: Path) -> str:
        with pytest.raises(NotAtHand) as error:
            read_text(path)
        return str(error.value)

    here = "(relative paths count from the working directory)"
    assert told(Path("review-train.csv")) == (
        f"no file review-train.csv in {tmp_path} {here}; did you mean 'reviews-train.csv'?"
    )
    assert told(Path("table/deep/a.csv")) == (
        f"a.csv is looked for in {tmp_path / 'table/deep'}, which is no folder {here}; "
        "did you mean 'tables'?"
    )
    assert told(tmp_path / "b.csv") == f"no file b.csv in {tmp_path} {here}"
    monkeypatch.chdir("tables")
    assert told(tmp_path / "b.csv") == f"no file b.csv in {tmp_path}"


def test_a_path_through_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()

    with pytest.raises(NotAtHand, match=r"b\.csv is looked for in .*a\.csv, which is no folder"):
        read_text(tmp_path / "a.csv/b.csv")
