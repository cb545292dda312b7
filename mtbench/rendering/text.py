"""Plain text: a document for a terminal, a log or a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from mtbench.rendering.document import Document, Style, Styled, Table
from mtbench.rendering.escaping import visible
from mtbench.rendering.numbers import MISSING

WORD_WIDTH = 20
"""Columns of a terminal that are enough for words in a table; a longer word may be cut in two."""
GAP = "  "
"""Between two columns of a table, and before what belongs to something above."""
CODES: Mapping[Style, str] = {"title": "1", "failed": "31", "faint": "2"}
"""Of ANSI X3.64: bold, red, dim."""
PARTS = re.compile(r"(?<=[=./:_-])")
"""Between the parts of a word, such as ``heads.sts=relu-cosine``."""
CODE = re.compile(r"\x1b\[\d+m")


def render(document: Document, *, width: int | None = None, colour: bool = False) -> str:
    """Return a document as text.

    Args:
        width: of the lines, in columns of a terminal: sentences and cells of words go on in the
            next line, between words, and a table that is still too wide is parted into blocks of
            columns, all of which begin with those that name the rows. None for lines as long as
            they come.
        colour: whether what stands out has the codes of a terminal's colours.
    """
    lines = _sentence(document.title, "title", "", width)
    for part in document.shown:
        if lines and (part.title or isinstance(part, Table)):
            lines.append("")
        lines += _sentence(part.title, "title", "", width)
        if isinstance(part, Table):
            lines += _table(part, width)
            continue
        indent = GAP if part.title else ""
        for first, *further in part.items:
            lines += _sentence(first, part.style, indent, width)
            for text in further:
                lines += _sentence(text, part.style, indent + 2 * GAP, width)
    text = "\n".join(line.rstrip() for line in lines)
    return text if colour else CODE.sub("", text)  # a document's own codes are escaped


def _sentence(text: str, style: Style, indent: str, width: int | None) -> list[str]:
    """Return the lines of a text; from the second on they stand a little to the right."""
    room = None if width is None else max(width - len(indent + GAP), 1)
    first, *others = [_coloured(line, style) for line in _wrapped(visible(text), room)]
    return [indent + first, *(indent + GAP + line for line in others)] if text else []


def _wrapped(text: str, width: int | None, *, cut: bool = False) -> list[str]:
    """Return the lines of a text, broken between words; a longer word is cut or sticks out."""
    from rich.cells import cell_len

    if width is None or cell_len(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines[len(lines) - (not lines[-1]) :] = _pieces(word, width) if cut else [word]
    return lines


def _pieces(word: str, width: int) -> list[str]:
    """Return a word that is too long, cut behind its punctuation where that is enough."""
    from rich.cells import cell_len, chop_cells

    pieces = [""]
    for part in PARTS.split(word):
        if cell_len(pieces[-1] + part) <= width:
            pieces[-1] += part
        else:
            pieces[len(pieces) - (not pieces[-1]) :] = chop_cells(part, width)
    return pieces


def _coloured(text: str, style: Style) -> str:
    return f"\x1b[{CODES[style]}m{text}\x1b[0m" if style and text else text


# --- tables -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Column:
    """A column of a table, the heading first.

    Attributes:
        widest: columns of a terminal that it takes.
        least: those that it needs: for its numbers, or a few words.
    """

    cells: Sequence[str | Styled]
    is_left: bool
    widest: int
    least: int

    def rows(self, width: int) -> Iterator[list[str]]:
        """Yield the lines of each cell, padded."""
        from rich.cells import cell_len

        for cell in self.cells:
            style = cell.style if isinstance(cell, Styled) else "faint" if cell == MISSING else ""
            lines = []
            for line in _wrapped(visible(str(cell)), width, cut=True):
                blanks, text = " " * (width - cell_len(line)), _coloured(line, style)
                lines.append(text + blanks if self.is_left else blanks + text)
            yield lines


def _table(table: Table, width: int | None) -> list[str]:
    """Return the lines of a table, or of several that follow each other."""
    columns = [
        _column([name, *(record[name] for record in table.records)], is_left=side == "left")
        for name, side in zip(table.records[0], table.alignment, strict=True)
    ]
    lines: list[str] = []
    for block in _blocks(columns, table.names, width):
        widths = _widths(block, width)
        drawn = [column.rows(each) for column, each in zip(block, widths, strict=True)]
        heading, *rows = ([*_row(cells, widths)] for cells in zip(*drawn, strict=True))
        lines += [""] if lines else []
        lines += [*heading, GAP.join("-" * each for each in widths)]
        lines += [line for row in rows for line in row]
    return lines


def _row(cells: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for parts in zip_longest(*cells):
        yield GAP.join(part or " " * width for part, width in zip(parts, widths, strict=True))


def _column(cells: Sequence[str | Styled], *, is_left: bool) -> _Column:
    from rich.cells import cell_len

    heading, *others = (visible(str(cell)) for cell in cells)
    words = max(map(cell_len, heading.split(" ")))
    widest = max(map(cell_len, others))
    least = min(WORD_WIDTH, max(words, widest)) if is_left else max(words, widest)
    return _Column(cells, is_left, max(cell_len(heading), widest, 1), max(least, 1))


def _blocks(columns: Sequence[_Column], names: int, width: int | None) -> list[list[_Column]]:
    """Part columns into blocks that can be narrow enough, each with those that name the rows."""
    blocks = [[*columns[:names]]]
    for column in columns[names:]:
        needed = sum(each.least + len(GAP) for each in blocks[-1]) + column.least
        if width is not None and needed > width and len(blocks[-1]) > names:
            blocks.append([*columns[:names]])
        blocks[-1].append(column)
    return blocks


def _widths(columns: Sequence[_Column], width: int | None) -> list[int]:
    """Return the columns' widths, the widest narrowed until all fit or have what they need."""
    widths = [column.widest for column in columns]
    while width is not None and sum(widths) + len(GAP) * (len(columns) - 1) > width:
        spare = [w * (w > column.least) for w, column in zip(widths, columns, strict=True)]
        if not any(spare):
            break
        widths[spare.index(max(spare))] -= 1
    return widths
