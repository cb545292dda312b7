import pytest

from mtbench.cli.tables import print_table


def test_records_become_rows_as_they_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("scores", [{"run": "1e5", "n": "0010"}, {"run": "é", "n": "-"}])

    assert capsys.readouterr().out == ("\nscores\nrun    n\n-----  ----\n1e5    0010\né      -\n")


def test_without_a_title_the_table_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("", [{"a": "b"}])

    assert capsys.readouterr().out.startswith("a\n")


def test_no_record_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("nothing", [])

    assert capsys.readouterr().out == ""


def test_without_records_it_may_be_said_that_there_is_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table("nothing", [], empty="no runs here")

    assert capsys.readouterr().out == "no runs here\n"


def test_a_column_may_have_a_greatest_width(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("", [{"a": "one two three", "b": "-"}], widest=7)

    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()[2:]] == [
        "one two  -",
        "three",
    ]
