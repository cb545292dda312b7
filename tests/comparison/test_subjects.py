import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.comparison.subjects import (
    ComparedCell,
    Side,
    of_run,
    of_store,
    stored_cells,
)
from mtbench.errors import NothingToCompare, RunsMissing, UsageError
from mtbench.store import RESULT, Failure, Store

Write = Callable[..., Any]

TASKS = {"pd": ("accuracy", [0, 1, 1], [0, 1, 0])}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def identity(**code: str) -> dict[str, Any]:
    return {"identity": {"numerics": 2, "data": {}, "weights": None, "code": code}}


def end_at(folder: Any, time: str) -> None:
    ended = {"ended": f"2026-01-02T{time}+00:00"}
    folder.end(folder.result().model_copy(update=ended))


def fail(folder: Any) -> None:
    folder.end(Failure(error="no memory", traceback=""))


def test_a_run_is_a_side_of_one_seed(write_stored: Write) -> None:
    side = of_run(write_stored(TASKS, seed=3, cell="sum"))
    (cell,) = side.cells
    assert side.single
    assert (cell.name, list(cell.runs), cell.missing) == ("sum", [3], ())
    assert cell.address == f"run {cell.runs[3].key[:12]} (sum [seed 3])"


def test_a_run_that_failed_has_no_score(write_stored: Write) -> None:
    folder = write_stored(TASKS)
    fail(folder)
    with pytest.raises(NothingToCompare, match="is failed, so it has no score"):
        of_run(folder)


def test_a_cell_knows_what_its_runs_made(write_stored: Write) -> None:
    (cell,) = of_run(write_stored(TASKS)).cells
    assert cell.metrics == {"pd": "accuracy"}
    assert cell.outcomes.seeds == [0]
    sample = cell.outcomes.tasks["pd"].sample
    assert sample is not None
    assert sample.outcomes.tolist() == [[1, 1, 0]]


def test_a_store_is_grouped_by_matrix_and_cell(write_stored: Write, store: Store) -> None:
    for seed in (1, 0):
        write_stored(TASKS, seed=seed, cell="sum")
    write_stored(TASKS, cell="pcgrad")

    side = of_store(store, stored_cells(store, print))

    assert [(cell.name, list(cell.runs)) for cell in side.cells] == [
        ("pcgrad", [0]),
        ("sum", [0, 1]),
    ]
    assert not side.single
    assert side.problem is None


def test_a_cell_of_two_matrices_is_told_apart_by_the_title(
    write_stored: Write, store: Store
) -> None:
    write_stored(TASKS, cell="sum", matrix="one", key="a")
    write_stored(TASKS, cell="sum", matrix="two", key="b")
    assert [cell.name for cell in of_store(store, stored_cells(store, print)).cells] == [
        "one::sum",
        "two::sum",
    ]
    chosen = {"two::sum": stored_cells(store, print)["two::sum"]}
    assert of_store(store, chosen).alone().cells[0].runs[0].key == "b"


def test_of_several_versions_the_one_with_the_newest_result_is_taken(
    write_stored: Write, store: Store
) -> None:
    old = [write_stored(TASKS, seed=seed, key=f"old{seed}", request=identity()) for seed in (0, 1)]
    new = write_stored(TASKS, seed=0, key="new", request=identity(combiner="edited"))
    for folder, hour in ((old[0], 1), (old[1], 3), (new, 2)):
        end_at(folder, f"{hour:02}:00")

    (cell,) = of_store(store, stored_cells(store, print)).cells
    assert {seed: folder.key for seed, folder in cell.runs.items()} == {0: "old0", 1: "old1"}
    assert cell.remark == "2 versions of it are stored; taken: that of run old1, which ended last"

    end_at(new, "04:00")
    (cell,) = of_store(store, stored_cells(store, print)).cells
    assert {seed: folder.key for seed, folder in cell.runs.items()} == {0: "new"}


def test_a_copy_does_not_change_which_version_is_taken(write_stored: Write, store: Store) -> None:
    """What is copied file by file has its files' times in any order."""
    for key, ended, copied in (("old", "09:59:59.999", 200), ("new", "10:00:00.000", 100)):
        folder = write_stored(TASKS, key=key, request=identity(combiner=key))
        end_at(folder, ended)
        os.utime(folder.path / RESULT, (copied, copied))

    (cell,) = of_store(store, stored_cells(store, print)).cells
    assert [folder.key for folder in cell.runs.values()] == ["new"]


def test_a_failed_run_is_missing_and_told_in_the_end(write_stored: Write, store: Store) -> None:
    write_stored(TASKS, seed=0)
    fail(write_stored(TASKS, seed=1))

    side = of_store(store, stored_cells(store, print))

    assert side.cells[0].missing == [1]
    assert isinstance(side.problem, RunsMissing)


def test_a_cell_without_any_score_is_named(write_stored: Write, store: Store) -> None:
    write_stored(TASKS, cell="sum")
    fail(write_stored(TASKS, cell="pcgrad"))
    assert of_store(store, stored_cells(store, print)).absent == {
        "pcgrad": "none of its runs has a score"
    }
    with pytest.raises(NothingToCompare, match="none of its runs has a score"):
        of_store(store, {"pcgrad": stored_cells(store, print)["pcgrad"]}).alone()


def test_a_side_finds_its_cells_by_name(write_stored: Write) -> None:
    cell = ComparedCell("sum", "m::sum", {0: write_stored(TASKS)})
    assert Side("m", [cell]).cell("sum") is cell
    with pytest.raises(UsageError, match=r"unknown cell 'prod' in m \(known: sum\)"):
        Side("m", [cell]).cell("prod")
