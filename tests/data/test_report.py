from collections.abc import Mapping

import pytest

from mtbench.data.report import lines, report
from mtbench.data.token_column import TokenColumn
from mtbench.data.tokenisation import TextCounts
from mtbench.protocols import BadRow, Examples, Split, Tokens


def examples(*texts: str, bad_rows: tuple[BadRow, ...] = ()) -> Examples:
    ids = tuple(map(str, range(len(texts))))
    return Examples(ids, tuple((text,) for text in texts), (0.0,) * len(texts), bad_rows)


def column(*cut: bool) -> tuple[TokenColumn]:
    return (TokenColumn.of([Tokens([1], [0], each) for each in cut]),)


GIVEN: Mapping[str, Mapping[Split, Examples]] = {
    "sst": {
        "train": examples("a", "b", "c"),
        "dev": examples("b", "d", bad_rows=(BadRow("dev.csv", 7, "its label is empty"),)),
    },
    "mine": {"train": examples("a"), "dev": examples("b")},
}


def test_a_run_reports_rows_and_texts_by_task_and_split(
    capsys: pytest.CaptureFixture[str],
) -> None:
    none = {"examples": 1, "cut": 0, "empty": 0}

    found = report(
        GIVEN,
        {
            "sst": {"train": column(True, False), "dev": column(False, False)},  # a share of train
            "mine": {"train": column(False), "dev": column(False)},
        },
    )

    assert found == {
        "left_out": {"sst": {"train": 0, "dev": 1}, "mine": {"train": 0, "dev": 0}},
        "texts": {
            "sst": {
                "train": {"examples": 2, "cut": 1, "empty": 0, "shared": None},
                "dev": {"examples": 2, "cut": 0, "empty": 0, "shared": 1},
            },
            "mine": {"train": {**none, "shared": None}, "dev": {**none, "shared": 0}},
        },
    }
    assert capsys.readouterr().err.splitlines() == [
        "sst train: 1 of 2 examples cut to the longest sequence that the encoder takes",
        "left out of sst dev: dev.csv:7: its label is empty",
        "sst dev: 1 of 2 examples with texts that are in train as well",
    ]


def test_texts_that_are_as_they_should_be_have_no_line() -> None:
    assert list(lines(TextCounts(9, 0, 0, 0))) == []
    assert list(lines(TextCounts(9, 0, 0))) == []
    assert list(lines(TextCounts(1200, 0, 1100, None))) == [
        "1,100 of 1,200 examples with a text that tokenises to nothing"
    ]
