import csv
import gzip
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mtbench.data.labels import class_label, score_label
from mtbench.data.tables import Part, read_table
from mtbench.errors import UsageError
from mtbench.protocols import BadRow, Examples, Split

HEADER = "\tid\tsentence\tsentiment\n"


def write(path: Path, text: str, *, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def read(path: Path, *, required: bool = True) -> Examples:
    label = class_label("sentiment", 5, required=required)
    return read_table(path, id_column="id", text_columns=("sentence",), label=label)


def read_rows(folder: Path, rows: str) -> Examples:
    return read(write(folder / "train.csv", HEADER + rows))


def reasons(examples: Examples) -> list[str]:
    return [str(row) for row in examples.bad_rows]


# --- what is valid ----------------------------------------------------------------------------


def test_rows_come_stripped_and_in_the_order_of_ids(tmp_path: Path) -> None:
    examples = read_rows(tmp_path, "0\tb\t A film . \t3\n1\ta\tBad .\t0.0\n")

    assert examples == Examples(ids=("a", "b"), texts=(("Bad .",), ("A film .",)), labels=(0, 3))


def test_the_order_of_rows_and_columns_changes_nothing(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", "id\tsentence\tsentiment\na\tx\t1\nb\ty\t2\n")
    two = write(tmp_path / "two.csv", "sentiment\tmore\tsentence\tid\n2\t?\ty\tb\n1\t?\tx\ta\n")

    assert read(one) == read(two)


def test_a_pair_has_two_texts(tmp_path: Path) -> None:
    path = write(tmp_path / "sts.csv", "id\tsentence1\tsentence2\tsimilarity\na\tx\ty\t3.333\n")

    examples = read_table(
        path,
        id_column="id",
        text_columns=("sentence1", "sentence2"),
        label=score_label("similarity", 0, 5),
    )

    assert examples.texts == (("x", "y"),)
    assert examples.labels == (3.333,)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_line_ends_and_byte_order_marks(tmp_path: Path, end: str, encoding: str) -> None:
    text = "id\tsentence\tsentiment\na\tné\t1\nb\tok\t2"
    path = write(tmp_path / "a.csv", text.replace("\n", end), encoding=encoding)

    assert read(path) == Examples(ids=("a", "b"), texts=(("né",), ("ok",)), labels=(1, 2))


def test_quoting_is_that_of_csv(tmp_path: Path) -> None:
    examples = read_rows(
        tmp_path,
        '0\ta\t"He said ""no"" ."\t1\n'  # doubled quotes
        '1\tb\t "Gone" , he said\t1\n'  # a quote that does not open the field
        '2\tc\t"two\nlines"\t1\n'  # a line break inside quotes
        '3\td\t"a\ttab"\t1\n'  # the delimiter inside quotes
        "4\te\tsay ``so''\t1\n",
    )

    assert not examples.bad_rows
    assert [text for (text,) in examples.texts] == [
        'He said "no" .',
        '"Gone" , he said',
        "two\nlines",
        "a\ttab",
        "say ``so''",
    ]


def test_separators_of_unicode_part_no_lines(tmp_path: Path) -> None:
    examples = read_rows(tmp_path, "0\ta\tone\u2028two\x85three\x0cfour\t1\n")

    assert examples.texts == (("one\u2028two\x85three\x0cfour",),)


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    examples = read(write(tmp_path / "a.csv", "\n" + HEADER + "\n0\ta\tx\t1\n\n\n"))

    assert examples.ids == ("a",)
    assert not examples.bad_rows


# --- labels -----------------------------------------------------------------------------------


def test_labels_are_absent_only_where_they_may_be(tmp_path: Path) -> None:
    path = write(tmp_path / "test.csv", "0\t\tid\tsentence\n1\t0.0\ta\t x\n")

    assert read(path, required=False) == Examples(ids=("a",), texts=(("x",),), labels=None)
    with pytest.raises(UsageError, match="no column 'sentiment'; did you mean 'sentence'"):
        read(path)


# --- broken rows ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1\tb\ty\t", "its 'sentiment' is empty"),
        ("1\tb\ty\tgood", "its 'sentiment' is 'good', not a number"),
        ("1\tb\ty\t7", "its 'sentiment' is '7', no class from 0 to 4"),
        ("1\tb\t  \t2", "its 'sentence' is empty"),
        ("1\t\ty\t2", "it has no id"),
        ("1\ta\ty\t2", "id 'a' came before"),
        ("1\tb\ty", "it has 3 columns, the header 4"),
        ("1\tb\ty\t2\t3", "it has 5 columns, the header 4"),
        ("1\tb\ty\0y\t2", "it holds a NUL character"),
        ('1\tb\t"y\t2', "a quote on line 3 is opened and not closed"),
    ],
)
def test_a_broken_row_is_left_out_and_reported(tmp_path: Path, row: str, reason: str) -> None:
    examples = read_rows(tmp_path, f"0\ta\tx\t1\n{row}\n2\tc\tz\t3\n")

    assert examples.ids == ("a", "c")
    assert examples.texts == (("x",), ("z",))
    assert examples.labels == (1, 3)
    assert examples.bad_rows == (BadRow("train.csv", 3, reason),)
    assert reasons(examples) == [f"train.csv:3: {reason}"]


