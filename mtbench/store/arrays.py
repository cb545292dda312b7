"""Arrays: an ``npz`` file of numbers and texts, read without trust in what it claims."""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray

from mtbench.system.files import LARGEST

LAST = 0x10FFFF
"""The last code point; numpy crashes on larger ones."""

SURROGATES = 0xD800, 0xDFFF
"""The first and the last code point that stand for no character by themselves."""

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

# What numpy writes for booleans, integers, floats and texts; format 1.0 of its documentation.
MAGIC = b"\x93NUMPY\x01\x00"
HEADER = re.compile(
    r"\{'descr': '([<>|][biufU]\d{1,6})', 'fortran_order': False, "
    r"'shape': \((|\d{1,12},|\d{1,12}(?:, \d{1,12})+)\), \} *\n"
)


def read_arrays(content: bytes) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of an ``npz`` file by name; nothing is unpickled.

    Raises:
        ValueError: if it is torn, or is not what ``np.savez`` writes for plain arrays, or claims
            more than ``LARGEST`` bytes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check(archive.infolist())
            return {
                member.filename.removesuffix(".npy"): _array(archive.read(member))
                for member in archive.infolist()
            }
    # All that zipfile raises for what it does not take: torn, encrypted, of another method.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise ValueError(str(error) or type(error).__name__) from None


def _check(members: list[zipfile.ZipInfo]) -> None:
    names = {member.filename for member in members}
    if len(names) < len(members):
        raise ValueError("two arrays of one name")
    if any(member.compress_type not in METHODS for member in members):
        raise ValueError("another compression than numpy's")
    if sum(member.file_size for member in members) > LARGEST:
        raise ValueError(f"claims more than {LARGEST >> 20} MiB")


def _array(content: bytes) -> NDArray[np.generic]:
    start = len(MAGIC) + 2
    end = start + int.from_bytes(content[start - 2 : start], "little")
    header = HEADER.fullmatch(content[start:end].decode("latin-1"))
    if not content.startswith(MAGIC) or header is None:
        raise ValueError("no plain array")
    try:
        dtype = np.dtype(header[1])
    except TypeError as error:  # a size that there is not
        raise ValueError(str(error)) from None
    shape = tuple(int(size) for size in re.findall(r"\d+", header[2]))
    if not dtype.itemsize or math.prod(shape) * dtype.itemsize != len(content) - end:
        raise ValueError("an array of another size than it claims")
    if dtype.kind == "U":
        points = np.frombuffer(content, dtype.str[0] + "u4", offset=end)
        if ((points > LAST) | ((points >= SURROGATES[0]) & (points <= SURROGATES[1]))).any():
            raise ValueError("a text with a code point that is no character")
    return np.ndarray(shape, dtype, content, end)
