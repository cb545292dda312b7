"""Markdown: a document in which names mean nothing, as GitHub reads it."""

import re

from mtbench.rendering.document import Document, Lines, Table
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


def render(document: Document) -> str:
    """Return a document as headings, tables and lists."""
    blocks = [f"### {_span(document.title)}"] if document.title else []
    for part in document.shown:
        blocks += [f"#### {_span(part.title)}"] if part.title else []
        blocks.append(part.tabulated("pipe", _cell) if isinstance(part, Table) else _items(part))
    return "\n\n".join(blocks)


def _items(part: Lines) -> str:
    """Return lines as a list, those that belong to another below it."""
    items = []
    for first, *further in part.items:
        items += [f"- {_line(first)}", *(f"  - {_line(text)}" for text in further)]
    return "\n".join(items)


def _span(text: str) -> str:
    """Return a text for a title or the inside of a line; it stays in one line."""
    return SPAN.sub(lambda markup: HTML.get(markup[0], f"\\{markup[0]}"), visible(text))


def _line(text: str) -> str:
    """Return a text for an item of a list."""
    return OPENING.sub(
        lambda start: f"{start[1] or ''}\\{start[0][len(start[1] or '') :]}", _span(text.strip())
    )


def _cell(text: str) -> str:
    return _span(text).replace("|", "\\|")  # a text's own bar would open a column
