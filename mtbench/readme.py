"""The README of a study: the rendered table between two markers."""

from pathlib import Path

from mtbench.errors import UsageError
from mtbench.store import renamed

BEGIN = "<!-- mtbench:leaderboard -->"
END = "<!-- /mtbench:leaderboard -->"


def write_table(matrix: Path, table: str) -> Path:
    """Put a table into the ``README.md`` beside a matrix file, in place of the one there.

    A README that is not there is made; one without markers gets them at its end.

    Raises:
        UsageError: if the README has one marker without the other.
    """
    folder = matrix if matrix.is_dir() else matrix.parent
    file = folder / "README.md"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    block = f"{BEGIN}\n\n{table}\n\n{END}"
    if (BEGIN in text) != (END in text) or text.count(BEGIN) > 1:
        raise UsageError(f"{file}: expected one {BEGIN} and one {END} after it")
    if BEGIN in text:
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        text = before + block + after
    else:
        text = (text.rstrip() + "\n\n" if text.strip() else "") + block + "\n"
    with renamed(file) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return file
