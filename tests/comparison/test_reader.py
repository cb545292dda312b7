import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.comparison.addressed import compare_addresses
from mtbench.comparison.reader import Reader
from mtbench.comparison.subjects import Side
from mtbench.errors import NothingToCompare, RunsMissing, UsageError
from mtbench.store import Failure, Store
from mtbench.study.setup import Setup
from mtbench.study.study import Session

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
def setup(store: Store) -> Setup:
    return Setup(store=store, device="cpu")


@pytest.fixture
def reader(setup: Setup) -> Reader:
    return Reader(setup)


@pytest.fixture
def matrix(store: Store) -> Path:
    file = Path("study") / "matrix.toml"
    file.parent.mkdir()
    file.write_text(MATRIX)
    return file


@pytest.fixture
def keys(matrix: Path, store: Store) -> dict[str, list[str]]:
    """The keys of the matrix's runs by cell."""
    plan = Session(Setup(matrix, store=store, device="cpu")).plan()
    return {cell.name: [run.key for run in cell.runs] for cell in plan.cells}


def names(side: Side) -> list[str]:
    return [cell.name for cell in side.cells]


def test_the_start_of_a_key_is_a_run(write_stored: Write, store: Store, reader: Reader) -> None:
    write_stored(TASKS, cell="sum", key="abc123")
    side = reader.side("abc")
    assert (side.single, names(side)) == (True, ["sum"])


def test_the_folder_of_a_run_is_the_run(write_stored: Write, store: Store, reader: Reader) -> None:
    folder = write_stored(TASKS, cell="sum", key="abc123", store="elsewhere")
    for address in (str(folder.path), os.path.relpath(folder.path)):
        assert reader.side(address).cells[0].runs[0].key == "abc123"


def test_what_is_nothing_tells_what_may_be_given(store: Store, reader: Reader) -> None:
    with pytest.raises(
        UsageError, match=r"no run 'abc' in store .*; besides a run, .*MATRIX::CELL"
    ):
        reader.side("abc")
    with pytest.raises(UsageError, match=r"^gone\.toml: there is no such matrix file "):
        reader.side("gone.toml")
    with pytest.raises(UsageError, match=r"^gone: there is no such file or folder$"):
        reader.side("gone::sum")


def test_a_store_is_all_its_cells(write_stored: Write, store: Store, reader: Reader) -> None:
    for cell in ("sum", "pcgrad"):
        write_stored(TASKS, cell=cell, store="elsewhere")
    assert names(reader.side("elsewhere")) == ["pcgrad", "sum"]
    assert names(reader.side("elsewhere::sum")) == ["sum"]
    assert names(Reader(Setup(cells="not pcgrad")).side("elsewhere")) == ["sum"]
    with pytest.raises(UsageError, match="did you mean 'pcgrad'"):
        reader.side("elsewhere::pcgrat")


def test_a_matrix_is_all_its_cells(
    write_stored: Write,
    store: Store,
    reader: Reader,
    matrix: Path,
    keys: dict[str, list[str]],
) -> None:
    write_stored(TASKS, cell="older name", key=keys["combiner=sum"][1], seed=1)

    for place in (str(matrix), str(matrix.parent)):
        side = reader.side(place)
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

    side = reader.side(f"{matrix}::combiner=sum")

    assert (side.single, names(side), side.problem) == (True, ["combiner=sum"], None)
    assert side.title == f"{matrix}::combiner=sum"
    with pytest.raises(
        NothingToCompare, match="combiner=uncertainty: none of its 2 runs is stored"
    ):
        reader.side(f"{matrix}::combiner=uncertainty")
    with pytest.raises(UsageError, match=r"unknown cell 'combiner=sun' in .*did you mean"):
        reader.side(f"{matrix}::combiner=sun")


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
    plan = Session(Setup(matrix, store=store, device="cpu")).plan()
    for cell in plan.cells:
        tasks = {task: (metric, [0, 1, 3], [0, 1, 0]) for task, metric in cell.metrics.items()}
        for run in cell.runs:
            write_stored(tasks, key=run.key, seed=run.seed)

    a, b = reader.both(f"{matrix}::sst alone", "::together")

    assert (names(a), names(b)) == (["sst alone"], ["together"])


def test_a_rejected_cell_says_why(store: Store, reader: Reader, matrix: Path) -> None:
    matrix.write_text(
        MATRIX.replace('combiner = ["sum", "uncertainty"]', '"heads.sst" = ["cosine"]')
    )
    with pytest.raises(
        NothingToCompare, match=r"rejected: .*a cosine needs two sentences, and sst has one"
    ):
        reader.side(f"{matrix}::heads.sst=cosine")


