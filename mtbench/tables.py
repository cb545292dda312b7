"""Tables: delimited text files of examples, read row by row; a broken row is kept as a report.

Quoting is that of Python's ``csv`` (and of pandas) by default: a field that starts with ``"``
goes on to the closing ``"``, ``""`` inside it stands for one, and it may hold line breaks.
"""

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtbench.errors import UsageError, nearest
from mtbench.protocols import BadRow, Examples


class _BrokenRow(Exception):
    """What is wrong with a row; it never leaves this module."""


# --- labels ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Label:
    """The column of the labels, and how one is read.

    Attributes:
        column: its name in the header.
        parse: from the field's text to the label; raises ``ValueError`` with the reason.
        required: whether a file without the column is an error; otherwise it has no labels.
    """

    column: str
    parse: Callable[[str], float]
    required: bool = True


def class_label(column: str, classes: int, *, required: bool = True) -> Label:
    """Return the label of a classification: 0 .. classes - 1, written ``3`` or ``3.0``."""

    def parse(text: str) -> float:
        value = _number(column, text)
        if value not in range(classes):
            raise ValueError(f"{column} {text!r} is no class from 0 to {classes - 1}")
        return value

    return Label(column, parse, required)


def score_label(column: str, low: float, high: float, *, required: bool = True) -> Label:
    """Return the label of a regression: a number from ``low`` to ``high``, both included."""

    def parse(text: str) -> float:
        value = _number(column, text)
        if not low <= value <= high:
            raise ValueError(f"{column} {text!r} is not from {low:g} to {high:g}")
        return value

    return Label(column, parse, required)


def _number(column: str, text: str) -> float:
    """Read a finite number; ``ValueError`` says what else it is."""
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{column} {text!r} is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{column} {text!r} is not a finite number")
    return value


# --- tables ---------------------------------------------------------------------------------


def read_table(
    path: Path,
    *,
    id_column: str,
    text_columns: Sequence[str],
    label: Label | None,
    delimiter: str = "\t",
) -> Examples:
    """Read the examples of a UTF-8 table with a header line.

    Texts and ids lose their outer white space. A row that is broken (a wrong number of columns,
    no id or one that came before, an empty sentence, a label that cannot be read, a stray quote,
    a NUL character) is left out and reported in ``bad_rows``; blank lines are no rows.

    Args:
        path: the file; a byte order mark is allowed.
        id_column: name of the column of unique ids.
        text_columns: names of the columns of the sentences, in order.
        label: the column of the labels; None where none is to be read.
        delimiter: the character between two fields.

    Returns:
        The examples in ascending order of their ids.

    Raises:
        UsageError: if the file is missing, unreadable, empty, not UTF-8, or lacks a column.
    """
    rows = _rows(_read_text(path), delimiter)
    _, header = next(rows, (0, None))
    if header is None:
        raise UsageError(f"{path} is empty: it needs a header line")
    if isinstance(header, _BrokenRow):
        raise UsageError(f"{path}: the header cannot be read: {header}")
    header = [name.strip() for name in header]
    if label is not None and not label.required and label.column not in header:
        label = None
    wanted = (id_column, *text_columns, *([label.column] if label else []))
    places = [_place(path, header, name) for name in wanted]

    examples: dict[str, tuple[tuple[str, ...], float]] = {}
    bad_rows: list[BadRow] = []
    for line, row in rows:
        try:
            fields = _fields(row, len(header), places)
            id_, texts, value = _example(fields, text_columns, label)
            if id_ in examples:
                raise _BrokenRow(f"id {id_!r} came before")
            examples[id_] = texts, value
        except _BrokenRow as problem:
            bad_rows.append(BadRow(path.name, line, str(problem)))
    ids = tuple(sorted(examples))
    return Examples(
        ids=ids,
        texts=tuple(examples[id_][0] for id_ in ids),
        labels=tuple(examples[id_][1] for id_ in ids) if label else None,
        bad_rows=tuple(bad_rows),
    )


def _read_text(path: Path) -> str:
    """Return what the file holds; ``UsageError`` where it is not there or not UTF-8."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise _missing(path) from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise UsageError(
            f"{path}:{line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"
        ) from None


def _missing(path: Path) -> UsageError:
    """Say what is not there: the folder, or the file in it."""
    if not path.parent.is_dir():
        return UsageError(f"{path.name} is looked for in {path.parent}, which is no folder")
    guess = nearest(path.name, (file.name for file in sorted(path.parent.iterdir())))
    return UsageError(
        f"no file {path.name} in {path.parent}" + (f"; did you mean {guess!r}?" if guess else "")
    )


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | _BrokenRow]]:
    """Yield each row with the line on which it ends, counted from 1.

    A quote that opens a field and is not closed swallows the rows behind it. That row alone is
    broken: reading starts afresh on the line after the one with the quote.
    """
    lines = list(io.StringIO(text, newline=""))
    done = 0
    while done < len(lines):
        base = done
        rest = map(lines.__getitem__, range(base, len(lines)))
        reader = csv.reader(rest, delimiter=delimiter)
        while done < len(lines):
            problem = None
            try:
                row = next(reader)
            except csv.Error as error:
                problem = _BrokenRow(f"it cannot be parsed ({error})")
            else:
                # No sentence holds both: the delimiter comes from a row that was swallowed.
                if any(delimiter in field and _has_line_break(field) for field in row):
                    problem = _BrokenRow("a quote is opened and not closed")
            if problem:
                done += 1
                yield done, problem
                break
            done = base + reader.line_num
            if row:
                yield done, row


def _has_line_break(field: str) -> bool:
    return "\n" in field or "\r" in field


def _place(path: Path, header: list[str], name: str) -> int:
    """Return the index of a column."""
    if name in header:
        return header.index(name)
    guess = nearest(name, header)
    raise UsageError(
        f"{path} has no column {name!r}"
        + (f"; did you mean {guess!r}?" if guess else "")
        + f" (header: {', '.join(map(repr, header))})"
    )


def _fields(row: list[str] | _BrokenRow, columns: int, places: list[int]) -> list[str]:
    """Return the fields that are wanted, without outer white space."""
    if isinstance(row, _BrokenRow):
        raise row
    if len(row) != columns:
        raise _BrokenRow(f"it has {len(row)} columns, the header {columns}")
    fields = [row[place].strip() for place in places]
    if any("\0" in field for field in fields):
        raise _BrokenRow("it holds a NUL character")
    return fields


def _example(
    fields: list[str], text_columns: Sequence[str], label: Label | None
) -> tuple[str, tuple[str, ...], float]:
    """Return id, texts and label (NaN where there is none)."""
    id_, texts = fields[0], tuple(fields[1 : 1 + len(text_columns)])
    if not id_:
        raise _BrokenRow("it has no id")
    for column, text in zip(text_columns, texts, strict=True):
        if not text:
            raise _BrokenRow(f"its {column} is empty")
    if label is None:
        return id_, texts, math.nan
    if not fields[-1]:
        raise _BrokenRow(f"its {label.column} is empty")
    try:
        return id_, texts, label.parse(fields[-1])
    except ValueError as problem:
        raise _BrokenRow(str(problem)) from None
