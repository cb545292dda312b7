"""The README of a study: the rendered table between two markers."""

import re
from pathlib import Path

from mtbench.errors import UsageError
from mtbench.matrix.locations import MATRIX, file_of
from mtbench.matrix.origin import check_origin, origin
from mtbench.system.files import read_file, reason_of
from mtbench.system.outputs import write_files

BEGIN = "<!-- mtbench:leaderboard -->"
END = "<!-- /mtbench:leaderboard -->"
MARKER = re.compile(r"<!-- (/?)mtbench:leaderboard(?: ([^>\n]+))? -->")
"""Either of them; the first one names the matrix file, unless that is ``matrix.toml``."""


def write_table(matrix: Path, table: str) -> Path:
    """Put a table into the ``README.md`` beside a matrix file, in place of the one there.

    A README that is not there is made; one without markers gets them at its end.

    Raises:
        UsageError: if the README's markers are not one pair, the first one first, the table is
            that of another matrix, or the file cannot be read or written.
    """
    folder = file_of(matrix).parent
    file = folder / "README.md"
    try:
        text = read_file(file).decode("utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {reason_of(error)}") from None
    name = origin(matrix, folder)
    begin = BEGIN if name == MATRIX else BEGIN.replace(" -->", f" {name} -->")
    block = f"{begin}\n\n{table}\n\n{END}"
    markers = list(MARKER.finditer(text))
    if [marker[1] for marker in markers] == ["", "/"]:
        first, last = markers
        if text[first.end() : last.start()].strip():
            check_origin(
                first[2] or "",
                matrix,
                file,
                what="table",
                way_out="give one of the two a folder of its own, or take the old table out",
            )
        text = text[: first.start()] + block + text[last.end() :]
    elif markers:
        raise UsageError(f"{file}: expected one {BEGIN} and one {END} after it")
    else:
        text = (text.rstrip() + "\n\n" if text.strip() else "") + block + "\n"
    write_files({file: text})
    return file
