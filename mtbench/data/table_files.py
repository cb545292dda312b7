"""Table files: header and rows of delimited text, of JSON lines and of Parquet."""

import csv
import io
import json
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mtbench.data.files import check_there, limit, read_text, too_large
from mtbench.errors import NotAtHand, UsageError

Form = Literal["delimited", "jsonl", "parquet"]


NOT_CLOSED = "a quote on line {} is opened and not closed"

LONGEST_FIELD = 2**31 - 1
"""Characters; the largest limit that ``csv`` takes on every system."""

DELIMITERS = ",;\t|"
"""What files are parted by that call themselves CSV."""


class BrokenRow(Exception):
    """What is wrong with a row."""


Row = Sequence[Any] | BrokenRow


@dataclass(frozen=True)
class OpenTable:
    """A file that is open for reading.

    Attributes:
        header: names of the columns; None where not one row could be read to tell them.
        rows: each row with the line on which it ends, counted from 1; of Parquet, its number.
            A column that was not asked for may be None there.
        open_ended: whether a row may go on behind the columns of the header.
    """

    header: Sequence[str] | None
    rows: Iterator[tuple[int, Row]]
    open_ended: bool = False


def open_table(
    path: Path,
    form: Form = "delimited",
    *,
    delimiter: str = "\t",
    quoting: bool = True,
    strict: bool = False,
    header: Sequence[str] | None = None,
    columns: Collection[str] | None = None,
) -> OpenTable:
    """Open a table; a name that ends in ``.gz`` is unpacked on the way.

    Args:
        delimiter: the character between two fields of delimited text.
        quoting: whether its fields may be quoted as in Python's ``csv``: one that starts with
            ``"`` goes on to the closing ``"``, ``""`` inside it stands for one, and it may hold
            line breaks. Without, a quote is a character like any other and a line is a row.
        strict: whether the row is broken in which something stands between a closing ``"`` and
            the next delimiter, as behind the ``"`` of a later row that closes a stray one.
            Otherwise it belongs to the field.
        header: names of its first columns, where the file has no header line.
        columns: those that are asked for; None for all.

    Raises:
        NotAtHand: if the file is missing, or is of Parquet and pyarrow is not installed.
        UsageError: if it is unreadable, empty or not UTF-8, or unpacks to far more than its size.
    """
    if form == "parquet":
        return _parquet(path, columns)
    text = read_text(path)
    if form == "jsonl":
        return _json_lines(path, text)
    rows = _quoted(text, delimiter, strict=strict) if quoting else _unquoted(text, delimiter)
    if header is not None:
        return OpenTable(header, rows, open_ended=True)
    _, first = next(rows, (0, None))
    if first is None:
        raise UsageError(f"{path} is empty: it needs a header line")
    if isinstance(first, BrokenRow):
        line = next(line for line in lines_of(text) if line.strip("\r\n"))
        hint = delimiter_hint(line, delimiter)
        raise UsageError(f"{path}: the header cannot be read: {first}{hint}")
    return OpenTable([name.strip() for name in first], rows)


def delimiter_hint(line: str, delimiter: str) -> str:
    """Say what a line seems to be parted by, where that is not the delimiter; else nothing."""
    others = [other for other in DELIMITERS if other in line]
    if delimiter in line or not others:
        return ""
    return f"; it is parted by {others[0]!r}: `delimiter = {json.dumps(others[0])}` of a table"


# --- rows -----------------------------------------------------------------------------------


def lines_of(text: str) -> list[str]:
    """Return the lines of a text with their ends, which are those that files have."""
    return list(io.StringIO(text, newline=""))


def _unquoted(text: str, delimiter: str) -> Iterator[tuple[int, Row]]:
    """Yield a row for each line that is not blank."""
    for number, line in enumerate(lines_of(text), start=1):
        if row := line.rstrip("\r\n"):
            yield number, row.split(delimiter)


def _quoted(text: str, delimiter: str, *, strict: bool) -> Iterator[tuple[int, Row]]:
    """Yield each row with the line on which it ends, counted from 1.

    A quote that opens a field and is not closed swallows the rows behind it. That row alone is
    broken: reading starts afresh on the line after the one with the quote.
    """
    lines = lines_of(text)
    done, width = 0, None
    while done < len(lines):
        base = done
        rest = map(lines.__getitem__, range(base, len(lines)))
        reader = csv.reader(rest, delimiter=delimiter, strict=strict)
        while done < len(lines):
            problem = ""
            try:
                row = _next_row(reader)
            except csv.Error as error:
                problem = _parse_problem(error)
                read = lines[done : base + reader.line_num]
                opened = _opening("".join(read), delimiter, strict=strict)
            else:
                read = lines[done : base + reader.line_num]
                if len(read) > 1 and _swallows(row, read, delimiter, width):
                    problem = NOT_CLOSED
                    opened = _opening("".join(read), delimiter, strict=strict, swallows=True)
            if problem:
                line, done = done + opened, done + 1
                yield done, BrokenRow(problem.format(line))
                break
            done = base + reader.line_num
            if row:
                width = width or len(row)
                yield done, row


