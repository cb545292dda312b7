"""Commands on a store of which one run is damaged: a line, its exit code, all other rows."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.store import (
    CHECKPOINT,
    LOCK,
    OWNER,
    PREDICTIONS,
    REQUEST,
    RESULT,
    RunFolder,
    Store,
)
from mtbench.store.test_uses import TEST_USES

Call = Callable[..., Any]  # of the command line; see conftest

CELL = "combiner=sum, heads.pd=linear"
OTHER = "combiner=pcgrad, heads.pd=linear"


@pytest.fixture
def place(study: Any, tmp_path: Path) -> Path:
    """A copy of the study's store."""
    return Path(shutil.copytree(study.store, tmp_path / "store"))


@pytest.fixture
def runs(place: Path) -> dict[str, RunFolder]:
    """The runs of the store by their cells."""
    store = Store(place)
    folders = [store.run(key) for key in store.keys()]  # noqa: SIM118 - a store is no mapping
    return {folder.request().cell: folder for folder in folders}


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


WAYS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "result with another digit": (RESULT, flip),
    "pipe for a request": (REQUEST, pipe),
    "another byte of the predictions": (PREDICTIONS, flip),
    "no checkpoint": (CHECKPOINT, Path.unlink),
}
"""One for each file that is read; tests/store/test_integrity.py has all ways to spoil one."""


@pytest.mark.parametrize("way", WAYS)
def test_one_damaged_run_is_named_and_spoils_no_other(
    call: Call, study: Any, place: Path, runs: dict[str, RunFolder], way: str
) -> None:
    name, damage = WAYS[way]
    damage(runs[CELL].path / name)
    matrix, at = str(study.matrix), ("--store", str(place))

    board = call("leaderboard", matrix, *at, "--format", "json")
    assert board.code == 3
    rows = {row["name"]: row for row in json.loads(board.out)["cells"]}
    assert {cell: rows[cell]["status"] for cell in runs} == {
        cell: "damaged" if cell == CELL else "done" for cell in runs
    }
    assert rows[CELL]["reason"].startswith(f"seed 0: {name}: ")
    (line,) = board.err.splitlines()
    assert line.startswith("error: 1 of 2 runs have no score (0 failed, 1 damaged); ")

    plan = call("plan", matrix, *at)
    assert (plan.code, plan.err) == (0, "")
    assert f"damaged, to be trained anew: {CELL} [seed 0]: {name}: " in plan.out

    status = call("status", *at)
    (row,) = [line for line in status.out.splitlines() if "damaged" in line]
    assert (status.code, status.err) == (0, "")
    assert row.startswith(runs[CELL].key[:12])
    assert f"{name}: " in row
    assert len(status.out.splitlines()) == 2 + len(runs)

    shown = call("status", runs[CELL].key[:12], *at)
    assert (shown.code, shown.err) == (0, "")
    assert f"damage: {name}: " in shown.out

    for command in ("evaluate", "predict"):
        out = ("--out", "out") if command == "predict" else ()
        answer = call(command, runs[CELL].key, *at, *out)
        assert (answer.code, answer.out, len(answer.err.splitlines())) == (2, "", 1)
        assert f"is damaged: {name}: " in answer.err

    pair = call("compare", runs[CELL].key[:12], runs[OTHER].key[:12], *at)
    assert (pair.code, pair.out, len(pair.err.splitlines())) == (2, "", 1)
    for address in (matrix, str(place)):
        whole = call("compare", address, address, *at, "--format", "csv")
        assert OTHER in whole.out
        assert whole.code in (0, 3)
        assert "Traceback" not in whole.err


def test_the_gate_names_what_is_damaged(
    call: Call, study: Any, place: Path, runs: dict[str, RunFolder], tmp_path: Path
) -> None:
    matrix = tmp_path / "matrix.toml"
    matrix.write_text(study.matrix.read_text() + '[gate]\nmode = "exact"\n')
    at = ("--store", str(place), "--no-train")
    assert call("check", matrix, *at, "--update").code == 0
    flip(runs[CELL].path / PREDICTIONS)

    report = call("check", matrix, *at, "--format", "json")

    assert report.code == 3
    (reason,) = {
        row["reason"] for row in json.loads(report.out)["comparisons"] if row["cell"] == CELL
    }
    assert reason.startswith("seed 0 is damaged: predictions.npz: not what result.json was")


@pytest.mark.parametrize("way", ["another byte of the predictions", "pipe for a request"])
def test_the_next_call_trains_it_anew_and_touches_no_other(
    call: Call, study: Any, place: Path, runs: dict[str, RunFolder], way: str
) -> None:
    name, damage = WAYS[way]
    before = {
        cell: (folder.path / RESULT).read_bytes() for cell, folder in runs.items() if cell != CELL
    }
    scores = runs[CELL].result().scores
    damage(runs[CELL].path / name)

    answer = call("ablate", study.matrix, "--store", place)

    assert answer.code == 0
    assert f"[1/1] {CELL} [seed 0] ..." in answer.err.splitlines()
    assert runs[CELL].state() == "done"
    assert runs[CELL].result().scores == scores
    assert before == {cell: (runs[cell].path / RESULT).read_bytes() for cell in before}
    modes = {file.stat().st_mode for file in runs[CELL].path.iterdir() if file.name != LOCK}
    assert len(modes) == 1  # the checkpoint's among them


def test_reading_changes_nothing(
    call: Call, study: Any, place: Path, runs: dict[str, RunFolder]
) -> None:
    """A store on a read-only disk, where one run was interrupted and left its owner's file."""
    for name in (RESULT, PREDICTIONS, CHECKPOINT, LOCK):
        (runs[CELL].path / name).unlink()
    (runs[CELL].path / OWNER).write_text("{")
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    at = ("--store", str(place))

    board = call("leaderboard", study.matrix, *at)
    assert board.code == 3
    assert call("plan", study.matrix, *at).code == 0
    assert call("status", *at).code == 0
    assert call("compare", study.matrix, study.matrix, *at).code == 3

    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before


def test_uses_of_test_labels_that_are_spoilt_stop_no_command(
    call: Call, study: Any, place: Path
) -> None:
    (place / TEST_USES).write_text("{}\n[]\n")
    answer = call("leaderboard", study.matrix, "--store", place)
    assert answer.code == 0
    assert answer.err.count(f"{TEST_USES}:") == 2
