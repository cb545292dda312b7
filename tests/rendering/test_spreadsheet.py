import csv
import io

import pytest

from mtbench.rendering.spreadsheet import as_csv


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ('=HYPERLINK("http://example.com","x")', '\'=HYPERLINK("http://example.com","x")'),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", r"'\t=1"),
        ("\r=1", r"'\r=1"),
        ("\nx", r"'\nx"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("lr=-1", "lr=-1"),
        ("combiner=sum, heads.sts=linear", "combiner=sum, heads.sts=linear"),
        ('a "quoted" | name', 'a "quoted" | name'),
        ("", ""),
        ("two\nlines\x1b", r"two\nlines\x1b"),
    ],
)
def test_no_text_is_a_formula(text: str, cell: str) -> None:
    assert read(as_csv([{"cell": text, text: "x"}])) == [["cell", cell], [cell, "x"]]


def test_numbers_stay_numbers() -> None:
    row = {"a": -0.5, "b": 1 / 3, "c": -3, "d": None, "e": True, "f": 1e-300}
    assert as_csv([row, row]).splitlines() == [
        "a,b,c,d,e,f",
        *["-0.5,0.3333333333333333,-3,,True,1e-300"] * 2,
    ]


def test_without_records_there_is_nothing() -> None:
    assert as_csv([]) == ""