def _next_row(reader: Iterator[list[str]]) -> list[str]:
    """Return the next row, however long its fields are.

    The limit of ``csv`` is that of the whole process: it is put back before others see it.
    """
    usual = csv.field_size_limit(LONGEST_FIELD)
    try:
        return next(reader)
    finally:
        csv.field_size_limit(usual)


def _parse_problem(error: csv.Error) -> str:
    """Say what ``csv`` found; of strict quotes it only tells what it had expected."""
    if "unexpected end of data" in str(error):
        return NOT_CLOSED
    if "expected after" in str(error):
        return "a quote on line {} is stray: text stands behind the one that closes its field"
    return f"it cannot be parsed ({error})"


def _opening(row: str, delimiter: str, *, strict: bool, swallows: bool = False) -> int:
    """Return on which line of a row, counted from 1, the quote opens that breaks it.

    Args:
        swallows: whether the row can be parsed: then it is in the first field of several lines
            that holds a delimiter, which comes from a row that was swallowed.
    """
    part, behind = re.escape(delimiter), "" if strict else rf"[^{re.escape(delimiter)}\r\n]*+"
    field = re.compile(rf"""(?:"(?:[^"]++|"")*+"{behind}|[^"{part}\r\n][^{part}\r\n]*+|){part}""")
    place = 0
    while match := field.match(row, place):
        if swallows and has_line_break(match[0]) and match[0].count(delimiter) > 1:
            break
        place = match.end()
    return len(lines_of(f"{row[:place]}|"))


def _swallows(row: list[str], lines: list[str], delimiter: str, width: int | None) -> bool:
    """Whether a row of several lines is several rows, joined by a stray quote.

    Args:
        width: columns of the header; None where the row is the header.
    """
    if delimiter != ",":
        # No sentence holds both: the delimiter comes from a row that was swallowed.
        return any(delimiter in field and has_line_break(field) for field in row)
    if width is None or len(row) != width:
        return True
    try:
        _next_row(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end of data" in str(error)
    return False


def has_line_break(field: str) -> bool:
    """Whether a field goes on over several lines."""
    return "\n" in field or "\r" in field


def _json_lines(path: Path, text: str) -> OpenTable:
    """Read a JSON object a line; a key that a row lacks is an empty field."""
    rows: list[tuple[int, dict[str, Any] | BrokenRow]] = [
        (number, _json_object(line))
        for number, line in enumerate(lines_of(text), start=1)
        if line.strip()
    ]
    if not rows:
        raise UsageError(f"{path} is empty: it needs a JSON object a line")
    objects = [row for _, row in rows if isinstance(row, dict)]
    if not objects and text.lstrip().startswith("["):
        raise UsageError(f"{path} is one JSON array: it needs a JSON object a line")
    header = list(dict.fromkeys(key for row in objects for key in row))
    fields: Iterator[tuple[int, Row]] = (
        (number, row if isinstance(row, BrokenRow) else [row.get(key) for key in header])
        for number, row in rows
    )
    return OpenTable(header if objects else None, fields)


def _json_object(line: str) -> dict[str, Any] | BrokenRow:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        return BrokenRow(f"it is no JSON ({error.msg} at column {error.colno})")
    except ValueError:  # Python's own limit, against numbers that take minutes to read
        return BrokenRow("it is no JSON that can be read (a number of too many digits)")
    except RecursionError:
        return BrokenRow("it is no JSON that can be read (nested too deeply)")
    return value if isinstance(value, dict) else BrokenRow("it is no JSON object")


def _parquet(path: Path, columns: Collection[str] | None) -> OpenTable:
    """Read some columns of a Parquet file, batch by batch."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise NotAtHand(
            f"{path}: reading Parquet needs pyarrow, which is not installed: "
            "pip install 'mtl-bench[parquet]'"
        ) from None
    check_there(path, "table")

    @contextmanager
    def readable() -> Iterator[None]:
        try:
            yield
        except (ArrowException, OSError, ValueError, OverflowError) as error:
            reason = str(error).partition("\n")[0]
            raise UsageError(f"cannot read {path}: {reason}") from None

    with readable():
        file = ParquetFile(path)
    names = file.schema_arrow.names
    wanted = [name for name in names if columns is None or name in columns]

    def rows() -> Iterator[tuple[int, Row]]:
        number = unpacked = 0
        with readable():  # only on the way does a damaged page come to light
            for batch in file.iter_batches(columns=wanted):
                unpacked += batch.nbytes
                if unpacked > limit(path):
                    raise too_large(path)
                values, nothing = batch.to_pydict(), [None] * batch.num_rows
                for row in zip(*(values.get(name, nothing) for name in names), strict=True):
                    number += 1
                    yield number, row

    return OpenTable(names, rows())