def test_a_row_that_is_left_out_for_its_label_tells_it(tmp_path: Path) -> None:
    """A mark of whoever reads the bad rows; two with one reason are equal without it."""
    examples = read_rows(tmp_path, "0\ta\tx\t7\n1\tb\ty\t\n2\tc\t\t8\n3\td\tz\tgood\n")

    assert [row.label for row in examples.bad_rows] == ["7", None, None, "good"]
    assert examples.bad_rows[1] == BadRow("train.csv", 3, "its 'sentiment' is empty")


def test_lines_are_counted_through_quoted_line_breaks(tmp_path: Path) -> None:
    examples = read_rows(tmp_path, '0\ta\t"x\nx\nx"\t1\n1\tb\t"y\ny"\t9\n\n2\tc\tz\t9\n')

    assert [row.line for row in examples.bad_rows] == [6, 8]  # the lines where the rows end


def test_a_stray_quote_costs_its_own_row_only(tmp_path: Path) -> None:
    """Even where the quote finds a partner rows later, and where it finds none."""
    examples = read_rows(
        tmp_path,
        '0\ta\t"stray\t1\n1\tb\tx\t2\n2\tc\t"fine ""quote"""\t3\n'
        '3\td\t"stray too\t1\n4\te\ty\t4\n5\tf\tz\t0\n',
    )

    assert examples.ids == ("b", "c", "e", "f")
    assert examples.texts[1] == ('fine "quote"',)
    assert [row.line for row in examples.bad_rows] == [2, 5]


def test_a_swallowed_row_of_the_right_width_is_noticed(tmp_path: Path) -> None:
    """The stray quote and the next one make a row with as many columns as the header."""
    rows = '0\ta\t"stray\t1\n1\tb\t"quoted"\t2\n'
    assert len(next(csv.reader(rows.splitlines(keepends=True), delimiter="\t"))) == 4

    examples = read_rows(tmp_path, rows)

    assert examples.texts == (("quoted",),)
    assert [row.line for row in examples.bad_rows] == [2]


def test_a_field_may_be_of_any_length(tmp_path: Path) -> None:
    usual = csv.field_size_limit()
    long = "y" * (usual + 1)

    examples = read_rows(tmp_path, f'0\ta\tx\t1\n1\tb\t{long}\t2\n2\tc\t"{long}"\t3\n')

    assert examples.texts == (("x",), (long,), (long,))
    assert examples.bad_rows == ()
    assert csv.field_size_limit() == usual  # it is that of the whole process


