import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtbench.errors import NothingToCompare
from mtbench.evidence.outcomes import cell_outcomes
from mtbench.evidence.statistics import Sample
from mtbench.gate.baseline import current, environment, measured, rounded
from mtbench.matrix.designs import NamedCell
from mtbench.matrix.gating import Gate
from mtbench.store import REQUEST, Store
from mtbench.study.plan import Plan, PlannedCell, PlannedRun
from mtbench.study.setup import Setup
from mtbench.study.study import Session
from mtbench.system.files import write_json


def test_outcomes_are_rounded_as_their_file_rounds_them() -> None:
    found = rounded(Sample(np.array([1 / 3]), np.array([[1 / 3, 1.0, 0.0]])))
    assert found.scores[0] == 1 / 3
    assert found.outcomes.tolist() == [[float(np.float32(1 / 3)), 1.0, 0.0]]


def test_the_environment_joins_what_differs(
    tmp_path: Path, a_request: Callable[..., Any], a_result: Callable[..., Any]
) -> None:
    store = Store(tmp_path)
    told = (("2.7", "AVX2"), ("2.6", "AVX512"), ("2.7", "AVX2"))
    for seed, (torch, cpu) in enumerate(told):
        asked = a_request(seed=seed, versions={"torch": torch, "numpy": "2.0"})
        folder = store.create(asked.key)
        write_json(folder.path / REQUEST, asked.model_dump())
        folder.end(a_result(arithmetic={"cpu_capability": cpu}))
    runs = [PlannedRun(store.run(key), 0, "done") for key in (*store.keys(), "gone")]
    cell = PlannedCell(NamedCell("a", {}), None, runs)
    assert environment(Plan("", [0], [cell])) == {
        "cores": "2",
        "cpu_capability": "AVX2 or AVX512",
        "numpy": "2.0",
        "torch": "2.6 or 2.7",
    }


MATRIX = """
title = "a study"
seeds = 2
[base]
tasks = {tasks}
encoder = {encoder}
train = {train}
"""


def test_a_real_run_is_measured(
    tmp_path: Path, small: dict[str, Any], trained: Callable[..., Any]
) -> None:
    folders = [trained(seed=seed) for seed in (0, 1)]
    store = folders[0].store
    file = tmp_path / "matrix.toml"
    lists = {name: toml(small[name]) for name in ("tasks", "encoder", "train")}
    file.write_text(MATRIX.format(**lists))
    plan = Session(Setup(file, store=store, device="cpu")).plan()
    (cell,) = plan.cells
    assert [run.key for run in cell.runs] == [folder.key for folder in folders]

    found = measured(cell)
    everything = current(plan, Gate())

    assert found is not None
    assert list(found.keys) == [folder.key for folder in folders]
    assert found.data == cell.identity.data
    assert set(found.data["sst"]) == {"train", "dev"}
    exact = cell_outcomes(cell)
    assert exact is not None
    for task, outcomes in exact.tasks.items():
        kept = found.outcomes.tasks[task]
        assert kept.examples == outcomes.examples
        if outcomes.sample is not None:
            assert kept.sample is not None
            np.testing.assert_allclose(kept.sample.outcomes, outcomes.sample.outcomes, rtol=1e-6)
    assert list(everything.cells) == [cell.name]
    assert (everything.title, everything.device) == ("a study", "cpu")
    assert "torch" in everything.environment


def toml(value: Any) -> str:
    """Write tables and lists in the one way that TOML and JSON do not share."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def test_without_runs_there_is_no_baseline(tmp_path: Path) -> None:
    file = tmp_path / "matrix.toml"
    file.write_text('[base]\ntasks = ["sample-sst"]\n')
    store = Store(tmp_path / "store")
    plan = Session(Setup(file, store=store, device="cpu")).plan()
    assert measured(plan.cells[0]) is None
    with pytest.raises(NothingToCompare, match="no run is stored"):
        current(plan, Gate())