def test_b_may_be_a_cell_of_the_place_of_a(
    write_stored: Write, store: Store, reader: Reader
) -> None:
    for cell in ("sum", "pcgrad"):
        write_stored(TASKS, cell=cell)
    a, b = reader.both("store::sum", "::pcgrad")
    assert (names(a), names(b)) == (["sum"], ["pcgrad"])


def test_b_may_have_a_store_of_its_own(write_stored: Write, store: Store, reader: Reader) -> None:
    write_stored(TASKS, key="abc", cell="one")
    write_stored(TASKS, key="abc", cell="other", store="elsewhere")
    a, b = reader.both("abc", "abc", Store(Path("elsewhere")))
    assert (names(a), names(b)) == (["one"], ["other"])


def test_overrides_need_a_matrix(write_stored: Write, store: Store, reader: Reader) -> None:
    write_stored(TASKS, key="abc")
    changes: list[dict[str, Any]] = [{"set": {"train.lr": 1}}, {"seeds": 2}]
    for given in changes:
        with pytest.raises(UsageError, match="neither 'abc' nor 'store' names one"):
            Reader(Setup(store=store, **given)).both("abc", "store")
    Reader(Setup(store=store, data="x", set={"data.dir": "y"})).both("abc", "store")


def test_a_side_without_a_score_is_nothing_to_compare(write_stored: Write, setup: Setup) -> None:
    folder = write_stored(TASKS, cell="sum")
    folder.end(Failure(error="no memory", traceback=""))
    with pytest.raises(NothingToCompare, match=r"nothing of store is stored \(sum: none of its"):
        compare_addresses(setup, "store", "store")


def test_an_error_of_a_matrix_names_the_options_that_were_given(
    matrix: Path, store: Store
) -> None:
    matrix.write_text(MATRIX.replace("[axes]", 'balancer = "cycel"\n[axes]'))
    setup = Setup(store=store, device="cpu")

    with pytest.raises(UsageError, match=r"^cell 'combiner=sum': unknown balancer 'cycel'"):
        Reader(setup).side(f"{matrix}::sum")
    filtered = setup.model_copy(update={"cells": "sum"})
    with pytest.raises(UsageError, match=r"matrix\.toml with -k: cell 'combiner=sum': unknown"):
        Reader(filtered).side(f"{matrix}::sum")


# --- seeds, parts of names, searches ------------------------------------------------------------


def test_a_part_of_a_name_and_a_seed_will_do(
    write_stored: Write,
    store: Store,
    reader: Reader,
    matrix: Path,
    keys: dict[str, list[str]],
) -> None:
    for seed in (0, 1):
        write_stored(TASKS, cell="combiner=sum", key=keys["combiner=sum"][seed], seed=seed)

    for place in (str(matrix), "store"):
        whole = reader.side(f"{place}::SUM")
        side = reader.side(f"{place}::sum [seed 1]")

        assert (whole.title, [*whole.cells[0].runs]) == (f"{place}::combiner=sum", [0, 1])
        (cell,) = side.cells
        assert (side.title, side.single, side.problem) == (cell.address, True, None)
        assert cell.address == f"{place}::combiner=sum [seed 1]"
        assert ([*cell.runs], cell.missing) == ([1], [])
        with pytest.raises(
            UsageError,
            match=r"^unknown seed '7' in .*::combiner=sum \(known: 0, 1\)$",
        ):
            reader.side(f"{place}::sum [seed 7]")
    with pytest.raises(UsageError, match=r"'combiner' fits 2 cells of .*: combiner=sum; combiner"):
        reader.side(f"{matrix}::combiner")


def test_of_several_versions_those_with_the_seed_are_looked_at(
    write_stored: Write, store: Store, reader: Reader
) -> None:
    old = {"identity": {"numerics": 2, "data": {}, "weights": None, "code": {"combiner": "old"}}}
    write_stored(TASKS, cell="sum", key="old", seed=1, request=old)
    write_stored(TASKS, cell="sum", key="new", seed=0)

    (cell,) = reader.side("store::sum [seed 1]").cells

    assert {seed: run.key for seed, run in cell.runs.items()} == {1: "old"}


