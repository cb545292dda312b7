import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mtbench.planning import PlannedRun
from mtbench.rendering import FORMATS, as_csv, as_json, as_latex, as_markdown, as_terminal
from mtbench.standings import Leaderboard, Row, Score

COUNTS = {"cells": 5, "rejected": 1, "runs": 6, "stored": 5, "failed": 1, "running": 0, "to_do": 0}


def score(*seeds: float | None, paper: float | None = None, untrained: bool = False) -> Score:
    defined = [value for value in seeds if value is not None]
    complete = bool(seeds) and len(defined) == len(seeds)
    mean = round(sum(defined) / len(defined), 3) if complete else None
    sd = 0.125 if complete and len(defined) > 1 else None
    return Score(mean, sd, seeds, paper, untrained)


NOTHING = score()
RUNS = [PlannedRun("f" * 64, 0, "done"), PlannedRun("e" * 64, 1, "failed")]

ROWS = [
    Row(
        name="plain",
        config={"combiner": {"name": "sum"}},
        scores={"sst": score(0.25, 0.5, paper=0.391), "sts": score(-0.1, 0.3, paper=-0.009)},
        overall=score(0.075, 0.4, paper=0.254),
        status="done",
        runs=RUNS,
        reason="",
    ),
    Row(
        name='a | pipe, a comma and "quotes"',
        config={},
        scores={"sst": score(1.0, 0.0), "sts": score(0.3, 0.2, untrained=True)},
        overall=score(0.65, 0.1),
        status="done",
        runs=RUNS,
        reason="",
    ),
    Row(
        name="undefined",
        config={},
        scores={"sst": score(0.5), "sts": score(None)},
        overall=score(None),
        status="partial",
        runs=RUNS,
        reason="",
    ),
    Row(
        name="rejected",
        config={},
        scores={"sst": NOTHING, "sts": NOTHING},
        overall=NOTHING,
        status="rejected",
        runs=[],
        reason="no pair",
    ),
    Row(
        name="one task",
        config={},
        scores={"sst": score(0.1)},
        overall=score(0.1),
        status="failed",
        runs=RUNS,
        reason="NonFiniteLoss: it is nan",
    ),
]

BOARD = Leaderboard(
    title="é study",
    metrics={"sst": "accuracy", "sts": "pearson"},
    rows=ROWS,
    counts=COUNTS,
    remarks=["unequal budget: the cells took from 1 to 2 optimiser steps", "[bold]plain[/bold]"],
)

HEADINGS = [
    "cell",
    "sst accuracy",
    "sst (paper)",
    "sts pearson",
    "sts (paper)",
    "overall",
    "overall (paper)",
    "seeds",
    "status",
]


def markdown_rows(text: str) -> list[list[str]]:
    """Return the cells of the lines of a Markdown table, heading first."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if "---" not in line]
    return [[text.strip().replace("\\|", "|") for text in row] for row in rows]


def terminal_rows(text: str) -> list[list[str]]:
    """Return the cells of the lines of a terminal's table, heading first."""
    table = text.splitlines()
    rule = next(index for index, line in enumerate(table) if "──" in line)
    rows = [table[rule - 1], *table[rule + 1 : rule + 1 + len(ROWS)]]
    return [re.split(r" {2,}", row.strip()) for row in rows]


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no line of a terminal's table be folded."""
    monkeypatch.setattr("mtbench.rendering.PIPE_WIDTH", 400)


