"""The README of a study: the rendered table between two markers."""

from pathlib import Path

from mtbench.errors import UsageError
from mtbench.outputs import write_files
from mtbench.store import read_file, reason_of

BEGIN = "<!-- mtbench:leaderboard -->"
END = "<!-- /mtbench:leaderboard -->"


def write_table(matrix: Path, table: str) -> Path:
    """Put a table into the ``README.md`` beside a matrix file, in place of the one there.

    A README that is not there is made; one without markers gets them at its end.

    Raises:
        UsageError: if the README's markers are not one pair, the first one first, or it cannot
            be read or written.
    """
    folder = matrix if matrix.is_dir() else matrix.parent
    file = folder / "README.md"
    try:
        text = read_file(file).decode("utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {reason_of(error)}") from None
    block = f"{BEGIN}\n\n{table}\n\n{END}"
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if begin and end and BEGIN not in rest and END not in before + after:
        text = before + block + after
    elif BEGIN in text or END in text:
        raise UsageError(f"{file}: expected one {BEGIN} and one {END} after it")
    else:
        text = (text.rstrip() + "\n\n" if text.strip() else "") + block + "\n"
    write_files({file: text})
    return file
