import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from mtbench.board.costs import Cost
from mtbench.board.effects import Effect
from mtbench.board.records import board_value, row_records
from mtbench.board.references import Difference
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


RUNS = [PlannedRun(RunFolder(Path(key * 64)), seed, "done") for seed, key in enumerate("fe")]
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


def test_json_has_the_promised_keys() -> None:
    value = board_value(BOARD)

    assert list(value) == [
        *("matrix", "metrics", "cells", "effects", "detectable", "plan", "notes", "remarks")
    ]
    assert (value["matrix"], value["plan"], value["detectable"]) == ("é study", COUNTS, 0.0421)
    assert (value["remarks"], value["notes"]) == (BOARD.remarks, BOARD.notes)
    nothing = dict.fromkeys(("difference", "difference_low", "difference_high", "p"))
    assert value["effects"][0] == {
        "axis": "combiner",
        "level": "sum",
        "overall": 0.25,
        **nothing,
        "matched": 1,
        "cells": 2,
    }
    assert value["effects"][1]["difference"] == 0.125
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
    first, second, _ = board_value(BOARD)["cells"]

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
    certain = Difference("plain", Interval(0.1, 0.0, math.inf, 2, 40), 0.0)
    value = board_value(replace(BOARD, rows=[replace(ROWS[0], difference=certain)]))

    (cell,) = json.loads(json.dumps(value, allow_nan=False))["cells"]
    assert (cell["difference"]["interval"]["df"], cell["difference"]["interval"]["low"]) == (
        None,
        0.1,
    )


def test_an_overall_of_fewer_tasks_is_told() -> None:
    row = replace(ROWS[0], scores={"sst": ROWS[0].scores["sst"]})
    board = replace(BOARD, rows=[ROWS[0], row])

    assert [record["overall_all_tasks"] for record in row_records(board)] == [True, False]
    cells = board_value(board)["cells"]
    assert [cell["overall"]["all_tasks"] for cell in cells] == [True, False]


def test_no_task_can_be_called_like_a_column() -> None:
    columns = {name for name in row_records(BOARD)[0] if not name.startswith(("sst", "sts"))}

    assert {name for name in columns if NAME.fullmatch(name)} == COLUMNS


def test_records_have_one_key_a_number() -> None:
    def of_score(name: str) -> list[str]:
        return [name + end for end in ("", "_low", "_high", "_sd", "_n", "_gap", "_paper")]

    assert list(row_records(BOARD)[0]) == [
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


def test_records_have_the_numbers_of_json() -> None:
    seen = 0
    for record, cell in zip(row_records(BOARD), board_value(BOARD)["cells"], strict=True):
        for name, score in [*cell["scores"].items(), ("overall", cell["overall"])]:
            interval = score["interval"] or dict.fromkeys(("low", "high", "examples"))
            expected = {
                "": score["mean"],
                "_sd": score["sd"],
                "_paper": score["paper"],
                "_gap": score["gap"],
                "_low": interval["low"],
                "_high": interval["high"],
                "_n": interval["examples"],
            }
            assert {suffix: record[name + suffix] for suffix in expected} == expected
            seen += sum(number is not None for number in expected.values())
    assert seen > 30


def test_records_hold_none_where_there_is_nothing() -> None:
    first, second, rejected = row_records(BOARD)

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