def commas(path: Path, text: str, **given: Any) -> Examples:
    label = {"label": class_label("y", 2), "id_column": None, "text_columns": ["text"], **given}
    return read_table(write(path, text), delimiter=",", strict_quotes=True, **label)


@pytest.mark.parametrize(
    ("text", "given", "line", "count"),
    [
        ('text,y\n"x,1\ny",0\nz,1\n', {}, 3, 2),
        ('text,y\n"x,1\ny,0\nz",1\n', {}, 4, 3),
        ('y,text\n1,"x\n0,y"\n', {}, 3, 2),
        ('k,text,y\n1,"x,0\n2,y,1\n3,z",1\n', {"id_column": "k"}, 4, 3),
        ('k,text\n1,"x\n2,y"\n', {"id_column": "k", "label": None}, 3, 2),
        ('text,y\r\n"x,1\r\ny",0\r\n', {}, 3, 2),
    ],
)
def test_rows_that_two_stray_quotes_may_have_joined_are_in_doubt(
    tmp_path: Path, text: str, given: dict[str, Any], line: int, count: int
) -> None:
    examples = commas(tmp_path / "a.csv", text, **given)

    assert examples.bad_rows == ()
    assert [str(row) for row in examples.doubtful_rows] == [
        f"a.csv:{line}: {count} of its lines are rows by themselves: two stray quotes may have "
        "joined them"
    ]


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ('text,y\n"Great, really.\nI liked it",1\n', {}),
        ('text,y\n"One\ntwo\nthree",1\n"a, 1",0\n', {}),
        ('y,text\n1,"Great.\nI liked it"\n', {}),
        ('k,text\n1,"Great, really\nI liked, it\nat all"\n', {"id_column": "k", "label": None}),
        ('text\n"One\ntwo"\n', {"label": None}),
    ],
)
def test_a_text_of_several_lines_is_in_no_doubt(
    tmp_path: Path, text: str, given: dict[str, Any]
) -> None:
    examples = commas(tmp_path / "a.csv", text, **given)

    assert "\n" in str(examples.texts[0] + examples.texts[-1]).replace("\\n", "\n")
    assert (examples.bad_rows, examples.doubtful_rows) == ((), ())


# --- files that cannot be used ----------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="is empty: it needs a header line"):
        read(write(tmp_path / "a.csv", text))


def test_a_header_alone_gives_no_examples(tmp_path: Path) -> None:
    assert read_rows(tmp_path, "") == Examples(ids=(), texts=(), labels=())


def test_a_missing_column_is_named_with_the_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "\tid\tsentense\tsentiment\n")

    with pytest.raises(UsageError) as error:
        read(path)

    assert str(error.value) == (
        f"{path} has no column 'sentence'; did you mean 'sentense'? "
        "(header: '', 'id', 'sentense', 'sentiment')"
    )


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_table_of_another_delimiter_is_told_which(
    tmp_path: Path, delimiter: str, quote: str
) -> None:
    lines = (["text", "y"], ["so, so", "1"])
    text = "\n".join(delimiter.join(f"{quote}{field}{quote}" for field in line) for line in lines)

    with pytest.raises(UsageError) as error:
        commas(tmp_path / "a.csv", text)

    assert f"parted by {delimiter!r}: `delimiter = {json.dumps(delimiter)}`" in str(error.value)


def test_a_table_without_a_header_is_asked_for_one(tmp_path: Path) -> None:
    long = "a good film " * 500
    with pytest.raises(UsageError) as error:
        commas(tmp_path / "a.csv", f"{long},1\nbad,0\n")

    assert str(error.value) == (
        f"{tmp_path / 'a.csv'} has no column 'text'; does its first line name the columns? "
        "(header: 'a good film ...m a good film', '1')"
    )


def test_of_many_columns_some_are_named(tmp_path: Path) -> None:
    names = ",".join(f"c{i}" for i in range(500))
    with pytest.raises(UsageError, match=r"\(header: 'c0', .*'c9', \.\.\.\)$"):
        commas(tmp_path / "a.csv", f"{names}\n")


