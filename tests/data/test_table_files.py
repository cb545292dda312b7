import json
import sys
from pathlib import Path

import pytest

from mtbench.data.table_files import BrokenRow, OpenTable, open_table
from mtbench.errors import NotAtHand, UsageError


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def rows(table: OpenTable) -> list[tuple[int, object]]:
    return [
        (line, str(row) if isinstance(row, BrokenRow) else list(row)) for line, row in table.rows
    ]


def test_commas_and_line_breaks_may_stand_in_one_quoted_field(tmp_path: Path) -> None:
    table = open_table(write(tmp_path / "a.csv", 'a,b\n"one, two\nthree",1\nx,2\n'), delimiter=",")

    assert table.header == ["a", "b"]
    assert rows(table) == [(3, ["one, two\nthree", "1"]), (4, ["x", "2"])]


@pytest.mark.parametrize("rest", ["y,2\nz,3\n", 'y,"2"\nz,3\n', "y,2\nz,3"])
def test_a_stray_quote_among_commas_costs_its_own_row_only(tmp_path: Path, rest: str) -> None:
    table = open_table(write(tmp_path / "a.csv", f'a,b\n"x,1\n{rest}'), delimiter=",")

    assert rows(table) == [
        (2, "a quote on line 2 is opened and not closed"),
        (3, ["y", "2"]),
        (4, ["z", "3"]),
    ]


def test_a_stray_quote_in_the_last_column_swallows_nothing(tmp_path: Path) -> None:
    """Up to the end of the file it would make a row of the right width."""
    table = open_table(write(tmp_path / "a.csv", 'a,b\nx,"1\ny,2\n'), delimiter=",")

    assert rows(table) == [(2, "a quote on line 2 is opened and not closed"), (3, ["y", "2"])]


def test_strict_quotes_end_at_the_delimiter(tmp_path: Path) -> None:
    """Read otherwise, the row of the first stray quote goes on to that of the second."""
    stray = 'a,b\n"x,1\ny,2\n"z,3\n"closed" early,4\n"one, ""two""\nthree",5\n5" or 6",6\n'
    path = write(tmp_path / "a.csv", stray)

    behind = "a quote on line {} is stray: text stands behind the one that closes its field"
    assert rows(open_table(path, delimiter=",", strict=True)) == [
        (2, behind.format(2)),
        (3, ["y", "2"]),
        (4, behind.format(4)),
        (5, behind.format(5)),
        (7, ['one, "two"\nthree', "5"]),
        (8, ['5" or 6"', "6"]),
    ]
    assert rows(open_table(path, delimiter=","))[0] == (4, ["x,1\ny,2\nz", "3"])


@pytest.mark.parametrize("row", ['"x,1', 'x,"1'])
def test_a_strict_quote_that_nothing_closes(tmp_path: Path, row: str) -> None:
    path = write(tmp_path / "a.csv", f"a,b\n{row}\ny,2\n")

    assert rows(open_table(path, delimiter=",", strict=True)) == [
        (2, "a quote on line 2 is opened and not closed"),
        (3, ["y", "2"]),
    ]


@pytest.mark.parametrize(("delimiter", "strict"), [(",", True), ("\t", True), ("\t", False)])
def test_the_line_is_told_on_which_a_stray_quote_opens(
    tmp_path: Path, strict: bool, delimiter: str
) -> None:
    """The field before it goes on over two lines, and is sound."""
    lines = ["a,b,c", '"one', 'two","stray,1', "x,y,2", 'z,"so",3', "u,v,4"]
    path = write(tmp_path / "a.csv", "\n".join(lines).replace(",", delimiter) + "\n")

    table = open_table(path, delimiter=delimiter, strict=strict)

    (line, reason), *_ = rows(table)
    assert line == 2
    assert str(reason).startswith("a quote on line 3 is ")


def test_without_quoting_a_line_is_a_row(tmp_path: Path) -> None:
    table = open_table(write(tmp_path / "a.tsv", 'a\tb\n"x\t1\r\n\ny"\t2'), quoting=False)

    assert (table.header, rows(table)) == (["a", "b"], [(2, ['"x', "1"]), (4, ['y"', "2"])])


