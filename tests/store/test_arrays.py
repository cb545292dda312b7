import contextlib
import io
import struct
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtbench.store.arrays import read_arrays
from mtbench.system.files import LARGEST

ARRAYS: dict[str, Any] = {
    "a.ids": np.array(["x", "é", ""]),
    "a.labels": np.array([0.5, 1, 2]),
    "bits": np.zeros((2, 3), np.uint8),
    "floats": np.ones((2, 2), "<f4"),
    "none": np.array([]),
    "one": np.array(3),
}


def packed(*, compress: bool = True, **arrays: Any) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(file, **arrays)
    return file.getvalue()


def with_member(content: bytes, method: int = zipfile.ZIP_DEFLATED, times: int = 1) -> bytes:
    """Return an archive of one array, whose file holds what it is told."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for _ in range(times):
            archive.writestr("a.npy", content)
    return file.getvalue()


def npy(header: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + data


def header(descr: str = "<f8", order: str = "False", shape: str = "(1,)") -> str:
    return f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"


@pytest.mark.parametrize("compress", [True, False])
def test_arrays_are_read_as_numpy_reads_them(compress: bool) -> None:
    content = packed(compress=compress, **ARRAYS)
    with np.load(io.BytesIO(content)) as expected:
        found = read_arrays(content)
        assert list(found) == list(expected)
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype


def test_what_is_made_by_hand_is_read() -> None:
    content = with_member(npy(header(), bytes(8)))
    assert read_arrays(content)["a"].tolist() == [0.0]


@pytest.mark.parametrize(
    "member",
    [
        npy(header(shape="(1000000000000,)"), bytes(8)),
        npy(header(shape="(999999999999, 999999999999)"), bytes(8)),
        npy(header(shape="(-1,)"), bytes(8)),
        npy(header(shape="(1, 1, )"), bytes(8)),
        npy(header(shape=f"({', '.join(['1'] * 100)})"), bytes(8)),
        npy(header(descr="|O"), bytes(8)),
        npy(header(descr="<U0", shape="(999999999999,)")),
        npy(header(descr="<f3"), bytes(3)),
        npy(header(descr="<M8"), bytes(8)),
        npy(header(order="True"), bytes(8)),
        npy(header(shape="(2,)"), bytes(8)),
        npy(header(shape=f"({'1' * 60_000},)"), bytes(8)),
        npy(header(descr="<U1"), b"\xff\xff\xff\xff"),
        npy(header(descr=">U1"), b"\x00\x00\xd8\x00"),
        npy("(" * 60_000, bytes(8)),
        npy("-" * 60_000, bytes(8)),
        npy("{}", bytes(8)),
        npy(header(), bytes(8), version=b"\x03\x00"),
        b"",
        b"\x93NUMPY\x01\x00\xff\xff",
        b"\x80\x04\x95",
    ],
)
def test_what_is_no_plain_array_is_refused(member: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_arrays(with_member(member))


def test_a_pickle_is_not_run(tmp_path: Any) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (open, (str(tmp_path / "run"), "w"))

    with pytest.raises(ValueError, match="no plain array"):
        read_arrays(packed(a=np.array([Bomb()], dtype=object)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_compression_is_refused(method: int) -> None:
    with pytest.raises(ValueError, match="another compression"):
        read_arrays(with_member(npy(header(), bytes(8)), method))


def test_a_bomb_is_not_set_off() -> None:
    content = bytearray(packed(a=np.zeros(1)))
    place = content.index(b"PK\x01\x02") + 24
    content[place : place + 4] = struct.pack("<I", LARGEST + 1)
    with pytest.raises(ValueError, match="claims more than 256 MiB"):
        read_arrays(bytes(content))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two arrays of one name"):
        read_arrays(with_member(npy(header(), bytes(8)), times=2))


def test_an_encrypted_archive_is_refused() -> None:
    content = bytearray(packed(a=np.zeros(1)))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + place] |= 1
    with pytest.raises(ValueError, match="encrypted"):
        read_arrays(bytes(content))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_no_archive_or_an_empty_one(content: bytes) -> None:
    if content.startswith(b"PK"):
        assert read_arrays(content) == {}
        return
    with pytest.raises(ValueError, match="zip"):
        read_arrays(content)


SMALL = packed(**{"t.ids": np.array(["a", "b"]), "t.labels": np.array([0.0, 1.0])})


@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), min_size=1))
def test_spoilt_bytes_are_read_or_refused(changes: list[tuple[int, int]]) -> None:
    content = bytearray(SMALL)
    for place, value in changes:
        content[place] = value
    with contextlib.suppress(ValueError):
        read_arrays(bytes(content))


def test_a_torn_archive_is_refused() -> None:
    for length in range(len(SMALL)):
        with pytest.raises(ValueError, match=r"."):
            read_arrays(SMALL[:length])
