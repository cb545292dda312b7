"""Markdown: texts and tables in which names mean nothing, as GitHub reads them."""

import re
from collections.abc import Mapping, Sequence

from mtbench.rendering.escaping import visible

SPAN = re.compile(
    r"""
    (?P<html> & (?=[#\w]) | < (?=\S) | (?<!\s)(?<!\s-) > )
    | \\ (?=[!-/:-@\[-`{-~])  # which would escape what follows
    | [`~]
    | \* (?=\S) | (?<![^\W_]) _ (?=\S)  # may begin an emphasis; 'loss_weight' and '0.1*' do not
    | \] (?=[(\[:])  # may end the text of a link
    """,
    re.VERBOSE,
)
"""What would be markup within a line: HTML, and what Markdown itself has."""
HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

OPENING = re.compile(r"^(?:[-+*=#]+|(\d+)[.)])(?=\s|$)")
"""What would make a heading, a list or a rule of a line."""


def span(text: str) -> str:
    """Return a text for a title or the inside of a line; it stays in one line."""
    return SPAN.sub(lambda found: HTML.get(found[0], f"\\{found[0]}"), visible(text))


def line(text: str) -> str:
    """Return a text for a line or an item of a list."""
    return OPENING.sub(
        lambda found: f"{found[1] or ''}\\{found[0][len(found[1] or '') :]}", span(text.strip())
    )


def items(lines: Sequence[str]) -> str:
    """Return lines as a list; empty without any."""
    return "\n".join(f"- {line(text)}" for text in lines)


def table(records: Sequence[Mapping[str, str]], *, alignment: Sequence[str] | None = None) -> str:
    """Return records as a table, a row each.

    Args:
        records: with the same keys, which are the heading.
        alignment: of each column, ``"left"`` or ``"right"``; None for left everywhere.
    """
    from tabulate import tabulate

    return tabulate(
        [[_cell(text) for text in record.values()] for record in records],
        headers=[_cell(name) for name in records[0]],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=alignment or ["left"] * len(records[0]),
    )


def _cell(text: str) -> str:
    return span(text).replace("|", "\\|")  # a text's own bar would open a column
