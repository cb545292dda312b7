from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtbench.evidence.outcomes import CellOutcomes, TaskOutcomes
from mtbench.evidence.statistics import Sample
from mtbench.gate.baseline import Baseline, Measured
from mtbench.gate.remarks import remarks, undefined
from mtbench.matrix.designs import NamedCell
from mtbench.matrix.gating import Gate, Mode
from mtbench.store import REQUEST, Store
from mtbench.study.plan import Plan, PlannedCell, PlannedRun
from mtbench.study.requests import versions
from mtbench.system.files import write_json


def baseline(count: int, **defined: bool) -> Baseline:
    """Return one of so many equal cells, whose tasks have outcomes or have none."""
    sample = Sample(np.array([0.5, 0.5]), np.array([[0.0, 1.0], [1.0, 0.0]]))
    tasks = {
        name: TaskOutcomes("pearson", "0", sample if has else None)
        for name, has in defined.items()
    }
    cells = {
        f"cell {i}": Measured(CellOutcomes(f"cell {i}", [0, 1], tasks), [], {})
        for i in range(count)
    }
    gate = Gate(metrics=["overall", "sts"])
    return Baseline("a study", "2026-01-02", "cpu", {}, gate, cells)


@pytest.fixture
def plan(tmp_path: Path, a_request: Callable[..., Any], a_result: Callable[..., Any]) -> Plan:
    """A plan of one run that is stored."""
    asked = a_request(versions=versions(), machine={})
    folder = Store(tmp_path).create(asked.key)
    write_json(folder.path / REQUEST, asked.model_dump())
    folder.end(a_result(arithmetic={"cpu_capability": "AVX512"}))
    cell = PlannedCell(NamedCell("cell 0", {"tasks": []}), None, [PlannedRun(folder, 0, "done")])
    return Plan("a study", [0], [cell])


@pytest.mark.parametrize(
    ("mode", "then", "told"),
    [
        ("exact", {"cpu_capability": "AVX2"}, "cpu_capability AVX2 then, AVX512 now"),
        ("statistical", {"cpu_capability": "AVX2"}, "cpu_capability AVX2 then, AVX512 now"),
        ("exact", {}, "cpu_capability unknown then, AVX512 now"),
        ("exact", {"cpu_capability": "AVX512"}, ""),
        ("statistical", {}, ""),
    ],
)
def test_another_arithmetic_is_named(
    plan: Plan, mode: Mode, then: dict[str, str], told: str
) -> None:
    before = replace(baseline(1), environment={**versions(), **then}, gate=Gate(mode=mode))

    lines = [line for line in remarks(plan, before, Gate(mode=mode), ()) if "cpu" in line]

    assert lines == ([f"environment: {told}"] if told else [])


def test_the_baseline_of_another_matrix_is_named(plan: Plan) -> None:
    told = "the baseline is that of 'a study', and this is 'another'"

    for title, expected in (("a study", False), ("another", True)):
        lines = remarks(replace(plan, title=title), baseline(1), Gate(), ())
        assert (told in lines) == expected


def test_gated_metrics_that_are_undefined_are_named() -> None:
    assert list(undefined(baseline(1, sts=True, sst=True))) == []
    assert list(undefined(baseline(1, sts=False, sst=True))) == [
        "undefined, so that no check can judge it: overall of cell 0; sts of cell 0"
    ]


def test_many_are_shortened() -> None:
    (told,) = undefined(baseline(2, sts=False))
    assert told.endswith("overall of cell 0; sts of cell 0; overall of cell 1; and 1 more")
