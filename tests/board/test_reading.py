from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mtbench.board.reading import compared_with, notes
from mtbench.board.relative_gain import SingleTaskCells
from mtbench.evidence.outcomes import CellOutcomes, TaskOutcomes
from mtbench.evidence.statistics import Sample
from mtbench.matrix.designs import NamedCell
from mtbench.store import RunFolder
from mtbench.study.plan import Plan, PlannedCell, PlannedRun


def cell(seeds: int, examples: int = 1200) -> CellOutcomes:
    outcomes = np.zeros((seeds, examples))
    sample = Sample(np.zeros(seeds), outcomes)
    return CellOutcomes("x", range(seeds), {"sst": TaskOutcomes("accuracy", "dev", sample)})


def plan(*against: str) -> Plan:
    run = PlannedRun(RunFolder(Path("k")), 0, "done")
    resolved: Any = SimpleNamespace(tasks={"sst": None})
    cells = [
        PlannedCell(NamedCell(f"c{i}", {}, against=other), resolved, [run])
        for i, other in enumerate(against)
    ]
    return Plan("t", [0, 1], cells)


REFUSED = SingleTaskCells({}, "why")


def read(cells: Sequence[CellOutcomes | None], *against: str, **given: Any) -> list[str]:
    named = against or ("",) * len(cells)
    values = {"ranked": {}, "detectable": None, "singles": REFUSED} | given
    return list(notes(plan(*named), cells, **values))


def test_nothing_stored_nothing_to_say() -> None:
    assert read([None, None]) == []


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([cell(3), None], "over seeds and examples (seeds: 3; dev: sst 1,200)"),
        ([cell(1)], "over examples, this checkpoint only (seeds: 1; dev: sst 1,200)"),
        (
            [cell(1), cell(3, 900)],
            "over seeds and examples (seeds: 1 to 3; dev: sst 900 or 1,200); "
            "‡ one seed: over examples, this checkpoint only",
        ),
    ],
)
def test_what_intervals_are_over(cells: Sequence[CellOutcomes], said: str) -> None:
    first, *_ = read(cells)

    assert first == f"±: half of the 95% interval of the mean, {said}"


@pytest.mark.parametrize("seeds", [1, 2])
def test_an_overall_of_fewer_tasks_is_told(seeds: int) -> None:
    found = plan("", "")
    tasks: Any = SimpleNamespace(tasks={"sst": None, "sts": None})
    found = replace(found, cells=[found.cells[0], replace(found.cells[1], resolved=tasks)])

    _, told, _ = notes(found, [cell(seeds)] * 2, ranked={}, detectable=None, singles=REFUSED)

    assert told == "‖ overall of fewer tasks than the table has: not comparable"
    assert not any("‖" in note for note in read([cell(seeds)] * 2))


def with_task(largest: float | None, metric: str = "accuracy") -> CellOutcomes:
    task = TaskOutcomes(metric, "dev", None, largest=largest)
    return replace(cell(2), tasks={"sst": task})


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([with_task(0.2531)], ["sst 0.253"]),
        ([with_task(0.3), None, with_task(0.25), with_task(0.3)], ["sst 0.250 or 0.300"]),
        ([with_task(0.3, "macro_f1")], []),
        ([with_task(0.3, "pearson")], []),
        ([with_task(None)], []),
    ],
)
def test_the_largest_class_is_chance_of_an_accuracy(
    cells: Sequence[CellOutcomes | None], said: Sequence[str]
) -> None:
    told = [note for note in read(cells) if "chance" in note]

    assert told == [f"chance, the share of the largest class of dev: {each}" for each in said]


def test_ranks_say_among_which_cells() -> None:
    ranked = {0: (1, 2), 1: (1, 2)}

    _, every, _ = read([cell(2)] * 2, ranked=ranked)
    _, some, _ = read([cell(2)] * 3, ranked=ranked)

    assert "overall (paired" in every
    assert "overall among 2 of 3 cells, those with all seeds and the tasks sst (paired" in some


def test_the_detectable_difference_is_told() -> None:
    _, told, _ = read([cell(2)], detectable=0.01234)

    assert told.startswith("minimum detectable difference on the overall: 0.012 (")
    assert told.endswith("a test at 5%, power 80%)")


@pytest.mark.parametrize(
    ("against", "said"),
    [
        (("", "c0", "c1"), "difference: to the row above, on the overall, paired (* p < 0.05, "),
        (("", "c0", "c0"), "difference: to 'c0', on the overall, paired (* p < 0.05, "),
        (("c1", "", "c0"), "difference: to the cell named, on the overall, paired (* p < 0.05, "),
        (("", "x", "x"), "no differences: 'x', which they would be to, is not in this table"),
    ],
)
def test_differences_say_what_they_are_to(against: Sequence[str], said: str) -> None:
    _, told, _ = read([cell(2)] * 3, *against)

    assert told.startswith(said)


def test_one_seed_is_not_tested() -> None:
    _, told, _ = read([cell(1)] * 2, "", "c0")

    assert told.endswith("(one seed, so no test)")


def test_delta_m_is_explained_or_refused() -> None:
    refused = read([cell(2)])[-1]
    explained = read([cell(2)], singles=SingleTaskCells({"sst": cell(2)}))[-1]

    assert refused == "no delta-m, the gain over single-task cells: why"
    assert explained.endswith("relative to training a task alone (sst: x)")


@pytest.mark.parametrize(
    ("against", "said"),
    [
        (["", "a", "a"], "to 'a'"),
        (["b", "", "b"], "to 'b'"),
        (["", "a", "b"], "to the row above"),
        (["", "c", "a"], ""),
    ],
)
def test_one_phrase_or_none(against: Sequence[str], said: str) -> None:
    assert compared_with(["a", "b", "c"], against) == said
