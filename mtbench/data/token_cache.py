"""The cache of token ids: made once, on disk, mapped into memory by every run that needs them."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from mtbench.data.token_column import TokenColumn
from mtbench.data.tokenisation import Items
from mtbench.store import LOCK
from mtbench.system.files import digest_of, parse_object, read_file, remove, write_json

FORMAT = 2
"""Raised by hand when the files of an entry change."""

CHECKSUMS = "sha256.json"
ARRAYS = tuple(field.name for field in fields(TokenColumn))


class TokenCache:
    """The token ids that one tokenizer gives, in a folder that the runs of a store share.

    Args:
        folder: holds a folder an entry; it need not be there yet.
        tokenizer: a digest of everything that decides which ids a text gets.
    """

    def __init__(self, folder: Path, tokenizer: str) -> None:
        self._folder = folder
        self._tokenizer = tokenizer

    def entry(self, texts: Sequence[Items]) -> Entry:
        """Return the place of these texts' token ids, whether they are there or not."""
        described = json.dumps([FORMAT, self._tokenizer, texts], separators=(",", ":"))
        digest = hashlib.sha256(described.encode()).hexdigest()
        return Entry(self._folder / digest, len(texts))


@dataclass(frozen=True)
class Entry:
    """The token ids of some columns of texts, in files that never change.

    Attributes:
        path: its folder, with the arrays of each column and their checksums.
        columns: how many.
    """

    path: Path
    columns: int

    def read(self) -> tuple[TokenColumn, ...] | None:
        """Return the columns, mapped into memory; None where they are not there, or broken.

        What is broken is named in the log.
        """
        try:
            return self._mapped() if self._is_there() else None
        except Exception as error:  # what numpy makes of a header is of any kind
            self._log("broken, and made anew", error)
            return None

    def write(self, columns: Sequence[TokenColumn]) -> None:
        """Store the columns; if that fails, the log says so, and the run can go on without.

        Two processes may do so at once: the files of one of them stay, and both hold the same.
        """
        temporary = self._beside()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir()  # not by tempfile, which would shut out those who share the store
            for number, column in enumerate(columns):
                for name in ARRAYS:
                    np.save(temporary / _file(number, name), getattr(column, name))
            checksums = {file.name: digest_of(file) for file in sorted(temporary.iterdir())}
            write_json(temporary / CHECKSUMS, checksums)
            self._publish(temporary)
        except Exception as error:  # of the system, or of a file system without locks
            self._log("not stored", error)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _mapped(self) -> tuple[TokenColumn, ...]:
        checksums = parse_object(read_file(self.path / CHECKSUMS))
        return tuple(
            TokenColumn(*(self._array(_file(number, name), checksums) for name in ARRAYS))
            for number in range(self.columns)
        )

    def _array(self, name: str, checksums: Mapping[str, str]) -> NDArray[Any]:
        # A file can have its full length and yet be torn: after a power cut it may hold zeros.
        if digest_of(self.path / name) != checksums[name]:
            raise ValueError(f"{name} is not as it was written")
        # As a plain array, whose slices cost a tenth of a memmap's.
        return np.asarray(np.load(self.path / name, mmap_mode="r"))

    def _publish(self, temporary: Path) -> None:
        """Rename a folder to the entry's, unless another process was faster.

        What is broken there is moved away first; whoever has mapped its files keeps them.
        """
        with FileLock(self.path.parent / LOCK):
            if self._is_whole():
                return
            if self._is_there():
                aside = self._beside()
                self.path.rename(aside)
                remove(aside)
            temporary.rename(self.path)

    def _is_whole(self) -> bool:
        try:
            self._mapped()
        except Exception:  # it is told where it is read
            return False
        return True

    def _is_there(self) -> bool:
        """Whether something lies there, be it a link that leads nowhere."""
        return self.path.is_symlink() or self.path.exists()

    def _beside(self) -> Path:
        return self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex}")

    def _log(self, what: str, error: Exception) -> None:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        sys.stderr.write(f"token ids in {self.path} are {what} ({reason})\n")


def _file(column: int, array: str) -> str:
    return f"{column}.{array}.npy"
