"""Sections: a text in parts, as it stands in a terminal, in Markdown and in LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mtbench.rendering import markdown
from mtbench.rendering import text as plain
from mtbench.rendering.escaping import visible
from mtbench.rendering.latex import tabular

Row = dict[str, str]


@dataclass(frozen=True)
class Section:
    """A heading, and under it a table, lines, or both.

    Attributes:
        table: rows with the same keys, which are the column headings.
        lines: below the table; one may go on in further lines, parted by line breaks.
        numbers: whether all columns but the first hold numbers, or words about them at the end.
    """

    heading: str
    table: Sequence[Row] = ()
    lines: Sequence[str] = ()
    numbers: bool = False

    def text(self) -> str:
        """Return it for a terminal."""
        lines = ["\n      ".join(map(visible, f"  {line}".split("\n"))) for line in self.lines]
        table = [plain.table(self.table, alignment=self._alignment())] if self.table else []
        return "\n".join([visible(self.heading), *table, *lines])

    def markdown(self) -> str:
        """Return it as Markdown, its heading in bold."""
        parts = [f"**{markdown.span(self.heading)}**"]
        if self.table:
            parts.append(markdown.table(self.table, alignment=self._alignment()))
        lines = [markdown.items(line.split("\n")).replace("\n", "\n  ") for line in self.lines]
        return "\n\n".join([*parts, *(["\n".join(lines)] if lines else [])])

    def latex(self) -> str:
        """Return its table, with heading and lines in comments; all in comments without one."""
        lines = [part for line in self.lines for part in line.split("\n")]
        if not self.table:
            return "\n".join(f"% {visible(line)}" for line in [self.heading, *lines])
        return tabular(self.table, alignment=self._alignment(), above=[self.heading], below=lines)

    def _alignment(self) -> list[str]:
        names = list(self.table[0])
        kind = "right" if self.numbers else "left"
        return ["left", *("left" if name in WORDS else kind for name in names[1:])]


WORDS = ("remark",)
"""Headings of columns that hold words, whatever the others hold."""