def test_cells_that_a_search_adds_later_are_known(
    write_stored: Write, store: Store, reader: Reader, matrix: Path
) -> None:
    matrix.write_text('design = "staged"\n' + MATRIX + '"train.lr" = [1e-3, 1e-2]\n')
    later = "combiner=sum, train.lr=0.01"
    with pytest.raises(
        UsageError, match=r"unknown cell .* in .* \(its search adds up to 1 more\)"
    ):
        reader.side(f"{matrix}::{later}")
    for _ in range(2):
        for cell in Session(Setup(matrix, store=store, device="cpu")).plan().cells:
            for run in cell.runs:
                write_stored(TASKS, cell=cell.name, key=run.key, seed=run.seed)

    for text in (later, "0.01"):
        side = reader.side(f"{matrix}::{text}")
        assert (names(side), side.problem) == ([later], None)


# --- other commands -----------------------------------------------------------------------------


def test_models_are_of_one_cell_or_one_run(
    write_stored: Write, store: Store, reader: Reader, keys: dict[str, list[str]], matrix: Path
) -> None:
    key = keys["combiner=sum"][1]
    folder = write_stored(TASKS, cell="combiner=sum", key=key, seed=1)

    for place in (matrix, Path()):
        (place if place.is_dir() else place.parent).joinpath("mtbenchfile.py").touch()

    of_matrix = reader.models(f"{matrix}::sum")
    assert of_matrix.plugins == [matrix.parent / "mtbenchfile.py"]
    assert of_matrix.folders == {"combiner=sum [seed 1]": store.run(key)}
    assert of_matrix.seeds == [0, 1]
    assert isinstance(of_matrix.problem, RunsMissing)
    of_store = reader.models("store::sum")
    assert (of_store.folders, of_store.problem) == (of_matrix.folders, None)
    assert of_store.plugins == [Path("mtbenchfile.py")]
    for text in (key[:8], str(folder.path)):
        assert [run.key for run in reader.models(text).folders.values()] == [key]
        assert reader.models(text).seeds == ()
    for whole in (str(matrix), "store"):
        with pytest.raises(UsageError, match=rf"^{whole}: of which cell\? {whole}::CELL"):
            reader.models(whole)


def test_a_list_has_every_run_whatever_became_of_it(
    write_stored: Write, store: Store, reader: Reader, keys: dict[str, list[str]], matrix: Path
) -> None:
    key = keys["combiner=sum"][1]
    write_stored(TASKS, cell="older name", key=key, seed=1)
    failed = write_stored(TASKS, cell="other", seed=3)
    failed.end(Failure(error="no memory", traceback=""))

    def listed(text: str) -> list[str]:
        return [run.folder.key for run in reader.listed(text) if run.folder]

    assert listed(str(matrix)) == [key for cell in keys.values() for key in cell]
    assert listed(f"{matrix}::sum") == keys["combiner=sum"]
    assert listed(f"{matrix}::sum [seed 1]") == listed("store::older") == listed(key) == [key]
    assert listed("store::oth") == [failed.key]
    assert listed("store") == sorted([key, failed.key])
    planned = reader.listed(f"{matrix}::sum [seed 1]")[0].planned
    assert planned == ("study", "combiner=sum", 1, "cpu")


@pytest.mark.usefixtures("new_modules")
def test_what_two_addresses_share_is_read_and_told_once(
    write_stored: Write,
    store: Store,
    matrix: Path,
    keys: dict[str, list[str]],
) -> None:
    for cell, (key, _) in keys.items():
        write_stored(TASKS, cell=cell, key=key)
    (write_stored(TASKS, cell="lost").path / "run.json").unlink()
    broken = Path("my_broken_compared.py")
    broken.write_text("raise RuntimeError('no')")
    told: list[str] = []

    reader = Reader(Setup(store=store, device="cpu", plugins=broken, warn=told.append))
    reader.both("store::sum", "::uncertainty")
    reader.both(f"{matrix}::sum", "::uncertainty")

    assert [line.split()[0] for line in sorted(told)] == ["broken", "run"]


def test_a_comparison_goes_on_without_what_is_missing(
    write_stored: Write, setup: Setup, matrix: Path, keys: dict[str, list[str]]
) -> None:
    write_stored(TASKS, cell="combiner=sum", key=keys["combiner=sum"][0])
    own = setup.of(matrix)

    for a, b in ((f"{matrix}::sum", keys["combiner=sum"][0]), ("::sum", "::combiner=sum")):
        compared = compare_addresses(own, a, b)
        assert compared.comparisons.pairs[0].identical
        assert "1 of 2 runs have no score" in str(compared.problems[0])
        with pytest.raises(RunsMissing):
            compared.check()
