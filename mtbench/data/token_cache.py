"""The cache of token ids: made once, on disk, mapped into memory by every run that needs them."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtbench.data.token_column import TokenColumn
from mtbench.data.tokenisation import Items
from mtbench.system.files import open_file, remove_what_is_no_file, renamed

FORMAT = 4
"""Raised by hand when the file of an entry changes."""

CHECKSUM = 64
"""Hexadecimal digits of the SHA-256 of a file's name and of all behind them; it begins so."""

ARRAYS = {"offsets": "<i8", "ids": "<i4", "types": "u1", "cut": "?", "empty": "?"}
"""The arrays of a column and their types, the widest first, so that each one is aligned."""


class TokenCache:
    """The token ids that one tokenizer gives, in a folder that the runs of a store share.

    Args:
        folder: holds a file an entry; it need not be there yet.
        tokenizer: a digest of everything that decides which ids a text gets.
    """

    def __init__(self, folder: Path, tokenizer: str) -> None:
        self._folder = folder
        self._tokenizer = tokenizer

    def entry(self, texts: Sequence[Items]) -> CacheEntry:
        """Return the place of these texts' token ids, whether they are there or not."""
        described = json.dumps([FORMAT, self._tokenizer, texts], separators=(",", ":"))
        return CacheEntry(self._folder / hashlib.sha256(described.encode()).hexdigest())


@dataclass(frozen=True)
class CacheEntry:
    """The token ids of some columns of texts, in a file that never changes.

    Behind its checksum stand the numbers of tokens and sequences of each column, as JSON, and
    then, from the next multiple of 8 bytes on, the arrays of each.
    """

    path: Path

    def read(self) -> tuple[TokenColumn, ...] | None:
        """Return the columns, mapped into memory; None where they are not there, or broken.

        What is broken is named in the log.
        """
        try:
            return self._mapped()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Exception as error:  # whoever may write to the store may have written anything
            self._log("broken, and made anew", error)
            return None

    def write(self, columns: Sequence[TokenColumn]) -> None:
        """Store the columns; if that fails, the log says so, and the run can go on without.

        Two processes may do so at once: the file of one of them stays, and both hold the same.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            remove_what_is_no_file(self.path)
            with renamed(self.path) as temporary, temporary.open("wb+") as file:
                file.write(bytes(CHECKSUM))
                file.write(json.dumps([[len(c.ids), len(c)] for c in columns]).encode() + b"\n")
                for column in columns:
                    file.write(bytes(-file.tell() % 8))
                    for name, dtype in ARRAYS.items():
                        file.write(np.asarray(getattr(column, name), dtype).tobytes())
                file.seek(CHECKSUM)
                checksum = self._checksum(file)
                file.seek(0)
                file.write(checksum)
        except OSError as error:
            self._log("not stored", error)

    def _mapped(self) -> tuple[TokenColumn, ...]:
        with open_file(self.path) as file:
            checksum = file.read(CHECKSUM)
            # A file can have its full length and yet be torn: after a power cut it may hold zeros.
            # And one of other texts may lie in its place.
            if self._checksum(file) != checksum:
                raise ValueError("it is not as it was written")
            file.seek(CHECKSUM)
            counts = json.loads(file.readline())
            place = file.tell()
            # As a plain array, whose slices cost a tenth of a memmap's.
            content = np.asarray(np.memmap(file, np.uint8, "r"))
        columns = []
        for tokens, sequences in counts:
            place += -place % 8
            arrays: dict[str, NDArray[Any]] = {}
            lengths = {"offsets": sequences + 1, "ids": tokens, "types": tokens}
            for name, dtype in ARRAYS.items():
                size = lengths.get(name, sequences) * np.dtype(dtype).itemsize
                arrays[name] = content[place : place + size].view(dtype)
                place += size
            columns.append(TokenColumn(**arrays))
        return tuple(columns)

    def _checksum(self, file: BufferedReader | BufferedRandom) -> bytes:
        named = partial(hashlib.sha256, self.path.name.encode())
        return hashlib.file_digest(file, named).hexdigest().encode()

    def _log(self, what: str, error: Exception) -> None:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        sys.stderr.write(f"token ids in {self.path} are {what} ({reason})\n")
