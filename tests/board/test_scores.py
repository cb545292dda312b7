from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtbench.board.records import SCORES, score_records
from mtbench.components.registry import Registry
from mtbench.matrix.file import NamedCell
from mtbench.store import PREDICTIONS, Result, Store
from mtbench.study.plan import Plan
from mtbench.study.planner import Planner

SEVERAL, REJECTED, UNDEFINED = "several", "a cosine on one sentence", "undefined"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def plan(store: Store, a_result: Callable[..., Result]) -> Plan:
    """Three cells: one with two runs of three, one rejected, one with an undefined score."""
    tasks = [
        {"name": f"sample-{name}", "as": name, "train": 8, "dev": 6} for name in ("sst", "sts")
    ]
    base: dict[str, Any] = {"tasks": tasks, "train": {"steps": 1}}
    cells = [
        NamedCell(SEVERAL, base, paper={"sst": 0.5, "overall": 0.25}),
        NamedCell(REJECTED, {**base, "heads": {"sst": {"name": "cosine"}}}),
        NamedCell(UNDEFINED, {**base, "combiner": {"name": "pcgrad"}}),
    ]

    def result(accuracy: float, pearson: float | None) -> Result:
        dev = {"sst": {"accuracy": accuracy, "macro_f1": 0.1}, "sts": {"pearson": pearson}}
        overall = None if pearson is None else (accuracy + pearson) / 2
        scores = {"dev": dev, "train": dev}
        return a_result(scores=scores, overall=overall, untrained=["sts"])

    planner = Planner(Registry.load(), store)
    first, _, last = planner.plan("a <study>", cells, [3, 5, 7]).cells
    results = {
        first.runs[0].key: result(0.12345, 0.5),
        first.runs[2].key: result(0.23456, 0.25),
        **{run.key: result(0.5, None if run.seed == 5 else 0.5) for run in last.runs},
    }
    ids = np.array([f"example-{row}" for row in range(6)])
    rows = {"ids": ids, "labels": np.arange(6.0) % 3, "predictions": np.arange(6.0) % 2}
    for key, stored in results.items():
        folder = store.create(key)
        arrays = {f"{task}.{part}": row for task in ("sst", "sts") for part, row in rows.items()}
        np.savez(folder.path / PREDICTIONS, **arrays)
        folder.end(stored)
    return planner.plan("a <study>", cells, [3, 5, 7])


def test_the_scores_have_a_record_a_cell_task_and_seed(plan: Plan) -> None:
    records = score_records(plan)

    assert {tuple(record) for record in records} == {SCORES}
    several = [record for record in records if record["cell"] == SEVERAL]
    assert [[record[key] for key in SCORES[1:-1]] for record in several] == [
        ["sst", "accuracy", 3, 0.12345, False],
        ["sts", "pearson", 3, 0.5, True],
        ["overall", "", 3, (0.12345 + 0.5) / 2, True],
        ["sst", "accuracy", 7, 0.23456, False],
        ["sts", "pearson", 7, 0.25, True],
        ["overall", "", 7, (0.23456 + 0.25) / 2, True],
    ]
    first, _, _ = plan.cells[0].runs
    assert several[0]["run"] == first.key
    assert REJECTED not in {record["cell"] for record in records}
    undefined = [r["score"] for r in records if (r["cell"], r["seed"]) == (UNDEFINED, 5)]
    assert undefined == [0.5, None, None]
