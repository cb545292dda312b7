from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mtbench.matrix.designs import NamedCell, Stage
from mtbench.rendering import render
from mtbench.rendering.document import Document
from mtbench.store import RunFolder, State
from mtbench.study.durations import Estimate, Kin
from mtbench.study.plan import Plan, PlannedCell, PlannedRun
from mtbench.study.plan_document import CELLS_LISTED, document
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


def value_of(made: Document) -> Any:
    assert made.value is not None
    return made.value()


def test_people_are_told_counts_duration_cells_and_reasons() -> None:
    assert render(document(PLAN, ESTIMATE)) == (
        "a study: 4 cells, 6 runs (3 seeds): 2 stored, 4 to do (1 running, 1 failed); "
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


def test_to_do_is_one_number_for_people_programs_and_code() -> None:
    assert value_of(document(PLAN, NOTHING))["plan"]["to_do"] == len(PLAN.to_do()) == 4


def test_a_broken_cell_is_told_from_a_rejected_one() -> None:
    fault = "head 'b' of c: rejects raised KeyError: 'd' (c.py:1)"
    plan = Plan("a study", [0], [replace(cell("one"), fault=fault), *PLAN.cells[1:2]])

    made = document(plan, NOTHING)
    heading, *_, first, second = render(made).splitlines()

    assert heading.startswith("a study: 2 cells, 0 runs (1 seed): ")
    assert heading.endswith("; 1 cell rejected, 1 broken")
    assert (first, second) == (f"broken: 1 x {fault}", "rejected: 1 x heads.a (b): c, d")
    assert [(r["state"], r["reason"]) for r in made.records()] == [
        ("broken", fault),
        ("rejected", "heads.a (b): c, d"),
    ]


def test_programs_get_every_run_with_its_state() -> None:
    made = document(PLAN, ESTIMATE)
    value = value_of(made)

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
    assert made.records() == value["runs"]


def test_a_search_says_where_it_stands() -> None:
    stage = Stage("train.lr", ["one", "three"])
    plan = replace(
        PLAN, design="staged", stages=[stage], to_come=2, remarks=["stage 1", "2 to come"]
    )

    value = value_of(document(plan, NOTHING))
    lines = render(document(plan, ESTIMATE)).splitlines()

    assert (value["design"], value["to_come"]) == ("staged", 2)
    assert value["stages"] == [
        {"axis": "train.lr", "cells": ["one", "three"], "kept": "", "value": "", "problem": ""}
    ]
    assert value["remarks"] == lines[2:4] == ["stage 1", "2 to come"]


def test_a_plan_with_nothing_to_do_has_no_line_about_its_duration() -> None:
    with_it, without = (render(document(PLAN, e)).splitlines() for e in (ESTIMATE, NOTHING))

    assert without == [with_it[0], *with_it[2:]]


def test_people_see_the_first_cells_of_many_and_programs_all() -> None:
    many = Plan("many", [0], [cell(f"cell {i}", "missing") for i in range(CELLS_LISTED + 2)])

    made = document(many, NOTHING)

    shown = render(made)
    assert f"cell {CELLS_LISTED - 1} " in shown
    assert f"cell {CELLS_LISTED} " not in shown
    assert shown.endswith("... and 2 more (--format csv lists all)")
    assert made.records()[-1]["cell"] == f"cell {CELLS_LISTED + 1}"


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
        "missing: 3 x a stored run of that name differs in source of combiner "
        "(a [seed 0]: run 0123456789ab, ...)",
        "missing: 1 x a stored run of that name differs in data.sst "
        "(c [seed 0]: run 0123456789ab)",
    ]

    made = document(plan, NOTHING)
    assert render(made).splitlines()[-2:] == told
    assert [record["reason"] for record in made.records()] == [
        *["run 0123456789ab of that name differs in source of combiner"] * 3,
        "run 0123456789ab of that name differs in data.sst",
        "",
    ]
