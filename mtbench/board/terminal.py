"""Terminal: tables of texts drawn for a terminal, coloured where it is one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mtbench.board.reading import UNTRAINED
from mtbench.board.tables import NOTHING, Table
from mtbench.rendering.escaping import visible

if TYPE_CHECKING:
    from rich.console import Console

WORD_WIDTH = 20
"""Columns that are enough for a word; a longer one may be cut in two."""
PIPE_WIDTH = 160
"""Columns of a table that goes to a file or a log, which wrap nothing by themselves."""


def draw(title: str, tables: Sequence[Table], remarks: Sequence[str]) -> str:
    """Return tables below each other, with a title above and remarks below.

    A table is as wide as the terminal at most, as long as no word must be cut in two.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    width = console.width
    with console.capture() as capture:
        for table in tables:
            console.width = width
            _print_table(console, table, table.title or title)
            console.width = width
            _print_lines(console, table.notes)
        if remarks:
            console.print(Text("Remarks", style="table.title"))
            _print_lines(console, remarks)
    return "\n".join(line.rstrip() for line in capture.get().rstrip("\n").splitlines())


def _print_table(console: Console, table: Table, title: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as Drawn
    from rich.text import Text

    names = [visible(name) for name in table.records[0]]
    rows = [[visible(text) for text in record.values()] for record in table.records]
    blanks = 2 * len(names) + 1  # between the columns and around them
    widths = _widths([names, *rows], table.alignment, console.width - blanks)
    # Rich cuts off what does not fit; a terminal wraps it, and nothing is lost.
    console.width = max(console.width, sum(widths) + blanks)
    drawn = Drawn(
        title=Text(visible(title), style="table.title"),
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for name, width, alignment in zip(names, widths, table.alignment, strict=True):
        drawn.add_column(Text(name), justify=alignment, overflow="fold", width=width)
    for row in rows:
        drawn.add_row(
            *(
                Text(_folded(text, width), style=_style(text))
                for text, width in zip(row, widths, strict=True)
            )
        )
    console.print(drawn)


def _print_lines(console: Console, lines: Sequence[str]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    for line in lines:
        console.print(Padding(Text(visible(line), style="dim"), (0, 0, 0, 2)))
    if lines:
        console.print()


def _widths(rows: Sequence[Sequence[str]], alignments: Sequence[str], available: int) -> list[int]:
    """Return the widths of a table's columns, narrowed until all fit: words first, the widest.

    None becomes too narrow for its longest word: a number is never cut in two.
    """
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, texts)) for texts in columns]
    words = [[len(word) for text in texts for word in text.split()] for texts in columns]
    least = [min(WORD_WIDTH, max(lengths)) for lengths in words]
    for alignment in ("left", "right"):
        while sum(widths) > available:
            wide = [
                index
                for index, width in enumerate(widths)
                if alignments[index] == alignment and width > least[index]
            ]
            if not wide:
                break
            widths[max(wide, key=widths.__getitem__)] -= 1
    return widths


def _folded(text: str, width: int) -> str:
    """Break a number that does not fit before its half-width, not behind the sign."""
    return text if len(text) <= width else text.replace(" ± ", "\n± ")


def _style(text: str) -> str:
    if text.startswith(("failed", "broken", "damaged")):
        return "red"
    return "dim" if UNTRAINED in text or text == NOTHING else ""
