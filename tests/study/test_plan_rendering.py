import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mtbench.matrix.designs import NamedCell, Stage
from mtbench.store import RunFolder, State
from mtbench.study.durations import Estimate, Kin
from mtbench.study.plan import Plan, PlannedCell, PlannedRun
from mtbench.study.plan_rendering import (
    PLAN_FORMATS,
    SHOWN,
    as_csv,
    as_html,
    as_json,
    as_latex,
    as_markdown,
    as_text,
)
from mtbench.study.relatives import Moved


def cell(name: str, *states: State, rejection: str | None = None) -> PlannedCell:
    """Return a cell with a run a state, or a rejected one."""
    resolved: Any = SimpleNamespace(rejection=rejection)
    folders = [RunFolder(Path(f"{name}-{seed}")) for seed in range(len(states))]
    runs = [PlannedRun(folders[seed], seed, state) for seed, state in enumerate(states)]
    return PlannedCell(NamedCell(name, {}), resolved, runs)


PLAN = Plan(
    "a study",
    [0, 1, 2],
    [
        cell("one, é", "done", "failed", "done"),
        cell("two", rejection="heads.a (b): c, d"),
        cell("three", "missing", "running", "missing"),
        cell("four", rejection="heads.a (b): c, d"),
    ],
)

KIN = Kin("two, é", 1, ["train.steps"], rough=False)
ESTIMATE = Estimate(90.0, 2, 1, jobs=2, evidence={"runs": 1, "scaled": 1}, relatives=[KIN])
NOTHING = Estimate(seconds=0.0, runs=0, unknown=0, jobs=2)

RECORDS = [
    ("one, é", 0, "one, é-0", "done", ""),
    ("one, é", 1, "one, é-1", "failed", ""),
    ("one, é", 2, "one, é-2", "done", ""),
    ("two", None, None, "rejected", "heads.a (b): c, d"),
    ("three", 0, "three-0", "missing", ""),
    ("three", 1, "three-1", "running", ""),
    ("three", 2, "three-2", "missing", ""),
    ("four", None, None, "rejected", "heads.a (b): c, d"),
]


def test_latex_has_the_text_in_comments() -> None:
    heading, duration, _, *_, reason = as_text(PLAN, ESTIMATE).splitlines()

    assert as_latex(PLAN, ESTIMATE).splitlines() == [
        f"% {heading}",
        f"% {duration}",
        r"\begin{tabular}{ll}",
        r"\toprule",
        r" cell   & runs                 \\",
        r"\midrule",
        r" one, é & 2 done, 1 failed     \\",
        r" two    & rejected             \\",
        r" three  & 2 missing, 1 running \\",
        r" four   & rejected             \\",
        r"\bottomrule",
        r"\end{tabular}",
        f"% {reason}",
    ]


def test_text() -> None:
    assert as_text(PLAN, ESTIMATE) == (
        "a study: 4 cells, 6 runs (3 seeds): 2 stored, 2 to do, 1 running, 1 failed; "
        "2 cells rejected\n"
        "about 2 min for 2 of 3 runs, two at a time "
        "(1 by its nearest stored relative: two, é); "
        "1 has no timing yet (mtbench bench MATRIX measures it)\n"
        "\n"
        "cell    runs\n"
        "------  --------------------\n"
        "one, é  2 done, 1 failed\n"
        "two     rejected\n"
        "three   2 missing, 1 running\n"
        "four    rejected\n"
        "rejected: 2 x heads.a (b): c, d"
    )


def test_markdown_is_the_text_with_a_table_of_markdown() -> None:
    text, markdown = as_text(PLAN, ESTIMATE).splitlines(), as_markdown(PLAN, ESTIMATE).splitlines()

    assert (markdown[:3], markdown[-1]) == (text[:3], text[-1])
    assert markdown[5].split("|")[1:3] == [" one, é ", " 2 done, 1 failed     "]


def test_a_broken_cell_is_told_from_a_rejected_one() -> None:
    fault = "head 'b' of c: rejects raised KeyError: 'd' (c.py:1)"
    plan = Plan("a study", [0], [replace(cell("one"), fault=fault), *PLAN.cells[1:2]])

    heading, *_, first, second = as_text(plan, NOTHING).splitlines()
    records = json.loads(as_json(plan, NOTHING))["runs"]

    assert heading.startswith("a study: 2 cells, 0 runs (1 seed): ")
    assert heading.endswith("; 1 cell rejected, 1 broken")
    assert (first, second) == (f"broken: 1 x {fault}", "rejected: 1 x heads.a (b): c, d")
    assert [(r["state"], r["reason"]) for r in records] == [
        ("broken", fault),
        ("rejected", "heads.a (b): c, d"),
    ]
    first_row, _ = csv.DictReader(io.StringIO(as_csv(plan, NOTHING)))
    assert first_row["state"] == "broken"