def test_a_header_that_is_given_is_not_read(tmp_path: Path) -> None:
    table = open_table(write(tmp_path / "a.tsv", "x\t1\n"), header=["a", "b"])

    assert (table.header, table.open_ended, rows(table)) == (["a", "b"], True, [(1, ["x", "1"])])


def test_the_columns_of_json_lines_are_all_keys_in_their_order(tmp_path: Path) -> None:
    table = open_table(write(tmp_path / "a.jsonl", '{"b": 1}\n\n{"a": "x", "b": 2}\n'), "jsonl")

    assert (table.header, rows(table)) == (["b", "a"], [(1, [1, None]), (3, [2, "x"])])


def test_separators_of_unicode_part_no_json_lines(tmp_path: Path) -> None:
    table = open_table(write(tmp_path / "a.jsonl", '{"a": "one\u2028two"}\n'), "jsonl")

    assert rows(table) == [(1, ["one\u2028two"])]


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_empty_json_lines(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="is empty: it needs a JSON object a line"):
        open_table(write(tmp_path / "a.jsonl", text), "jsonl")


@pytest.mark.parametrize("indent", [None, 1])
def test_a_json_array_is_no_json_lines(tmp_path: Path, indent: int | None) -> None:
    path = write(tmp_path / "a.jsonl", json.dumps([{"a": "x"}, {"a": "y"}], indent=indent))

    with pytest.raises(UsageError, match="is one JSON array: it needs a JSON object a line"):
        open_table(path, "jsonl")


def test_json_that_is_nested_too_deeply_is_a_broken_row(tmp_path: Path) -> None:
    deep = "[" * 200_000
    table = open_table(write(tmp_path / "a.jsonl", f'{{"a": {deep}\n{{"a": 1}}\n'), "jsonl")

    ((line, problem), last) = rows(table)
    assert (line, last) == (1, (2, [1]))
    assert str(problem).startswith("it is no JSON")


def test_json_with_a_number_of_too_many_digits_is_a_broken_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", f'{{"a": {"1" * 5000}}}\n{{"a": 1}}\n')

    assert rows(open_table(path, "jsonl")) == [
        (1, "it is no JSON that can be read (a number of too many digits)"),
        (2, [1]),
    ]


def test_parquet_without_pyarrow_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(NotAtHand, match=r"needs pyarrow.*: pip install 'mtl-bench\[parquet\]'$"):
        open_table(tmp_path / "a.parquet", "parquet")


def test_parquet_that_cannot_be_read(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    write(tmp_path / "a.parquet", "plain text")

    with pytest.raises(UsageError, match=r"^cannot read .*a\.parquet: [^\n]*$"):
        open_table(tmp_path / "a.parquet", "parquet")
    with pytest.raises(UsageError, match=r"^no file b\.parquet in"):
        open_table(tmp_path / "b.parquet", "parquet")
    (tmp_path / "c.parquet").mkdir()
    with pytest.raises(UsageError, match=r"^cannot read .*c\.parquet: it is a folder$"):
        open_table(tmp_path / "c.parquet", "parquet")
    write(tmp_path / "d.parquet", "version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(UsageError, match=r"d\.parquet: a Git LFS pointer, not the table"):
        open_table(tmp_path / "d.parquet", "parquet")


def test_parquet_of_which_a_page_is_damaged(tmp_path: Path) -> None:
    """Its end, which tells the columns, is whole: the damage shows only while rows are read."""
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"a": [f"text {i}" for i in range(500)]}), path)
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\xff" * 400 + data[404:])
    table = open_table(path, "parquet")

    assert table.header == ["a"]
    with pytest.raises(UsageError, match=r"^cannot read .*a\.parquet: [^\n]+$"):
        list(table.rows)


def test_parquet_that_unpacks_to_far_more_than_texts_do(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"a": ["x" * 1000] * 80_000}), path)
    assert path.stat().st_size < 100_000

    with pytest.raises(
        UsageError, match=r"a\.parquet: it is of .* unpacks to more than 67,108,864"
    ):
        list(open_table(path, "parquet").rows)
