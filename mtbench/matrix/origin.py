"""Origins: which matrix file a baseline or a table was made of, as it is recorded beside it."""

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from mtbench.errors import UsageError
from mtbench.matrix.locations import MATRIX, file_of


def origin(matrix: Path, folder: Path) -> str:
    """Return the way from a folder to a matrix, with slashes, and quoted as in a URL."""
    file = file_of(matrix)
    place = os.path.realpath(file.parent)
    with suppress(ValueError):  # from one drive of Windows to another there is no way
        place = os.path.relpath(place, os.path.realpath(folder))
    return quote(os.fsencode(Path(place, file.name).as_posix()))


def other_matrix(recorded: str, matrix: Path, folder: Path) -> str | None:
    """Return the way from here to the matrix that a file in a folder was made of, if another.

    None too where that is not there any more: it was renamed or moved.

    Args:
        recorded: the ``origin`` in the file; empty for the ``matrix.toml`` beside it.
    """
    way = os.fsdecode(unquote_to_bytes(recorded or MATRIX))
    other = Path(os.path.realpath(folder), way)
    # Not ``other.is_file()``, which raises where somebody wrote a name that is too long.
    if os.path.isfile(other) and not other.samefile(file_of(matrix)):  # noqa: PTH113
        return os.path.normpath(folder / way)
    return None


def check_origin(recorded: str, matrix: Path, file: Path, *, what: str, way_out: str) -> None:
    """Make sure that what a file holds is not another matrix' and would be lost to this one.

    Where the other one is not there any more, all is well.

    Args:
        recorded: as for ``other_matrix``.
        what: the file holds, such as ``"baseline"``.
        way_out: what to do instead.

    Raises:
        UsageError: if it was, and that is still there; it names both.
    """
    if (other := other_matrix(recorded, matrix, file.parent)) is not None:
        raise UsageError(
            f"{file}: it holds the {what} of {other}, which that of {file_of(matrix)} would "
            f"replace: {way_out}"
        )
