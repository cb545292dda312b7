"""Receipts: what was fetched into a data folder, in a file there, with the digest of each file."""

from collections.abc import Mapping
from pathlib import Path

from mtbench.errors import UsageError
from mtbench.system.files import digest_of, parse_object, read_file, reason_of, write_json

NAME = "fetched.json"

Receipt = Mapping[str, str]
"""The ``repository``, ``revision`` and ``path`` that a file came from, and its ``sha256``."""


def read_receipts(folder: Path) -> dict[str, Receipt]:
    """Return the receipts of a data folder, by the files' paths in it.

    Raises:
        UsageError: if the file of receipts cannot be read.
    """
    path = folder / NAME
    try:
        receipts = parse_object(read_file(path))
        return {target: {**receipt} for target, receipt in receipts.items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, TypeError):
        raise UsageError(f"{path} is damaged: remove it, and fetch the data sets again") from None


def add_receipts(folder: Path, receipts: Mapping[str, Receipt]) -> None:
    """Write receipts into a data folder, beside those that are there.

    Raises:
        UsageError: if those that are there cannot be read.
        OSError: if the file cannot be written.
    """
    write_json(folder / NAME, {**read_receipts(folder), **receipts})


def sha256(file: Path) -> str:
    """Return the digest of a file's content, in hexadecimal.

    Raises:
        UsageError: if it cannot be read.
    """
    try:
        return digest_of(file)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {reason_of(error)}") from None
