"""Documents: what a report says, for people and for programs, in no form yet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Style = Literal["", "title", "failed", "faint"]
"""How a text stands out on a terminal."""


@dataclass(frozen=True)
class Styled:
    """A text that stands out where there are colours."""

    text: str
    style: Style

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes:
        title: above it; empty for none.
        records: a row each, with the same keys, which are the headings. Without any there is no
            table, and no title either.
        words: headings of the columns that hold words; the others hold numbers, and stand to the
            right.
        names: how many columns, the first ones, tell which row it is. They hold words too.
    """

    title: str
    records: Sequence[Mapping[str, str | Styled]]
    words: Collection[str] = ()
    names: int = 1

    @property
    def alignment(self) -> list[Literal["left", "right"]]:
        """The side at which each column stands."""
        return [
            "left" if place < self.names or heading in self.words else "right"
            for place, heading in enumerate(self.records[0])
        ]

    def tabulated(self, form: str, escape: Callable[[str], str]) -> str:
        """Return the table in one of tabulate's forms.

        Args:
            escape: makes a text harmless there.
        """
        from tabulate import tabulate

        return tabulate(
            [[escape(str(cell)) for cell in record.values()] for record in self.records],
            headers=[escape(name) for name in self.records[0]],
            tablefmt=form,
            disable_numparse=True,
            colalign=self.alignment,
        )


@dataclass(frozen=True)
class Lines:
    """Sentences, one below the other.

    Attributes:
        title: above them; empty where they belong to what is above.
        lines: one of several texts is a line with further ones that belong to it. Without any
            there is no title either.
        style: of all of them.
    """

    title: str
    lines: Sequence[str | Sequence[str]]
    style: Style = ""

    @property
    def items(self) -> list[Sequence[str]]:
        """The lines, each with the texts that belong to it behind its own."""
        return [(line,) if isinstance(line, str) else line for line in self.lines]


@dataclass(frozen=True)
class Document:
    """A report.

    Attributes:
        title: above all of it; empty for none.
        parts: what people read, from top to bottom.
        records: makes what is read as CSV: a row each, with the same keys, numbers unrounded,
            None where there is nothing.
        value: makes what is read as JSON; None for the records.
    """

    title: str
    parts: Sequence[Table | Lines]
    records: Callable[[], Sequence[Mapping[str, Any]]] = tuple
    value: Callable[[], Any] | None = None

    @property
    def shown(self) -> list[Table | Lines]:
        """The parts that are not empty."""
        return [
            part
            for part in self.parts
            if (part.records if isinstance(part, Table) else part.lines)
        ]


def without_empty(
    records: Sequence[Mapping[str, str | Styled]], heading: str
) -> Sequence[Mapping[str, str | Styled]]:
    """Return the rows of a table without a column in which no row has anything."""
    if any(record[heading] for record in records):
        return records
    return [{name: text for name, text in row.items() if name != heading} for row in records]
