import csv
import io
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mtbench.board.costs import Cost
from mtbench.board.effects import Effect
from mtbench.board.references import Difference
from mtbench.board.rendering import (
    FORMATS,
    as_csv,
    as_html,
    as_json,
    as_latex,
    as_markdown,
    as_terminal,
    flat_effects,
    flat_records,
)
from mtbench.board.standings import Leaderboard, Row, Score
from mtbench.components.registry import NAME
from mtbench.evidence.statistics import Interval
from mtbench.store import RunFolder
from mtbench.study.plan import PlannedRun
from mtbench.study.resolution import COLUMNS

COUNTS = {"cells": 3, "rejected": 1, "runs": 4, "stored": 4, "failed": 0, "running": 0, "to_do": 0}


def interval(estimate: float, error: float = 0.01) -> Interval:
    """Return an interval of 1.96 errors to both sides."""
    return Interval(estimate, error, 1e9, 2, 40)


def score(*seeds: float, paper: float | None = None, untrained: bool = False) -> Score:
    mean = sum(seeds) / len(seeds) if seeds else None
    return Score(
        mean=mean,
        sd=0.125 if seeds else None,
        seeds=seeds,
        paper=paper,
        untrained=untrained,
        interval=None if mean is None else interval(mean),
        gap=0.25 if seeds else None,
    )


RUNS = [PlannedRun(RunFolder(Path(n * 64)), seed, "done") for seed, n in enumerate("fe")]
COST = Cost(1068.0, {"sst": 8544.0, "sts": 0.0}, 0.75, 658.2, None)

ROWS = [
    Row(
        name="plain",
        config={"combiner": {"name": "sum"}},
        scores={"sst": score(0.25, 0.5, paper=0.391), "sts": score(-0.1, 0.3)},
        overall=score(0.075, 0.4, paper=0.254),
        status="done",
        runs=RUNS,
        reason="",
        levels={"combiner": "sum"},
        ranks=(2, 2),
        cost=COST,
    ),
    Row(
        name='a | pipe, a comma and "quotes"',
        config={},
        scores={"sst": score(1.0, 0.0), "sts": score(0.3, 0.2, untrained=True)},
        overall=score(0.65, 0.1),
        status="done",
        runs=RUNS,
        reason="",
        ranks=(1, 1),
        difference=Difference("plain", interval(0.1375), 0.0001),
        delta_m=interval(-4.26, 1.0),
        cost=replace(COST, peak_mb=None),
    ),
    Row(
        name="rejected",
        config={},
        scores={"sst": score(), "sts": score()},
        overall=score(),
        status="rejected",
        runs=[],
        reason="no pair",
    ),
]

EFFECTS = [
    Effect("combiner", "sum", 0.25, None, None, 1, 2),
    Effect("combiner", "pcgrad", 0.375, interval(0.125), 0.0002, 1, 2),
]

BOARD = Leaderboard(
    title="é study",
    metrics={"sst": "accuracy", "sts": "pearson"},
    rows=ROWS,
    counts=COUNTS,
    remarks=["unequal budget: from 1 to 2 optimiser steps", "[bold]plain[/bold]"],
    notes=["±: half of the 95% interval"],
    detectable=0.0421,
    effects=EFFECTS,
)

PLAIN = Leaderboard("t", {"sst": "accuracy"}, ROWS[2:], COUNTS, ["50 % of a_b"])


def records_of_csv() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_csv(BOARD))))


# --- for people -------------------------------------------------------------------------------