@pytest.mark.parametrize("text", ["1" * 5000, "1e999", "-" + "9" * 5000, "1." + "3" * 5000 + "x"])
@pytest.mark.parametrize("label", [class_label("y", 2), score_label("y", 0, 5)])
def test_a_number_of_any_length_is_a_label_or_a_short_reason(
    tmp_path: Path, text: str, label: Any
) -> None:
    examples = commas(tmp_path / "a.csv", f"text,y\ngood,{text}\nbad,1\n", label=label)

    assert examples.labels == (1,)
    (row,) = examples.bad_rows
    assert (row.line, row.label) == (2, text)
    assert len(row.reason) < 80


def test_a_long_id_that_came_before_is_told_shortly(tmp_path: Path) -> None:
    rows = f"{'9' * 5000}\tx\t1\n" * 2
    examples = read(write(tmp_path / "a.csv", "id\tsentence\tsentiment\n" + rows))

    assert reasons(examples) == ["a.csv:3: id '999999999999...9999999999999' came before"]


@pytest.mark.parametrize("twice", ["id", "sentence", "sentiment"])
def test_a_column_that_is_there_twice_cannot_be_told(tmp_path: Path, twice: str) -> None:
    path = write(tmp_path / "a.csv", f"id\tsentence\tsentiment\t{twice}\na\tx\t1\t2\n")

    with pytest.raises(UsageError) as error:
        read(path)

    assert str(error.value) == f"{path} has 2 columns {twice!r}: which is meant cannot be told"


def test_other_columns_may_be_there_twice(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv", "\t\tmore\tid\tsentence\tsentiment\tmore\n0\t\t\ta\tx\t1\t2\n"
    )

    assert read(path) == Examples(ids=("a",), texts=(("x",),), labels=(1,))


def test_a_header_that_cannot_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'id\t"sentence\tsentiment\na\tx\t1\n')

    with pytest.raises(UsageError, match="the header cannot be read: a quote on line 1 is opened"):
        read(path)


# --- without quoting, without a header --------------------------------------------------------


def test_rows_without_a_header_may_go_on_behind_the_named_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "x\t1\tone\nx\t2\ttwo\tmore\tand more\nx\t3\n")

    examples = read_table(
        path,
        id_column=None,
        text_columns=["text"],
        label=score_label("score", 0, 5),
        header=["genre", "score", "text"],
        quoting=False,
    )

    assert {
        (*texts, label) for texts, label in zip(examples.texts, examples.labels or (), strict=True)
    } == {
        ("one", 1),
        ("two", 2),
    }
    assert reasons(examples) == ["a.csv:3: it has 2 columns, the header 3"]


# --- ids that are made ------------------------------------------------------------------------


def made(folder: Path, rows: str, *, labels: bool = True) -> Examples:
    path = write(folder / "a.tsv", "text\tsentiment\n" + rows)
    label = class_label("sentiment", 5) if labels else None
    return read_table(path, id_column=None, text_columns=["text"], label=label)


def test_an_id_is_the_digest_of_the_texts(tmp_path: Path) -> None:
    """The first 20 digits of SHA-256 over the JSON array ``["good"]``."""
    assert made(tmp_path, "good\t4\n").ids == ("ed71c300dc1b1f158b45",)


def test_the_order_of_the_rows_changes_no_id(tmp_path: Path) -> None:
    rows = ["good\t4", "bad\t0", "good\t3", "good\t4", "so-so\t2"]

    one = made(tmp_path, "\n".join(rows))
    two = made(tmp_path, "\n".join(reversed(rows)))

    assert one == two
    assert len(one) == 5


