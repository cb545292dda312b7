"""Origins: which matrix file a baseline or a table was made of, as it is recorded beside it."""

import os
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from mtbench.errors import UsageError
from mtbench.matrix.locations import MATRIX, file_of


def origin(matrix: Path, folder: Path) -> str:
    """Return the way from a folder to a matrix, with slashes, and quoted as in a URL."""
    file = file_of(matrix)
    way = Path(os.path.relpath(os.path.realpath(file.parent), os.path.realpath(folder)), file.name)
    return quote(os.fsencode(way.as_posix()))


def check_origin(recorded: str, matrix: Path, file: Path, *, what: str, way_out: str) -> None:
    """Make sure that what a file holds is not another matrix' and would be lost to this one.

    Where the other one is not there any more, it was renamed or moved, and all is well.

    Args:
        recorded: the ``origin`` of what the file holds; empty for the ``matrix.toml`` beside it.
        what: the file holds, such as ``"baseline"``.
        way_out: what to do instead.

    Raises:
        UsageError: if it was, and that is still there; it names both.
    """
    now = file_of(matrix)
    way = os.fsdecode(unquote_to_bytes(recorded or MATRIX))
    other = Path(os.path.realpath(file.parent), way)
    # Not ``other.is_file()``, which raises where somebody wrote a name that is too long.
    if os.path.isfile(other) and not other.samefile(now):  # noqa: PTH113
        shown = os.path.normpath(file.parent / way)
        raise UsageError(
            f"{file}: it holds the {what} of {shown}, which that of {now} would replace: {way_out}"
        )