def records_of_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def numbers() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield row, column and what JSON has of every score."""
    for cell in json.loads(as_json(BOARD))["cells"]:
        for column, found in [*cell["scores"].items(), ("overall", cell["overall"])]:
            yield cell["name"], column, found


# --- each format ------------------------------------------------------------------------------


def test_json_has_the_promised_keys() -> None:
    value = json.loads(as_json(BOARD))

    assert list(value) == ["matrix", "metrics", "cells", "plan", "remarks"]
    assert (value["matrix"], value["plan"]) == ("é study", COUNTS)
    assert value["remarks"] == BOARD.remarks
    for row, cell in zip(ROWS, value["cells"], strict=True):
        assert list(cell) == ["name", "config", "scores", "overall", "status", "runs", "reason"]
        assert (cell["name"], cell["config"], cell["status"], cell["reason"]) == (
            row.name,
            row.config,
            row.status,
            row.reason,
        )
        assert [(run["key"], run["seed"], run["state"]) for run in cell["runs"]] == [
            (run.key, run.seed, run.state) for run in row.runs
        ]
        for task, found in cell["scores"].items():
            assert found == {
                "mean": row.scores[task].mean,
                "sd": row.scores[task].sd,
                "seeds": list(row.scores[task].seeds),
                "paper": row.scores[task].paper,
                "untrained": row.scores[task].untrained,
            }
        assert set(cell["overall"]) == {"mean", "sd", "seeds", "paper"}


def test_json_knows_no_nan() -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    json.loads(as_json(BOARD), parse_constant=refuse)


def test_csv_has_one_column_a_number() -> None:
    heading = as_csv(BOARD).splitlines()[0].split(",")

    assert heading == [
        "cell",
        *("sst", "sst_sd", "sst_paper", "sst_untrained"),
        *("sts", "sts_sd", "sts_paper", "sts_untrained"),
        *("overall", "overall_sd", "overall_paper"),
        *("seeds", "status", "reason"),
    ]
    names = [record["cell"] for record in records_of_csv(as_csv(BOARD))]
    assert names == [row.name for row in ROWS]


def test_markdown_is_pinned() -> None:
    board = Leaderboard("t", {"sst": "accuracy"}, [ROWS[4], ROWS[3]], COUNTS, ["a remark"])

    assert as_markdown(board).splitlines() == [
        "### t",
        "",
        "| cell     |   sst accuracy |   overall |   seeds | status                           |",
        "|:---------|---------------:|----------:|--------:|:---------------------------------|",
        "| one task |          0.100 |     0.100 |       1 | failed: NonFiniteLoss: it is nan |",
        "| rejected |              - |         - |       0 | rejected: no pair                |",
        "",
        "- a remark",
    ]


def test_latex_is_pinned() -> None:
    board = Leaderboard("a_b", {"sst": "accuracy"}, [ROWS[4], ROWS[3]], COUNTS, ["50 % of a_b"])

    assert as_latex(board).splitlines() == [
        "% a_b",
        r"\begin{tabular}{lrrrl}",
        r"\toprule",
        r" cell     &   sst accuracy &   overall &   seeds & status                           \\",
        r"\midrule",
        r" one task &          0.100 &     0.100 &       1 & failed: NonFiniteLoss: it is nan \\",
        r" rejected &              - &         - &       0 & rejected: no pair                \\",
        r"\bottomrule",
        r"\end{tabular}",
        "% 50 % of a_b",
    ]


def latex_rows(text: str) -> list[list[str]]:
    """Return the cells of the rows of a LaTeX table, heading first, as people read them."""
    lines = [line.removesuffix(r" \\") for line in text.splitlines() if line.endswith(r"\\")]
    for written, read in ((r"$\pm$", "±"), ("$-$", "-"), (r"\textbar{}", "|"), ("{[}", "[")):
        lines = [line.replace(written, read) for line in lines]
    return [[text.strip() for text in line.split(" & ")] for line in lines]


def test_latex_and_markdown_have_the_same_cells() -> None:
    assert latex_rows(as_latex(BOARD)) == markdown_rows(as_markdown(BOARD))


@pytest.mark.usefixtures("wide")
def test_markdown_and_terminal_have_the_same_cells() -> None:
    heading, *rows = markdown_rows(as_markdown(BOARD))

    assert heading == HEADINGS
    assert [len(row) for row in rows] == [len(HEADINGS)] * len(ROWS)
    assert terminal_rows(as_terminal(BOARD)) == [heading, *rows]


# --- the same numbers in all ------------------------------------------------------------------


def test_csv_has_the_numbers_of_json() -> None:
    records = {record["cell"]: record for record in records_of_csv(as_csv(BOARD))}

    seen = 0
    for name, column, found in numbers():
        for key, suffix in (("mean", ""), ("sd", "_sd"), ("paper", "_paper")):
            text = records[name][column + suffix]
            assert (float(text) if text else None) == found[key]
            seen += found[key] is not None
        if "untrained" in found:
            assert records[name][f"{column}_untrained"] == str(found["untrained"])
    assert seen > 15


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("form", ["markdown", "rich", "latex"])
def test_tables_have_the_numbers_of_json(form: str) -> None:
    read = {"markdown": markdown_rows, "rich": terminal_rows, "latex": latex_rows}[form]
    heading, *rows = read(FORMATS[form](BOARD))
    table = {row[0]: dict(zip(heading, row, strict=True)) for row in rows}
    columns = {"sst": "sst accuracy", "sts": "sts pearson", "overall": "overall"}

    for name, column, found in numbers():
        text = table[name][columns[column]]
        if not found["seeds"]:
            assert text == "-"
            continue
        mean, _, spread = text.removesuffix(" untrained").partition(" ± ")
        assert (None if mean == "undefined" else float(mean)) == found["mean"]
        assert (float(spread) if spread else None) == found["sd"]
        assert text.endswith(" untrained") == found.get("untrained", False)
        paper = table[name][f"{column} (paper)"]
        assert (None if paper == "-" else float(paper)) == found["paper"]
        assert int(table[name]["seeds"]) == len(found["seeds"])


def test_a_score_has_three_digits_everywhere() -> None:
    for form in ("markdown", "rich", "latex", "csv"):
        found = re.findall(r"\d+\.\d+", FORMATS[form](BOARD))
        assert found
        assert {len(number.partition(".")[2]) for number in found} == {3}


# --- marks ------------------------------------------------------------------------------------


def test_marks() -> None:
    heading, *rows = markdown_rows(as_markdown(BOARD))
    table = {row[0]: dict(zip(heading, row, strict=True)) for row in rows}

    assert table["plain"]["sst accuracy"] == "0.375 ± 0.125"
    assert table['a | pipe, a comma and "quotes"']["sts pearson"] == "0.250 ± 0.125 untrained"
    assert table["undefined"]["sts pearson"] == table["undefined"]["overall"] == "undefined"
    assert table["rejected"]["status"] == "rejected: no pair"
    assert table["one task"]["status"] == "failed: NonFiniteLoss: it is nan"
    assert table["one task"]["sts pearson"] == "-"


def test_remarks_stand_below_people_s_tables_as_they_are() -> None:
    assert as_markdown(BOARD).endswith(
        "\n\n- unequal budget: the cells took from 1 to 2 optimiser steps\n- [bold]plain[/bold]"
    )
    assert as_terminal(BOARD).splitlines()[-1].strip() == "[bold]plain[/bold]"


def test_papers_have_columns_only_where_there_are_any() -> None:
    board = Leaderboard("t", BOARD.metrics, ROWS[1:], COUNTS, [])

    assert "(paper)" not in as_markdown(board)


def test_a_terminal_s_table_says_an_equal_number_of_seeds_once() -> None:
    board = Leaderboard("t", BOARD.metrics, ROWS[:2], COUNTS, [])

    assert as_terminal(board).startswith("t (seeds: 2)")
    assert "seeds" not in as_terminal(board).splitlines()[2]


def words(text: str) -> list[str]:
    """Return the words of a table whatever lines they stand on, without its frame."""
    return sorted(re.findall(r"[^\s─]+", text))


@pytest.mark.parametrize("width", [20, 60, 90, 97, 100, 120])
def test_a_narrow_table_folds_between_words_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr("mtbench.rendering.PIPE_WIDTH", 400)
    whole = as_terminal(BOARD)
    monkeypatch.setattr("mtbench.rendering.PIPE_WIDTH", width)

    narrow = as_terminal(BOARD)

    assert words(narrow) == words(whole)
    assert max(map(len, narrow.splitlines())) < max(map(len, whole.splitlines()))


def test_a_table_is_as_wide_as_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtbench.rendering.PIPE_WIDTH", 120)

    assert max(len(line.rstrip()) for line in as_terminal(BOARD).splitlines()) in (119, 120)


def test_the_longest_of_words_is_cut_in_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtbench.rendering.PIPE_WIDTH", 20)
    row = Row("x" * 50, {}, {}, NOTHING, "missing", [], "")

    lines = as_terminal(Leaderboard("t", {}, [row], COUNTS, [])).splitlines()

    assert [len(found) for line in lines for found in re.findall("x+", line)] == [20, 20, 10]


def test_a_log_gets_no_colours() -> None:
    assert "\x1b" not in as_terminal(BOARD)


def test_a_name_may_hold_markup() -> None:
    row = Row("[red]x[/red]", {}, {}, NOTHING, "missing", [], "")

    text = as_terminal(Leaderboard("[t]", {}, [row], COUNTS, []))

    assert text.startswith("[t] (seeds: 0)")
    assert "[red]x[/red]" in text


@pytest.mark.parametrize("form", FORMATS)
def test_a_broken_cell_has_its_reason_in_every_format(form: str) -> None:
    row = Row("broken one", {}, {}, NOTHING, "broken", [], "head 'a' of b: c")

    shown = FORMATS[form](replace(BOARD, rows=[*BOARD.rows, row]))

    assert shown.count("head 'a' of b: c") == 1