def test_equal_texts_are_kept_and_numbered_by_their_labels(tmp_path: Path) -> None:
    examples = made(tmp_path, "good\t4\ngood\t1\ngood\t3\n")

    first = examples.ids[0]
    assert examples.ids == (first, f"{first}-2", f"{first}-3")
    assert examples.labels == (1, 3, 4)
    assert made(tmp_path, "good\t4\ngood\t1\ngood\t3\n", labels=False).ids == examples.ids


# --- JSON lines, Parquet, gzip ----------------------------------------------------------------


def test_json_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        '{"id": 7, "sentence": " good ", "sentiment": 4}\n'
        '{"sentiment": "1", "sentence": "bad", "id": "b", "more": []}\n'
        "{broken\n"
        '{"id": "c", "sentiment": 3}\n'
        '{"id": "d", "sentence": null, "sentiment": 3}\n'
        '{"id": "e", "sentence": ["x"], "sentiment": 3}\n'
        '{"id": "f", "sentence": "x", "sentiment": true}\n'
        "[1]\n"
        '{"id": "g", "sentence": "\\ud83d\\ude00", "sentiment": 2}\n'
        '{"id": "h", "sentence": "\\ud83d", "sentiment": 2}\n',
    )

    examples = read_table(
        path,
        id_column="id",
        text_columns=["sentence"],
        label=class_label("sentiment", 5),
        form="jsonl",
    )

    assert (examples.ids, examples.texts) == (
        ("7", "b", "g"),
        (("good",), ("bad",), ("\U0001f600",)),
    )
    assert examples.labels == (4, 1, 2)
    assert reasons(examples) == [
        "a.jsonl:3: it is no JSON (Expecting property name enclosed in double quotes at column 2)",
        "a.jsonl:4: its 'sentence' is empty",
        "a.jsonl:5: its 'sentence' is empty",
        "a.jsonl:6: its 'sentence' is neither a text nor a number",
        "a.jsonl:7: its 'sentiment' is 'true', not a number",
        "a.jsonl:8: it is no JSON object",
        "a.jsonl:10: it holds a surrogate alone, which is half a character",
    ]