def test_markdown_is_pinned() -> None:
    assert as_markdown(BOARD).splitlines() == [
        "### é study",
        "",
        "| cell                            |   sst accuracy ↑ |   sts pearson ↑ |     overall ↑ "
        "|   rank |      difference |   delta-m % | status   |",
        "|:--------------------------------|-----------------:|----------------:|--------------:"
        "|-------:|----------------:|------------:|:---------|",
        "| plain                           |    0.375 ± 0.020 |   0.100 ± 0.020 | 0.238 ± 0.020 "
        "|      2 |               - |           - | done     |",
        '| a \\| pipe, a comma and "quotes" |    0.500 ± 0.020 |  0.250 ± 0.020† | 0.375 ± 0.020 '
        "|      1 | +0.138 ± 0.020* |  -4.3 ± 2.0 | done     |",
        "| rejected                        |                - |               - |             - "
        "|      - |               - |           - | rejected |",
        "",
        "- ±: half of the 95% interval",
        "- rejected: rejected: no pair",
        "",
        "#### Cost, and the gap between train and dev",
        "",
        "| cell                            |   gap |   steps |   sst examples |   sts examples "
        "|   minutes |   peak MB |",
        "|:--------------------------------|------:|--------:|---------------:|---------------:"
        "|----------:|----------:|",
        "| plain                           | 0.250 |   1,068 |          8,544 |              0 "
        "|       0.8 |       658 |",
        '| a \\| pipe, a comma and "quotes" | 0.250 |   1,068 |          8,544 |              0 '
        "|       0.8 |         - |",
        "| rejected                        |     - |       - |              - |              - "
        "|         - |         - |",
        "",
        "- gap: primary metric on a sample of train minus that on dev, mean over the tasks; all "
        "are means over a cell's runs",
        "",
        "#### Main effect of combiner on the overall",
        "",
        "| level   |   overall ↑ |      difference |      p |   matched cells |",
        "|:--------|------------:|----------------:|-------:|----------------:|",
        "| sum     |       0.250 |               - |      - |          1 of 2 |",
        "| pcgrad  |       0.375 | +0.125 ± 0.020* | < .001 |          1 of 2 |",
        "",
        "- difference: to the axis's first level, over the cells that have a partner there "
        "with the same levels on all other axes (* p < 0.05, Holm over all axes)",
        "",
        "#### As published",
        "",
        "| cell                            |   sst accuracy ↑ |   sts pearson ↑ |   overall ↑ |",
        "|:--------------------------------|-----------------:|----------------:|------------:|",
        "| plain                           |            0.391 |               - |       0.254 |",
        '| a \\| pipe, a comma and "quotes" |                - |               - |           - |',
        "| rejected                        |                - |               - |           - |",
        "",
        "#### Remarks",
        "",
        "- unequal budget: from 1 to 2 optimiser steps",
        "- [bold]plain[/bold]",
    ]


def test_latex_is_pinned() -> None:
    assert as_latex(replace(PLAIN, title="a_b")).splitlines() == [
        "% a_b",
        r"\begin{tabular}{lrrl}",
        r"\toprule",
        r" cell     &   sst accuracy $\uparrow$ &   overall $\uparrow$ & status   \\",
        r"\midrule",
        r" rejected &                - &           - & rejected \\",
        r"\bottomrule",
        r"\end{tabular}",
        "% rejected: rejected: no pair",
        "% 50 % of a_b",
    ]


def rows(text: str, form: str) -> list[list[str]]:
    """Return the cells of all tables, headings too, as people read them."""
    if form == "markdown":
        lines = [line for line in text.splitlines() if line.startswith("|") and "--" not in line]
        found = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
        return [[cell.strip().replace("\\|", "|") for cell in row] for row in found]
    lines = [line.removesuffix(r" \\") for line in text.splitlines() if line.endswith(r"\\")]
    for written, read in (
        *((r"$\pm$", "±"), ("$-$", "-"), (r"\textbar{}", "|"), (r"$\uparrow$", "↑")),
        *((r"\dag{}", "†"), (r"\%", "%"), (r"\ensuremath{<}", "<")),
    ):
        lines = [line.replace(written, read) for line in lines]
    return [[cell.strip() for cell in line.split(" & ")] for line in lines]


def test_latex_and_markdown_have_the_same_cells() -> None:
    assert rows(as_latex(BOARD), "latex") == rows(as_markdown(BOARD), "markdown")


def test_latex_has_notes_and_remarks_in_comments() -> None:
    comments = [line for line in as_latex(BOARD).splitlines() if line.startswith("%")]

    assert comments[:2] == ["% é study", "% ±: half of the 95% interval"]
    assert comments[-1] == "% [bold]plain[/bold]"


