"""Refusals: cells of a real plan, each with its reason; and cells that are trained."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mtbench.api import Cell, Component, TaskInfo
from mtbench.testing import combine
from mtbench_torchjd import COMBINERS
from mtbench_torchjd.refusals import refuse_one_task

SPECS = {spec.name: spec for spec in COMBINERS}
GIVEN: dict[str, dict[str, Any]] = {
    "torchjd-krum": {"n_byzantine": 0, "n_selected": 1},
    "torchjd-trimmed-mean": {"trim_number": 0},
    "torchjd-constant": {"weights": {"0": 2.0}},
}
"""Parameters with which a combiner can do something with one task."""

MATRIX = """
seeds = 1
[base]
tasks = ["sample-sst", "sample-sts"]
encoder = "tiny"
train = {{ steps = 2, batch_size = 4 }}
[axes]
combiner = [
{combiners}
]
"""


def mtbench(folder: Path, command: str, *combiners: str, options: tuple[str, ...] = ()) -> str:
    """Return what a command prints of a matrix whose cells are combiners."""
    matrix = folder / "matrix.toml"
    matrix.write_text(MATRIX.format(combiners=",\n".join(combiners)), encoding="utf-8")
    arguments = [command, str(matrix), "--store", str(folder / "store")]
    line = [sys.executable, *options, "-m", "mtbench", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_plan_refuses_what_cannot_mean_anything(tmp_path: Path) -> None:
    plan = mtbench(
        tmp_path,
        "plan",
        '{ name = "torchjd-upgrad", preference = { sample-sst = 2.0 } }',
        '{ name = "torchjd-aligned-mtl", preference = { sample-ssts = 2.0 } }',
        '{ name = "torchjd-pcd", primary = "sample-pd" }',
        '{ name = "torchjd-pcd", tau = { sample-pd = 0.5 } }',
        '{ name = "torchjd-graddrop", leak = { sample-sts = 0.5 } }',
        '"torchjd-krum"',
        '{ name = "torchjd-krum", n_byzantine = 2, n_selected = 7 }',
        '"torchjd-trimmed-mean"',
        '{ name = "torchjd-trimmed-mean", trim_number = 0 }',
    )
    plan = " ".join(plan.split())
    for reason in (
        "unknown task 'sample-ssts' in preference; did you mean 'sample-sts'?",
        "unknown task 'sample-pd' in primary",
        "unknown task 'sample-pd' in tau",
        "(torchjd-krum): with these parameters it needs 3 tasks; there are 2",
        "(torchjd-krum): with these parameters it needs 7 tasks; there are 2",
        "(torchjd-trimmed-mean): with these parameters it needs 3 tasks; there are 2",
    ):
        assert reason in plan
    assert plan.count("(torchjd-") == 6


def of_one_task(name: str, **given: Any) -> Cell:
    info = TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=5)
    return Cell(
        tasks={"0": info},
        encoder=Component("tiny"),
        heads={},
        balancer=Component("cycle"),
        combiner=Component(name, given),
        train={},
        combiner_needs="gramian",
    )


def test_what_one_task_makes_the_sum_is_refused(name: str) -> None:
    given = GIVEN.get(name, {})
    gradient = [1.5, -2.0]
    same = combine(name, [gradient], **given).tolist() == pytest.approx(gradient, rel=1e-9)
    rejects = SPECS[name].rejects
    assert rejects is not None
    refused = rejects(of_one_task(name, **given)) is not None
    assert refused == (same and name != "torchjd-sum")


def test_one_task_keeps_what_it_does_to_its_length() -> None:
    assert refuse_one_task(of_one_task("torchjd-cr-mogm", of="mgda")) is not None
    assert refuse_one_task(of_one_task("torchjd-cr-mogm", of="cagrad")) is None  # times 1 + c


def test_planning_imports_neither_torch_nor_a_solver(tmp_path: Path) -> None:
    combiners = ('"torchjd-upgrad"', '"torchjd-cagrad"', '"torchjd-mgda"')
    printed = mtbench(tmp_path, "plan", *combiners, options=("-X", "importtime"))
    imported = {line.rpartition("|")[2].strip() for line in printed.splitlines()}
    assert "mtbench_torchjd.solvers" in imported  # by the parameters
    assert not imported & {"torch", "torchjd", "cvxpy", "qpsolvers"}


def test_a_study_runs(tmp_path: Path) -> None:
    mtbench(tmp_path, "ablate", '{ name = "torchjd-upgrad", preference = { sample-sst = 2.0 } }')
    (file,) = tmp_path.rglob("result.json")
    assert json.loads(file.read_text())["scores"]["dev"]