def test_json_lines_of_which_none_can_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", "{\n}\n")

    examples = read_table(
        path, id_column="id", text_columns=["x"], label=class_label("y", 2), form="jsonl"
    )

    assert (len(examples), [row.line for row in examples.bad_rows]) == (0, [1, 2])


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    columns = {
        "text": ["good", "bad", None, "x"],
        "stars": [4, 0, 1, None],
        "more": [[1], [], None, [2]],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")

    examples = read_table(
        tmp_path / "a.parquet",
        id_column=None,
        text_columns=["text"],
        label=class_label("stars", 5),
        form="parquet",
    )

    assert set(zip(examples.texts, examples.labels or (), strict=True)) == {
        (("good",), 4),
        (("bad",), 0),
    }
    assert reasons(examples) == [
        "a.parquet:3: its 'text' is empty",
        "a.parquet:4: its 'stars' is empty",
    ]


def test_the_form_of_a_file_changes_no_example(tmp_path: Path) -> None:
    rows = [("good", 4), ('say "so", they said', 0)]
    tabs = write(tmp_path / "a.tsv", "text\ty\n" + "".join(f"{text}\t{y}\n" for text, y in rows))
    with (tmp_path / "a.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("text", "y"), *rows])
    lines = "".join(json.dumps({"text": text, "y": y}) + "\n" for text, y in rows)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    given = {"id_column": None, "text_columns": ["text"], "label": class_label("y", 5)}

    one = read_table(tabs, quoting=False, **given)

    assert len(one) == 2
    assert read_table(tmp_path / "a.csv", delimiter=",", **given) == one
    assert read_table(tmp_path / "a.jsonl.gz", form="jsonl", **given) == one


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("column", ["id", "text", "y"])
def test_a_number_that_is_none_breaks_a_row_of_json(
    tmp_path: Path, number: str, column: str
) -> None:
    sound = {"id": '"a"', "text": '"nan"', "y": "1", "more": "NaN"}
    broken = {**sound, "id": '"b"', column: number}
    lines = [
        "{" + ", ".join(f'"{k}": {v}' for k, v in row.items()) + "}" for row in (sound, broken)
    ]
    path = write(tmp_path / "a.jsonl", "\n".join(lines))

    examples = read_table(
        path, id_column="id", text_columns=["text"], label=class_label("y", 2), form="jsonl"
    )

    assert examples.texts == (("nan",),)
    assert reasons(examples) == [
        f"a.jsonl:2: its {column!r} is {number}, which is no text and no finite number"
    ]


def test_a_number_that_is_none_breaks_a_row_of_parquet(tmp_path: Path) -> None:
    """As pandas writes what it lacks; a column of numbers is one of texts too."""
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    columns = {
        "text": pyarrow.array([1.5, math.nan, math.inf, 2.5, 3.5]),
        "y": pyarrow.array([1.0, 0.0, 0.0, math.nan, 0.0]),
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")

    examples = read_table(
        tmp_path / "a.parquet",
        id_column=None,
        text_columns=["text"],
        label=class_label("y", 2),
        form="parquet",
    )

    assert {text for (text,) in examples.texts} == {"1.5", "3.5"}
    assert reasons(examples) == [
        "a.parquet:2: its 'text' is NaN, which is no text and no finite number",
        "a.parquet:3: its 'text' is Infinity, which is no text and no finite number",
        "a.parquet:4: its 'y' is NaN, which is no text and no finite number",
    ]


def test_columns_that_nobody_asks_for_are_not_read(tmp_path: Path) -> None:
    """One of them cannot be made a list of Python; another would be taken for the text."""
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    columns = {
        "text.raw": ["<b>good</b>", "<b>bad</b>"],
        "day": pyarrow.array([2**62, 2**62], pyarrow.date64()),
        "text": ["good", "bad"],
        "more": [{"text": "no"}, {"text": "none"}],
        "y": [1, 0],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    given: dict[str, Any] = {"id_column": None, "form": "parquet"}

    examples = read_table(
        tmp_path / "a.parquet", text_columns=["text"], label=class_label("y", 2), **given
    )

    assert examples.bad_rows == ()
    assert {text for (text,) in examples.texts} == {"good", "bad"}
    assert examples.labels in ((0, 1), (1, 0))
    with pytest.raises(UsageError, match=r"^cannot read .*a\.parquet: "):
        read_table(tmp_path / "a.parquet", text_columns=["day"], label=None, **given)
    with pytest.raises(
        UsageError, match=r"no column 'texts'; did you mean 'text'\? \(header: 'tex"
    ):
        read_table(tmp_path / "a.parquet", text_columns=["texts"], label=None, **given)


# --- a file that holds several splits ---------------------------------------------------------


def by_column(fields: Sequence[str]) -> Split:
    if fields[0] not in ("train", "dev", "test"):
        raise ValueError(f"split {fields[0]!r} is no split")
    return fields[0]  # type: ignore[return-value]


def test_every_row_of_a_file_with_all_splits_is_in_one_of_them(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        "id\ttext\ty\tsplit\na\tx\t1\ttrain\na\tx\t1\tdev\nb\t\t1\tdev\nc\tx\t\ttest\n"
        "d\tx\t1\tvalid\ne\tx\n",
    )

    def part(split: Split) -> Examples:
        return read_table(
            path,
            id_column="id",
            text_columns=["text"],
            label=class_label("y", 2) if split != "test" else None,
            part=Part(split, ["split"], by_column),
        )

    assert (part("train").ids, reasons(part("train"))) == (
        ("a",),
        ["a.csv:6: split 'valid' is no split", "a.csv:7: it has 2 columns, the header 4"],
    )
    assert (part("dev").ids, reasons(part("dev"))) == (("a",), ["a.csv:4: its 'text' is empty"])
    assert (part("test").ids, part("test").labels, reasons(part("test"))) == (("c",), None, [])