def test_markdown_and_terminal_have_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtbench.board.terminal.PIPE_WIDTH", 400)
    markdown = re.sub(
        r"^[#-] |^#+|^\|[:|-]+$|(?<!\\)\||\\(?=\|)", " ", as_markdown(BOARD), flags=re.M
    )

    assert re.findall(r"[^\s─]+", as_terminal(BOARD)) == markdown.split()


@pytest.mark.parametrize("form", FORMATS)
def test_a_broken_cell_has_its_reason_in_every_format(form: str) -> None:
    row = Row("broken one", {}, {}, score(), "broken", [], "head 'a' of b: c")

    shown = FORMATS[form](replace(BOARD, rows=[*BOARD.rows, row]))

    assert shown.count("head 'a' of b: c") == 1


# --- for programs -----------------------------------------------------------------------------


def test_json_has_the_promised_keys() -> None:
    value = json.loads(as_json(BOARD))

    assert list(value) == [
        *("matrix", "metrics", "cells", "effects", "detectable", "plan", "notes", "remarks")
    ]
    assert (value["matrix"], value["plan"], value["detectable"]) == ("é study", COUNTS, 0.0421)
    assert (value["remarks"], value["notes"]) == (BOARD.remarks, BOARD.notes)
    assert value["effects"] == flat_effects(BOARD)
    first, second, rejected = value["cells"]
    for cell in (first, second, rejected):
        assert list(cell) == [
            *("name", "config", "scores", "overall", "ranks", "difference", "delta_m", "cost"),
            *("levels", "status", "runs", "reason"),
        ]
    assert (first["levels"], first["ranks"], first["difference"]) == (
        {"combiner": "sum"},
        [2, 2],
        None,
    )
    assert (second["difference"]["against"], second["difference"]["p"]) == ("plain", 0.0001)
    assert [run["key"] for run in first["runs"]] == [run.key for run in RUNS]
    assert first["cost"]["examples"] == {"sst": 8544.0, "sts": 0.0}
    assert (rejected["reason"], rejected["cost"], rejected["runs"]) == ("no pair", None, [])


def test_json_has_all_of_a_score() -> None:
    first, second, _ = json.loads(as_json(BOARD))["cells"]

    assert second["scores"]["sts"] | {"interval": None} == {
        "mean": 0.25,
        "sd": 0.125,
        "seeds": [0.3, 0.2],
        "paper": None,
        "interval": None,
        "gap": 0.25,
        "untrained": True,
    }
    found = first["overall"]["interval"]
    assert (found["estimate"], found["error"]) == (first["overall"]["mean"], 0.01)
    assert found["df"] == 1e9
    assert (found["low"], found["high"]) == pytest.approx((0.2179, 0.2571), abs=1e-4)
    assert (found["seeds"], found["examples"], found["over"]) == (2, 40, "seeds and examples")
    assert "untrained" not in first["overall"]


def test_json_knows_neither_nan_nor_infinity() -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    certain = Difference("plain", Interval(0.1, 0.0, math.inf, 2, 40), 0.0)
    text = as_json(replace(BOARD, rows=[replace(ROWS[0], difference=certain)]))

    (cell,) = json.loads(text, parse_constant=refuse)["cells"]
    assert (cell["difference"]["interval"]["df"], cell["difference"]["interval"]["low"]) == (
        None,
        0.1,
    )


def test_an_overall_of_fewer_tasks_is_told() -> None:
    row = replace(ROWS[0], scores={"sst": ROWS[0].scores["sst"]})
    board = replace(BOARD, rows=[ROWS[0], row])

    assert [record["overall_all_tasks"] for record in flat_records(board)] == [True, False]
    cells = json.loads(as_json(board))["cells"]
    assert [cell["overall"]["all_tasks"] for cell in cells] == [True, False]


def test_no_task_can_be_called_like_a_column() -> None:
    columns = {name for name in flat_records(BOARD)[0] if not name.startswith(("sst", "sts"))}

    assert {name for name in columns if NAME.fullmatch(name)} == COLUMNS