def test_json() -> None:
    value = json.loads(as_json(PLAN, ESTIMATE))

    assert list(value) == ["matrix", "design", "plan", "stages", "to_come", "remarks", "runs"]
    assert (value["design"], value["stages"], value["remarks"]) == ("grid", [], [])
    relative = {"cell": "two, é", "runs": 1, "differs": ["train.steps"], "rough": False}
    estimate = {
        "seconds": 90.0,
        "runs": 2,
        "unknown": 1,
        "jobs": 2,
        "evidence": {"runs": 1, "scaled": 1},
        "relatives": [relative],
    }
    assert (value["matrix"], value["plan"]) == ("a study", PLAN.counts() | {"estimate": estimate})
    assert list(value["runs"][0]) == ["cell", "seed", "run", "state", "reason"]
    assert [tuple(record.values()) for record in value["runs"]] == RECORDS
    assert "é" in as_json(PLAN, ESTIMATE)


def test_a_search_says_where_it_stands() -> None:
    stage = Stage("train.lr", ["one", "three"])
    plan = replace(
        PLAN, design="staged", stages=[stage], to_come=2, remarks=["stage 1", "2 to come"]
    )

    value = json.loads(as_json(plan, NOTHING))
    lines = as_text(plan, ESTIMATE).splitlines()

    assert (value["design"], value["to_come"]) == ("staged", 2)
    assert value["stages"] == [
        {"axis": "train.lr", "cells": ["one", "three"], "kept": "", "value": "", "problem": ""}
    ]
    assert value["remarks"] == lines[2:4] == ["stage 1", "2 to come"]


def test_csv_holds_what_json_holds() -> None:
    heading, *rows = csv.reader(io.StringIO(as_csv(PLAN, ESTIMATE)))

    assert heading == ["cell", "seed", "run", "state", "reason"]
    assert [tuple(row) for row in rows] == [
        tuple("" if value is None else str(value) for value in record) for record in RECORDS
    ]


def test_a_plan_with_nothing_to_do_has_no_line_about_its_duration() -> None:
    with_it, without = as_text(PLAN, ESTIMATE).splitlines(), as_text(PLAN, NOTHING).splitlines()

    assert without == [with_it[0], *with_it[2:]]


@pytest.mark.parametrize("form", PLAN_FORMATS)
def test_a_rendering_ends_without_a_blank_line(form: str) -> None:
    assert PLAN_FORMATS[form](PLAN, ESTIMATE) == PLAN_FORMATS[form](PLAN, ESTIMATE).rstrip()


def test_people_see_the_first_cells_of_many_and_programs_all() -> None:
    many = Plan("many", [0], [cell(f"cell {i}", "missing") for i in range(SHOWN + 2)])

    shown: dict[str, Any] = {form: render(many, NOTHING) for form, render in PLAN_FORMATS.items()}

    for form in ("rich", "markdown"):
        assert f"cell {SHOWN - 1} " in shown[form]
        assert f"cell {SHOWN} " not in shown[form]
        assert shown[form].endswith("... and 2 more (--format csv lists all)")
    assert f"cell {SHOWN + 1}" in shown["csv"]
    assert f"cell {SHOWN + 1}" in shown["json"]


@pytest.mark.parametrize("form", [*PLAN_FORMATS, "html"])
def test_a_name_is_a_name_in_every_form(
    form: str, trap: str, is_harmless: Callable[[str, str], bool]
) -> None:
    cells = [cell(trap, "done"), cell(f"{trap}2", rejection=trap)]
    plan = replace(PLAN, title=trap, cells=cells, remarks=[trap])
    forms = {**PLAN_FORMATS, "html": as_html}

    assert is_harmless(form, forms[form](plan, ESTIMATE))


def moved(name: str, seeds: int, *parts: str) -> PlannedCell:
    """Return a cell of missing runs whose keys moved, since these parts differ."""
    found = {seed: Moved(f"0123456789abcdef{name}", parts) for seed in range(seeds)}
    return replace(cell(name, *["missing"] * seeds), moved=found)


def test_a_plan_says_why_runs_are_missing_that_were_trained_before() -> None:
    cells = [
        moved("a", 2, "code.combiner"),
        moved("b", 1, "code.combiner"),
        moved("c", 1, "data.sst"),
    ]
    plan = Plan("a study", [0, 1], [*cells, cell("d", "missing")])
    told = [
        "missing: 3 x a stored run of that name differs in code.combiner "
        "(a [seed 0]: run 0123456789ab, ...)",
        "missing: 1 x a stored run of that name differs in data.sst "
        "(c [seed 0]: run 0123456789ab)",
    ]

    assert as_text(plan, NOTHING).splitlines()[-2:] == told
    assert as_latex(plan, NOTHING).splitlines()[-2:] == [f"% {line}" for line in told]
    reasons = [run["reason"] for run in json.loads(as_json(plan, NOTHING))["runs"]]
    assert reasons == [row["reason"] for row in csv.DictReader(io.StringIO(as_csv(plan, NOTHING)))]
    assert reasons == [
        *["run 0123456789ab of that name differs in code.combiner"] * 3,
        "run 0123456789ab of that name differs in data.sst",
        "",
    ]
