"""Tables: files of examples, read row by row; a broken row is kept as a report."""

import hashlib
import json
import math
import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from mtbench.data.labels import Label
from mtbench.data.table_files import (
    BrokenRow,
    Form,
    OpenTable,
    Row,
    delimiter_hint,
    has_line_break,
    lines_of,
    open_table,
)
from mtbench.errors import SHOWN, UsageError, nearest
from mtbench.protocols import BadRow, Examples, Split

DIGITS = 20
"""Hexadecimal digits of an id that is made from texts: no two of a billion pairs share one."""

SURROGATE = re.compile("[\ud800-\udfff]")
"""What JSON may escape by itself; as UTF-8, which tokenizers read, it cannot be written."""


JOINED = "{} of its lines are rows by themselves: two stray quotes may have joined them"


@dataclass(frozen=True)
class Part:
    """The rows of one split, of a file that holds several.

    Attributes:
        split: the one that is wanted.
        columns: what tells a row's split.
        split_of: from the texts of these columns to the split; raises ``ValueError`` with the
            reason where they tell none.
    """

    split: Split
    columns: Sequence[str]
    split_of: Callable[[Sequence[str]], Split]


class RefusedLabel(BrokenRow):
    """A label is none of the task's; ``label`` is what the file has."""

    def __init__(self, reason: str, label: str) -> None:
        super().__init__(reason)
        self.label = label


Example = tuple[str, tuple[str, ...], float]
"""Id (empty where the file has none), texts and label (NaN where there is none)."""


def read_table(
    path: Path,
    *,
    id_column: str | None,
    text_columns: Sequence[str],
    label: Label | None,
    delimiter: str = "\t",
    form: Form = "delimited",
    quoting: bool = True,
    strict_quotes: bool = False,
    header: Sequence[str] | None = None,
    part: Part | None = None,
) -> Examples:
    """Read the examples of a table: delimited text in UTF-8, JSON lines, or Parquet.

    Texts and ids lose their outer white space. A row that is broken (a wrong number of columns,
    no JSON object, no id or one that came before, an empty sentence, a label that cannot be
    read, NaN or an infinity as a number, a stray quote, a NUL character, half a surrogate pair)
    is left out and reported in ``bad_rows``; blank lines are no rows. One that was read and may
    be several, joined by stray quotes, is kept and reported in ``doubtful_rows``.

    Args:
        path: the file; a byte order mark is allowed, and a name that ends in ``.gz`` is
            unpacked on the way.
        id_column: name of the column of unique ids. None to make them: a digest of the texts,
            which no order of the rows changes. Rows with equal texts are all kept; the second
            gets ``-2`` behind its digest, and so on, in ascending order of their labels.
        text_columns: names of the columns of the sentences, in order.
        label: the column of the labels; None where none is to be read.
        delimiter: the character between two fields of delimited text.
        form: ``"delimited"``, ``"jsonl"`` (an object a line) or ``"parquet"``.
        quoting: whether fields of delimited text may be quoted, as in Python's ``csv``.
        strict_quotes: whether text behind the quote that closes a field breaks its row; so a
            stray ``"`` that opens a field swallows no rows up to the next one. Otherwise the
            text belongs to the field.
        header: names of the first columns of delimited text that has no header line; its rows
            may go on behind them.
        part: the rows of one split, where the file holds several; None for all. A broken row
            is reported with its split, or with train where that cannot be told.

    Returns:
        The examples in ascending order of their ids.

    Raises:
        NotAtHand: if the file is missing, or is Parquet and pyarrow is not installed.
        UsageError: if it is unreadable, empty, not UTF-8, lacks a column or has one twice, or
            unpacks to far more than its size.
    """
    names = [*text_columns, *([id_column] if id_column else [])]
    names += [*([label.column] if label else []), *(part.columns if part else [])]
    table = open_table(
        path,
        form,
        delimiter=delimiter,
        quoting=quoting,
        strict=strict_quotes,
        header=header,
        columns=names,
    )
    if label is not None and not label.required and label.column not in (table.header or ()):
        names.remove(label.column)
        label = None
    places = _places(path, table, names, delimiter if form == "delimited" else "")
    fields_of = partial(_fields, table=table, places=places)
    example_of = partial(_example, id_column=id_column, text_columns=text_columns, label=label)

    examples: list[Example] = []
    seen: set[str] = set()
    bad_rows: list[BadRow] = []
    doubtful_rows: list[BadRow] = []
    before = 0
    for line, row in table.rows:
        several, before = line > before + 1, line
        split: Split = "train"
        try:
            fields = fields_of(row)
            if part:
                split = _split_of(fields, part)
                if split != part.split:
                    continue
            example = example_of(fields)
            if example[0] in seen:
                raise BrokenRow(f"id {reprlib.repr(example[0])} came before")
        except BrokenRow as problem:
            if part is None or split == part.split:
                refused = problem.label if isinstance(problem, RefusedLabel) else None
                bad_rows.append(BadRow(path.name, line, str(problem), refused))
            continue
        examples.append(example)
        if id_column:
            seen.add(example[0])
        # Most rows are of one line, and need no closer look.
        if (
            several
            and form == "delimited"
            and (
                count := _joined(
                    row, delimiter, lambda line: example_of(fields_of(line)), all_of=not label
                )
            )
        ):
            doubtful_rows.append(BadRow(path.name, line, JOINED.format(count)))
    examples = sorted(examples if id_column else _with_ids(examples))
    return Examples(
        ids=tuple(id_ for id_, _, _ in examples),
        texts=tuple(texts for _, texts, _ in examples),
        labels=tuple(value for _, _, value in examples) if label else None,
        bad_rows=tuple(bad_rows),
        doubtful_rows=tuple(doubtful_rows),
    )


