"""Pickled weights: what shows of a file of torch before a run unpickles it."""

import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path

from mtbench.api import UsageError, check_there
from mtbench_builtins.encoders.names import encoder_part, stored_names
from mtbench_builtins.encoders.stored import listed, names, unreadable

PICKLE = b"\x80"
"""How a pickle begins, and with it a file of torch before 1.6; later ones are zip archives."""


def refuse_other(file: Path) -> None:
    """Refuse a ``.bin`` that torch did not write, or that was cut off; nothing is unpickled.

    Of an archive its list of files is read, which stands at the end.

    Raises:
        UsageError: if that is so, or the file cannot be read.
    """
    check_there(file, "weights")
    try:
        with file.open("rb") as stream:
            if stream.read(len(PICKLE)) == PICKLE:
                return
        with zipfile.ZipFile(file) as archive:
            members = archive.namelist()
    except (OSError, ValueError, NotImplementedError, struct.error, zipfile.BadZipFile) as error:
        raise unreadable(file, error) from error
    if not any(member.endswith("/data.pkl") for member in members):
        problem = ValueError(f"an archive of {listed(members) or 'nothing'}, without data.pkl")
        raise unreadable(file, problem)


def refuse_missing(file: Path, parameters: Iterable[str]) -> None:
    """Refuse a ``.bin`` whose pickle lacks the name of a tensor of minBERT, as far as it shows.

    Args:
        parameters: minBERT's, by name; a pooler may be missing.

    Raises:
        UsageError: if a name is not among the texts of the pickle.
    """
    found = names(file)
    if found is None:
        return
    part = encoder_part(dict.fromkeys(found))
    for name in parameters:
        for source in stored_names(name):
            if source not in part and not name.startswith("pooler."):
                raise UsageError(f"{file}: the tensor {source!r} is missing")
