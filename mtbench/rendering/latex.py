"""LaTeX: a document's tables as ``tabular`` of booktabs, with all else in comments."""

import re

from mtbench.rendering.document import Document, Table
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


def render(document: Document) -> str:
    """Return tables for a document that uses booktabs, and comments; text is escaped."""
    lines = [_comment(document.title)] if document.title else []
    for part in document.shown:
        if lines and isinstance(part, Table):
            lines.append("")
        lines += [_comment(part.title)] if part.title else []
        if isinstance(part, Table):
            lines.append(_tabular(part))
        else:
            lines += [_comment(text) for item in part.items for text in item]
    return "\n".join(lines)


def _tabular(table: Table) -> str:
    text = table.tabulated("latex_booktabs", _one_line)
    for pattern, replacement in MATHEMATICS.items():
        text = re.sub(pattern, replacement, text)
    return text


def _comment(text: str) -> str:
    return f"% {_one_line(text)}"


def _one_line(text: str) -> str:
    return visible(" ".join(text.split()))
