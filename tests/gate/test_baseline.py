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
from mtbench.matrix.gating import Gate
from mtbench.store import REQUEST, Store
from mtbench.study.setup import Setup
from mtbench.study.study import Session
from mtbench.system.files import write_json


def test_outcomes_are_rounded_as_their_file_rounds_them() -> None:
    found = rounded(Sample(np.array([1 / 3]), np.array([[1 / 3, 1.0, 0.0]])))
    assert found.scores[0] == 1 / 3
    assert found.outcomes.tolist() == [[float(np.float32(1 / 3)), 1.0, 0.0]]


def test_the_environment_joins_what_differs(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for key, torch, cpu in (("a", "2.7", "AVX2"), ("b", "2.6", "AVX512"), ("c", "2.7", "AVX2")):
        folder = store.create(key)
        request = {"versions": {"torch": torch, "numpy": "2.0"}, "machine": {"cores": 2}}
        write_json(folder.path / REQUEST, request)
        folder.end({"status": "done", "arithmetic": {"cpu_capability": cpu}})
    assert environment(["a", "b", "c", "gone"], store) == {
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

    found = measured(cell, store)
    everything = current(plan, store, Gate())

    assert found is not None
    assert list(found.keys) == [folder.key for folder in folders]
    assert found.data == cell.identity["data"]
    assert set(found.data["sst"]) == {"train", "dev"}
    exact = cell_outcomes(cell, store)
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
    assert measured(plan.cells[0], store) is None
    with pytest.raises(NothingToCompare, match="no run is stored"):
        current(plan, store, Gate())