def _joined(row: Row, delimiter: str, read: Callable[[Row], Example], *, all_of: bool) -> int:
    """Return how many rows two stray quotes seem to have joined to one; 0 where none did.

    Each of its lines is read by itself. Of a text that goes on over several lines, the first or
    the last is often a row; a second one is not, where a label must be among its fields.

    Args:
        read: an example of a row; raises ``BrokenRow`` where it is none.
        all_of: whether every line must be a row.
    """
    if isinstance(row, BrokenRow) or len(row) < 2 or not any(map(has_line_break, row)):
        return 0
    lines = lines_of(delimiter.join(row))
    count = 0
    for line in lines:
        with suppress(BrokenRow):
            read(line.split(delimiter))
            count += 1
    return count if count >= (len(lines) if all_of else 2) else 0


def _places(path: Path, table: OpenTable, names: Sequence[str], delimiter: str) -> dict[str, int]:
    """Return the index of each column; any where there is no row to take it from.

    Args:
        delimiter: of delimited text; empty of another form.
    """
    if table.header is None:
        return dict.fromkeys(names, 0)
    header = list(table.header)
    for name in names:
        if (times := header.count(name)) > 1:
            raise UsageError(f"{path} has {times} columns {name!r}: which is meant cannot be told")
        if not times:
            guess = nearest(name, header)
            shown = [*map(reprlib.repr, header[:SHOWN]), *(["..."] if header[SHOWN:] else [])]
            hint = f"; did you mean {guess!r}?" if guess else ""
            if delimiter and not set(names) & set(header):
                hint = delimiter_hint(delimiter.join(header), delimiter) or hint
                hint = hint or "; does its first line name the columns?"
            raise UsageError(f"{path} has no column {name!r}{hint} (header: {', '.join(shown)})")
    return {name: header.index(name) for name in names}


def _fields(row: Row, table: OpenTable, places: Mapping[str, int]) -> dict[str, str]:
    """Return the fields that are wanted, without outer white space."""
    if isinstance(row, BrokenRow):
        raise row
    columns = len(table.header or ())
    if len(row) < columns or (len(row) > columns and not table.open_ended):
        raise BrokenRow(f"it has {len(row)} columns, the header {columns}")
    fields = {name: _text(name, row[place]).strip() for name, place in places.items()}
    if any("\0" in field for field in fields.values()):
        raise BrokenRow("it holds a NUL character")
    if any(map(SURROGATE.search, fields.values())):
        raise BrokenRow("it holds a surrogate alone, which is half a character")
    return fields


def _text(name: str, value: Any) -> str:
    """Write a value as text: numbers as Python does, true and false as JSON does."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        raise BrokenRow(
            f"its {name!r} is {json.dumps(value)}, which is no text and no finite number"
        )
    if isinstance(value, int | float | Decimal):
        return str(value)
    raise BrokenRow(f"its {name!r} is neither a text nor a number")


def _split_of(fields: Mapping[str, str], part: Part) -> Split:
    try:
        return part.split_of([fields[name] for name in part.columns])
    except ValueError as problem:
        raise BrokenRow(str(problem)) from None


def _example(
    fields: Mapping[str, str],
    id_column: str | None,
    text_columns: Sequence[str],
    label: Label | None,
) -> Example:
    id_ = fields[id_column] if id_column else ""
    if id_column and not id_:
        raise BrokenRow("it has no id")
    for column in text_columns:
        if not fields[column]:
            raise BrokenRow(f"its {column!r} is empty")
    texts = tuple(fields[column] for column in text_columns)
    if label is None:
        return id_, texts, math.nan
    if not fields[label.column]:
        raise BrokenRow(f"its {label.column!r} is empty")
    try:
        return id_, texts, label.parse(fields[label.column])
    except ValueError as problem:
        raise RefusedLabel(str(problem), fields[label.column]) from None


def _with_ids(examples: Sequence[Example]) -> list[Example]:
    """Give each example a digest of its texts as id, and equal ones a number behind it."""
    numbers: dict[str, int] = {}
    named = []
    for _, texts, value in sorted(examples, key=lambda example: example[1:]):
        digest = hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:DIGITS]
        numbers[digest] = number = numbers.get(digest, 0) + 1
        named.append((digest if number == 1 else f"{digest}-{number}", texts, value))
    return named