def test_csv_has_one_column_a_number() -> None:
    def of_score(name: str) -> list[str]:
        return [name + end for end in ("", "_low", "_high", "_sd", "_n", "_gap", "_paper")]

    assert as_csv(BOARD).splitlines()[0].split(",") == [
        "cell",
        *of_score("sst"),
        *("sst_untrained", "sst_trained_on"),
        *of_score("sts"),
        *("sts_untrained", "sts_trained_on"),
        *of_score("overall"),
        "overall_all_tasks",
        *("seeds", "rank_best", "rank_worst"),
        *("against", "difference", "difference_low", "difference_high", "difference_p"),
        *("delta_m", "delta_m_low", "delta_m_high"),
        *("steps", "minutes", "peak_mb", "peak_device_mb", "status", "reason"),
    ]


def test_csv_keeps_all_digits() -> None:
    third = Score(1 / 3, None, [1 / 3], None)

    text = as_csv(replace(BOARD, rows=[replace(ROWS[0], overall=third)]))

    (record,) = csv.DictReader(io.StringIO(text))
    assert float(record["overall"]) == 1 / 3
    assert (record["overall_low"], record["overall_n"]) == ("", "")


def test_csv_has_the_numbers_of_json() -> None:
    cells = {cell["name"]: cell for cell in json.loads(as_json(BOARD))["cells"]}

    seen = 0
    for record in records_of_csv():
        cell = cells[record["cell"]]
        for name, found in [*cell["scores"].items(), ("overall", cell["overall"])]:
            interval = found["interval"] or dict.fromkeys(("low", "high", "examples"))
            expected = {
                "": found["mean"],
                "_sd": found["sd"],
                "_paper": found["paper"],
                "_gap": found["gap"],
                "_low": interval["low"],
                "_high": interval["high"],
                "_n": interval["examples"],
            }
            for suffix, number in expected.items():
                text = record[name + suffix]
                assert (float(text) if text else None) == number
                seen += number is not None
    assert seen > 30


def test_flat_records_hold_none_where_there_is_nothing() -> None:
    first, second, rejected = flat_records(BOARD)

    assert {*first} == {*second} == {*rejected}
    assert (second["against"], second["difference"], second["difference_p"]) == (
        "plain",
        0.1375,
        0.0001,
    )
    assert (second["rank_best"], second["rank_worst"], second["delta_m"]) == (1, 1, -4.26)
    assert (first["sst_trained_on"], first["minutes"], first["against"]) == (8544.0, 0.75, None)
    known = {key: value for key, value in rejected.items() if value is not None}
    assert known == {
        "cell": "rejected",
        "seeds": 0,
        "status": "rejected",
        "reason": "no pair",
        "sst_untrained": False,
        "sts_untrained": False,
        "overall_all_tasks": True,
    }


def test_flat_effects() -> None:
    first, second = flat_effects(BOARD)
    expected: dict[str, Any] = {"axis": "combiner", "level": "sum", "overall": 0.25}

    assert first == expected | {
        **dict.fromkeys(("difference", "difference_low", "difference_high", "p")),
        "matched": 1,
        "cells": 2,
    }
    assert (second["difference"], second["p"], second["overall"]) == (0.125, 0.0002, 0.375)


@pytest.mark.parametrize("form", [*FORMATS, "html"])
def test_a_name_is_a_name_in_every_form(
    form: str, trap: str, is_harmless: Callable[[str, str], bool]
) -> None:
    board = replace(
        BOARD,
        title=trap,
        metrics={trap: "accuracy"},
        rows=[
            replace(
                row, name=f"{trap}{place}", reason=row.reason and trap, scores={trap: score(0.5)}
            )
            for place, row in enumerate(ROWS)
        ],
        effects=[Effect(trap, trap, 0.25, None, None, 1, 2)],
        remarks=[trap],
        notes=[trap],
    )
    forms = {**FORMATS, "html": as_html}

    assert is_harmless(form, forms[form](board))
