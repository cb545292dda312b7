import re

import pytest

from mtbench.board.tables import Table
from mtbench.board.terminal import draw

RECORDS = [
    {
        "cell": name,
        "sst accuracy ↑": "0.375 ± 0.125",
        "sts pearson ↑": "-0.042 ± 0.124†",
        "overall ↑": "0.237 ± 0.016",
        "difference": "+0.186 ± 0.028*",
        "status": "failed: NonFiniteLoss: it is nan",
    }
    for name in ("plain", "a much longer name of a cell, with commas")
]
TABLE = Table("", RECORDS, ["a note of several words"])
OTHER = Table("Cost", [{"cell": "plain", "steps": "1,068"}])


def words(text: str) -> list[str]:
    """Return the words of tables whatever lines they stand on, without their frames."""
    return sorted(re.findall(r"[^\s─]+", text))


@pytest.mark.parametrize("width", [20, 60, 90, 97, 100, 120])
def test_a_narrow_table_folds_between_words_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr("mtbench.board.terminal.PIPE_WIDTH", 400)
    whole = draw("t", [TABLE, OTHER], ["a remark"])
    monkeypatch.setattr("mtbench.board.terminal.PIPE_WIDTH", width)

    narrow = draw("t", [TABLE, OTHER], ["a remark"])

    assert words(narrow) == words(whole)
    assert max(map(len, narrow.splitlines())) < max(map(len, whole.splitlines()))


def test_words_give_way_before_numbers_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtbench.board.terminal.PIPE_WIDTH", 105)
    wide = draw("t", [TABLE], [])
    monkeypatch.setattr("mtbench.board.terminal.PIPE_WIDTH", 60)
    narrow = draw("t", [TABLE], [])

    assert wide.count("+0.186 ± 0.028*") == 2
    assert "much longer name" not in wide
    assert re.search(r"\d ± ", narrow) is None
    assert "± 0.028*" in narrow


def test_a_table_is_as_wide_as_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtbench.board.terminal.PIPE_WIDTH", 115)

    assert max(map(len, draw("t", [TABLE], []).splitlines())) in (114, 115)


def test_the_longest_of_words_is_cut_in_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtbench.board.terminal.PIPE_WIDTH", 20)

    lines = draw("t", [Table("", [{"cell": "x" * 50}])], []).splitlines()

    assert [len(found) for line in lines for found in re.findall("x+", line)] == [20, 20, 10]


def test_titles_notes_and_remarks_stand_where_they_belong() -> None:
    lines = [line.strip() for line in draw("t", [TABLE, OTHER], ["[bold]x[/bold]"]).splitlines()]

    assert lines[0] == "t"
    assert lines.index("a note of several words") < lines.index("Cost")
    assert lines[-2:] == ["Remarks", "[bold]x[/bold]"]


def test_a_log_gets_no_colours() -> None:
    assert "\x1b" not in draw("t", [TABLE], ["a remark"])


def test_a_name_may_hold_markup() -> None:
    text = draw("[t]", [Table("", [{"cell": "[red]x[/red]"}])], [])

    assert text.startswith("[t]")
    assert "[red]x[/red]" in text


def test_a_heading_is_no_markup() -> None:
    shown = draw("[red]t[/red]", [Table("", [{"cell": "a", "[bold]task": "\x1b[31m"}])], [])

    assert "[red]t[/red]" in shown
    assert "[bold]task" in shown
    assert r"\x1b[31m" in shown
