import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.comparison.addresses import Reader, check_cells
from mtbench.comparison.subjects import Side
from mtbench.errors import NothingToCompare, RunsMissing, UsageError
from mtbench.matrix.file import Overrides
from mtbench.registry import Registry
from mtbench.store import Store
from mtbench.study import make_plan

Write = Callable[..., Any]

TASKS = {"sst": ("accuracy", [0, 1, 1], [0, 1, 0])}
MATRIX = """
seeds = 2
[base]
tasks = [{ name = "sample-sst", as = "sst", train = 8, dev = 4, test = 4 }]
train = { steps = 1 }
[axes]
combiner = ["sum", "uncertainty"]
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.chdir(tmp_path)
    return Store(Path("store"))


@pytest.fixture
def reader() -> Reader:
    return Reader(lambda _: Registry.load())


@pytest.fixture
def matrix(store: Store) -> Path:
    file = Path("study") / "matrix.toml"
    file.parent.mkdir()
    file.write_text(MATRIX)
    return file


@pytest.fixture
def keys(matrix: Path, store: Store) -> dict[str, list[str]]:
    """The keys of the matrix's runs by cell."""
    plan = make_plan(matrix, Registry.load(), store)
    return {cell.name: [run.key for run in cell.runs] for cell in plan.cells}


def names(side: Side) -> list[str]:
    return [cell.name for cell in side.cells]


def test_the_start_of_a_key_is_a_run(write_stored: Write, store: Store, reader: Reader) -> None:
    write_stored(TASKS, cell="sum", key="abc123")
    side = reader.side("abc", store)
    assert (side.single, names(side)) == (True, ["sum"])


def test_the_folder_of_a_run_is_the_run(write_stored: Write, store: Store, reader: Reader) -> None:
    folder = write_stored(TASKS, cell="sum", key="abc123", store="elsewhere")
    for address in (str(folder.path), os.path.relpath(folder.path)):
        assert reader.side(address, store).cells[0].runs[0].key == "abc123"


def test_what_is_nothing_tells_what_may_be_given(store: Store, reader: Reader) -> None:
    with pytest.raises(
        UsageError, match=r"no run 'abc' in store .*; besides a run, .*MATRIX::CELL"
    ):
        reader.side("abc", store)
    with pytest.raises(UsageError, match=r"^gone\.toml: there is no such matrix file"):
        reader.side("gone.toml", store)
    with pytest.raises(UsageError, match=r"^gone: there is no such matrix file"):
        reader.side("gone::sum", store)


@pytest.mark.parametrize("address", ["n" * 256, f"{'n' * 256}::sum"], ids=["run", "cell"])
def test_a_name_that_no_file_can_have_is_refused(
    store: Store, reader: Reader, address: str
) -> None:
    with pytest.raises(UsageError, match=r"^n+: File name too long$"):
        reader.both(address, "::sum", store)


def test_a_store_is_all_its_cells(write_stored: Write, store: Store, reader: Reader) -> None:
    for cell in ("sum", "pcgrad"):
        write_stored(TASKS, cell=cell, store="elsewhere")
    assert names(reader.side("elsewhere", store)) == ["pcgrad", "sum"]
    assert names(reader.side("elsewhere::sum", store)) == ["sum"]
    assert names(Reader(reader.registry, expression="not pcgrad").side("elsewhere", store)) == [
        "sum"
    ]
    with pytest.raises(UsageError, match="did you mean 'pcgrad'"):
        reader.side("elsewhere::pcgrat", store)


def test_a_matrix_is_all_its_cells(
    write_stored: Write,
    store: Store,
    reader: Reader,
    matrix: Path,
    keys: dict[str, list[str]],
) -> None:
    write_stored(TASKS, cell="older name", key=keys["combiner=sum"][1], seed=1)

    for place in (str(matrix), str(matrix.parent)):
        side = reader.side(place, store)
        assert names(side) == ["combiner=sum"]
        assert (list(side.cells[0].runs), side.cells[0].missing) == ([1], [0])
        assert side.absent == {
            "combiner=uncertainty": "none of its 2 runs is stored; 'mtbench ablate' trains them"
        }
        assert isinstance(side.problem, RunsMissing)


