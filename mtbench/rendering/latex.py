"""LaTeX: a table of texts as a ``tabular`` of booktabs, with what belongs to it in comments."""

import re
from collections.abc import Mapping, Sequence

from mtbench.rendering.escaping import visible

MATHEMATICS = {
    r"±": r"$\\pm$",
    r"↑": r"$\\uparrow$",
    r"†": r"\\dag{}",
    r"‡": r"\\ddag{}",
    r"‖": r"$\\parallel$",
    r"\|": r"\\textbar{}",  # in TeX's old font encoding it is a dash
    r"(?<![\w.])-(?=\d)": "$-$",  # a minus, and not the hyphen of a word or of 1e-3
    r"(?m)^ ([\[*])": r" {\1}",  # which the line break before it would take as its argument
}
"""What is left to do, by patterns, once the characters that mean something are escaped."""


def tabular(
    records: Sequence[Mapping[str, str]],
    *,
    alignment: Sequence[str] | None = None,
    above: Sequence[str] = (),
    below: Sequence[str] = (),
) -> str:
    """Return a table for a document that uses booktabs; text is escaped, in the heading too.

    Args:
        records: a row each, with the same keys, which are the heading.
        alignment: of each column, ``"left"`` or ``"right"``; None for left everywhere.
        above: lines that become comments above it.
        below: lines that become comments below it.
    """
    from tabulate import tabulate

    rows = [[_one_line(text) for text in record.values()] for record in records]
    table = tabulate(
        rows,
        headers=[_one_line(name) for name in records[0]],
        tablefmt="latex_booktabs",
        disable_numparse=True,
        colalign=alignment or ["left"] * len(rows[0]),
    )
    for pattern, replacement in MATHEMATICS.items():
        table = re.sub(pattern, replacement, table)
    return "\n".join([*map(_comment, above), table, *map(_comment, below)])


def _comment(line: str) -> str:
    return f"% {_one_line(line)}"


def _one_line(text: str) -> str:
    return visible(" ".join(text.split()))
