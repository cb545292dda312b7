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
"""Columns that are enough for a word of a table; a longer one may be cut in two."""
GAP = 2
"""Blanks between two columns of a table, and before what belongs to something above."""
BREAK = re.compile(r"(?<!±) ")
"""Where a text may go on in the next line: a half-width keeps its sign."""

CODES: Mapping[Style, str] = {"failed": "31", "faint": "2"}
"""Of ANSI X3.64."""
BOLD = "1"


def render(document: Document, *, width: int | None = None, colour: bool = False) -> str:
    """Return a document as text.

    Args:
        width: of the lines, in columns: sentences and cells go on in the next line, between
            words, and a table that is still too wide is parted into blocks of columns, which all
            begin with the first one. None for lines as long as they come.
        colour: whether what stands out has the codes of a terminal's colours.
    """
    lines = list(_sentence(document.title, 0, width, BOLD if colour else ""))
    for part in document.shown:
        if lines and (part.title or isinstance(part, Table)):
            lines.append("")
        lines += _sentence(part.title, 0, width, BOLD if colour else "")
        if isinstance(part, Table):
            lines += _table(part, width, colour=colour)
            continue
        code = CODES.get(part.style, "") if colour else ""
        indent = GAP if part.title else 0
        for first, *further in part.items:
            lines += _sentence(first, indent, width, code)
            for text in further:
                lines += _sentence(text, indent + 2 * GAP, width, code)
    return "\n".join(line.rstrip() for line in lines)


def _sentence(text: str, indent: int, width: int | None, code: str) -> Iterator[str]:
    """Yield the lines of a text; from the second on they stand a little to the right."""
    within = None if width is None else max(width - indent - GAP, 1)
    for place, line in enumerate(wrapped(visible(text), within) if text else []):
        yield " " * (indent + GAP * (place > 0)) + _coloured(line, code)


def wrapped(text: str, width: int | None, *, cut: bool = False) -> list[str]:
    """Return the lines of a text, broken between words.

    Args:
        width: of the lines, in columns of a terminal; None for one line.
        cut: whether a word that is longer is cut; otherwise its line is longer.
    """
    from rich.cells import cell_len, chop_cells

    if width is None or cell_len(text) <= width:
        return [text]
    lines = [""]
    for word in BREAK.split(text):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(longer) <= width:
            lines[-1] = longer
            continue
        lines += [""] if lines[-1] else []
        *whole, lines[-1] = chop_cells(word, width) if cut else [word]
        lines[-1:-1] = whole
    return lines


def _coloured(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if code and text else text


# --- tables -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Column:
    """A column of a table.

    Attributes:
        texts: the heading, and what stands below it.
        codes: of each text's colour.
        widest: columns of a terminal that the longest text takes.
        least: that it must have, so that no number is cut in two, nor a word of usual length.
    """

    texts: Sequence[str]
    codes: Sequence[str]
    is_left: bool
    widest: int
    least: int

    def lines(self, row: int, width: int) -> list[str]:
        """Return the lines of a cell, padded."""
        from rich.cells import cell_len

        shown = []
        for line in wrapped(self.texts[row], width, cut=True):
            blanks = " " * (width - cell_len(line))
            text = _coloured(line, self.codes[row])
            shown.append(text + blanks if self.is_left else blanks + text)
        return shown


def _table(table: Table, width: int | None, *, colour: bool) -> Iterator[str]:
    """Yield the lines of a table, or of several that follow each other."""
    columns = [
        _column(name, [record[name] for record in table.records], side == "left", colour)
        for name, side in zip(table.records[0], table.alignment, strict=True)
    ]
    for place, block in enumerate(_blocks(columns, width)):
        yield from [""] if place else []
        widths = _widths(block, width)
        yield from _row(block, widths, 0)
        yield (" " * GAP).join("-" * width for width in widths)
        for row in range(1, len(table.records) + 1):
            yield from _row(block, widths, row)


def _column(heading: str, cells: Sequence[str | Styled], is_left: bool, colour: bool) -> _Column:
    from rich.cells import cell_len

    texts = [visible(heading), *(visible(str(cell)) for cell in cells)]
    words = max(cell_len(word) for text in texts for word in BREAK.split(text))
    return _Column(
        texts,
        ["", *(_code(cell) if colour else "" for cell in cells)],
        is_left,
        widest=max(map(cell_len, texts)),
        least=max(min(WORD_WIDTH, words), 1),
    )


def _code(cell: str | Styled) -> str:
    if isinstance(cell, Styled):
        return CODES.get(cell.style, "")
    return CODES["faint"] if cell == MISSING else ""


def _blocks(columns: Sequence[_Column], width: int | None) -> list[list[_Column]]:
    """Part columns into blocks that can be narrow enough, each with the first column."""
    first, *others = columns
    blocks = [[first]]
    for column in others:
        least = sum(each.least + GAP for each in blocks[-1]) + column.least
        if width is not None and least > width and len(blocks[-1]) > 1:
            blocks.append([first])
        blocks[-1].append(column)
    return blocks


def _widths(columns: Sequence[_Column], width: int | None) -> list[int]:
    """Return the columns' widths, narrowed until all fit: words before numbers, the widest."""
    widths = [column.widest for column in columns]
    if width is None:
        return widths
    available = width - GAP * (len(columns) - 1)
    for is_left in (True, False):
        while sum(widths) > available:
            wide = [
                place
                for place, column in enumerate(columns)
                if column.is_left == is_left and widths[place] > column.least
            ]
            if not wide:
                break
            widths[max(wide, key=widths.__getitem__)] -= 1
    return widths


def _row(columns: Sequence[_Column], widths: Sequence[int], row: int) -> Iterator[str]:
    cells = [column.lines(row, width) for column, width in zip(columns, widths, strict=True)]
    for parts in zip_longest(*cells):
        shown = [
            " " * width if part is None else part
            for part, width in zip(parts, widths, strict=True)
        ]
        yield (" " * GAP).join(shown)