def test_a_cell_of_a_matrix(
    write_stored: Write,
    store: Store,
    reader: Reader,
    matrix: Path,
    keys: dict[str, list[str]],
) -> None:
    for seed in (0, 1):
        write_stored(TASKS, key=keys["combiner=sum"][seed], seed=seed)

    side = reader.side(f"{matrix}::combiner=sum", store)

    assert (side.single, names(side), side.problem) == (True, ["combiner=sum"], None)
    assert side.title == f"{matrix}::combiner=sum"
    with pytest.raises(
        NothingToCompare, match="combiner=uncertainty: none of its 2 runs is stored"
    ):
        reader.side(f"{matrix}::combiner=uncertainty", store)
    with pytest.raises(UsageError, match=r"unknown cell 'combiner=sun' in .*did you mean"):
        reader.side(f"{matrix}::combiner=sun", store)


def test_a_cell_may_lack_a_task_that_the_base_has_a_head_for(
    write_stored: Write, store: Store, reader: Reader, matrix: Path
) -> None:
    matrix.write_text(
        MATRIX.partition("[axes]")[0]
        .replace("[base]\n", '[base]\nheads.sts = "relu-cosine"\n')
        .replace("test = 4 }]", 'test = 4 }, { name = "sample-sts", as = "sts" }]')
        + """
[[include]]
name = "sst alone"
set = { tasks = ["sample-sst"], balancer = { name = "single", task = "sample-sst" } }
[[include]]
name = "together"
"""
    )
    plan = make_plan(matrix, Registry.load(), store)
    for cell in plan.cells:
        for run in cell.runs:
            write_stored(TASKS, key=run.key, seed=run.seed)

    a, b = reader.both(f"{matrix}::sst alone", "::together", store)

    assert (names(a), names(b)) == (["sst alone"], ["together"])


def test_a_rejected_cell_says_why(store: Store, reader: Reader, matrix: Path) -> None:
    matrix.write_text(
        MATRIX.replace('combiner = ["sum", "uncertainty"]', '"heads.sst" = ["cosine"]')
    )
    with pytest.raises(
        NothingToCompare, match=r"rejected: .*a cosine needs two sentences, and sst has one"
    ):
        reader.side(f"{matrix}::heads.sst=cosine", store)


def test_b_may_be_a_cell_of_the_place_of_a(
    write_stored: Write, store: Store, reader: Reader
) -> None:
    for cell in ("sum", "pcgrad"):
        write_stored(TASKS, cell=cell)
    a, b = reader.both("store::sum", "::pcgrad", store)
    assert (names(a), names(b)) == (["sum"], ["pcgrad"])


def test_b_may_have_a_store_of_its_own(write_stored: Write, store: Store, reader: Reader) -> None:
    write_stored(TASKS, key="abc", cell="one")
    write_stored(TASKS, key="abc", cell="other", store="elsewhere")
    a, b = reader.both("abc", "abc", store, Store(Path("elsewhere")))
    assert (names(a), names(b)) == (["one"], ["other"])


def test_overrides_need_a_matrix(write_stored: Write, store: Store, reader: Reader) -> None:
    write_stored(TASKS, key="abc")
    for changes in (Overrides(set={"train.lr": 1}), Overrides(seeds=2)):
        with pytest.raises(UsageError, match="neither 'abc' nor 'store' names one"):
            Reader(reader.registry, changes).both("abc", "store", store)
    Reader(reader.registry, Overrides(set={"data.dir": "x"})).both("abc", "store", store)


def test_a_side_without_a_score_is_nothing_to_compare(
    write_stored: Write, store: Store, reader: Reader
) -> None:
    folder = write_stored(TASKS, cell="sum")
    folder.end({"status": "failed", "error": "no memory"})
    with pytest.raises(NothingToCompare, match=r"nothing of store is stored \(sum: none of its"):
        check_cells(reader.side("store", store))
