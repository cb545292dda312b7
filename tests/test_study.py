from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mtbench.configuration import overlay
from mtbench.durations import Estimate
from mtbench.errors import PluginError, UsageError
from mtbench.executors import Job, Observer, default_jobs
from mtbench.matrix import NamedCell, Overrides, read_matrix
from mtbench.planning import Plan, Planner
from mtbench.registry import Registry
from mtbench.store import RESULT, Store, write_json
from mtbench.study import estimate, make_plan, train_missing

MATRIX = """
title = "a study"
seeds = 2
[base]
tasks = ["sample-sst", "sample-sts"]
train = { steps = 2 }
[axes]
combiner = ["sum", "pcgrad"]
"heads.sample-sst" = ["linear", "cosine"]
"""

SUM, SUM_REJECTED, PCGRAD, PCGRAD_REJECTED = (
    f"combiner={combiner}, heads.sample-sst={head}"
    for combiner in ("sum", "pcgrad")
    for head in ("linear", "cosine")
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    file = tmp_path / "matrix.toml"
    file.write_text(MATRIX)
    return file


@pytest.fixture
def planned(matrix: Path, store: Store) -> Callable[..., Plan]:
    """Give a function that makes the plan of the matrix."""

    def plan(*rest: Any) -> Plan:
        return make_plan(matrix, Registry.load(), store, *rest)

    return plan


def keys(plan: Plan) -> list[str]:
    return [run.key for _, run in plan.runs()]


def store_result(store: Store, key: str, **result: Any) -> None:
    folder = store.run(key)
    folder.path.mkdir(parents=True)
    write_json(folder.path / RESULT, result)


# --- the plan ---------------------------------------------------------------------------------


def test_a_plan_has_title_cells_and_seeds_of_its_file(planned: Callable[..., Plan]) -> None:
    plan = planned()

    assert (plan.title, plan.seeds) == ("a study", [0, 1])
    assert [cell.name for cell in plan.cells] == [SUM, SUM_REJECTED, PCGRAD, PCGRAD_REJECTED]
    assert [len(cell.runs) for cell in plan.cells] == [2, 0, 2, 0]
    assert "sentence" in str(plan.cells[1].rejection)


def test_a_matrix_needs_no_file(matrix: Path, store: Store, planned: Callable[..., Plan]) -> None:
    plan = make_plan(read_matrix(matrix), Registry.load(), store)

    assert (plan.title, keys(plan)) == ("a study", keys(planned()))


def test_a_folder_means_the_matrix_in_it(
    matrix: Path, store: Store, planned: Callable[..., Plan]
) -> None:
    assert keys(make_plan(matrix.parent, Registry.load(), store)) == keys(planned())


def test_what_is_laid_over_changes_the_plan(planned: Callable[..., Plan]) -> None:
    laid_over = Overrides(
        set={"heads.sample-sst": "linear", "train.lr": 0.5},
        axes={"data.fraction": [0.5, 1.0]},
        seeds=3,
    )

    plan = planned(laid_over)

    assert [cell.name for cell in plan.cells] == [
        f"combiner={combiner}, data.fraction={fraction}"
        for combiner in ("sum", "pcgrad")
        for fraction in ("0.5", "1.0")
    ]
    assert {len(cell.runs) for cell in plan.cells} == {3}
    assert {cell.config["train"]["lr"] for cell in plan.cells} == {0.5}


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("sum", [SUM, SUM_REJECTED]),
        ("not cosine", [SUM, PCGRAD]),
        ("pcgrad and linear", [PCGRAD]),
    ],
)
def test_an_expression_keeps_the_cells_it_fits(
    planned: Callable[..., Plan], expression: str, names: list[str]
) -> None:
    plan = planned(Overrides(), expression)

    assert [cell.name for cell in plan.cells] == names


def test_an_expression_that_fits_nothing_names_the_cells(planned: Callable[..., Plan]) -> None:
    with pytest.raises(UsageError) as caught:
        planned(Overrides(), "cagrad")

    shown = f"{SUM}; {SUM_REJECTED}; {PCGRAD}; {PCGRAD_REJECTED}"
    assert str(caught.value) == f"-k 'cagrad' fits no cell (cells: {shown})"


def test_of_many_cells_ten_are_named(planned: Callable[..., Plan]) -> None:
    rates = Overrides(axes={"train.lr": [float(i) for i in range(1, 4)]})

    with pytest.raises(UsageError) as caught:
        planned(rates, "cagrad")

    assert str(caught.value).count("combiner=") == 10
    assert str(caught.value).endswith("; ...)")


def test_cells_out_of_the_expression_are_not_even_resolved(
    matrix: Path, planned: Callable[..., Plan]
) -> None:
    matrix.write_text(MATRIX.replace('"pcgrad"', '"no-such-combiner"'))

    assert [cell.name for cell in planned(Overrides(), "sum").cells] == [SUM, SUM_REJECTED]
    with pytest.raises(UsageError, match="no-such-combiner"):
        planned()


def test_a_broken_plugin_is_told_when_it_is_needed(
    matrix: Path, store: Store, planned: Callable[..., Plan], tmp_path: Path, new_modules: None
) -> None:
    file = tmp_path / "my_combiners.py"
    file.write_text("raise RuntimeError('on purpose')\n")
    registry = Registry.load([file])
    matrix.write_text(MATRIX.replace('"pcgrad"', '"mine"'))

    assert len(keys(make_plan(matrix, registry, store, Overrides(), "sum"))) == 2
    plan = make_plan(matrix, registry, store)
    assert [cell.fault is None for cell in plan.cells] == [True, True, False, False]
    with pytest.raises(PluginError, match=r"^2 of 4 cells are broken: .*'mine'.*on purpose"):
        plan.check_complete()
    with pytest.raises(PluginError, match=r"^unknown combiner 'mine'.*on purpose"):
        make_plan(matrix, registry, store, Overrides(), "mine")


# --- the training of what is missing ----------------------------------------------------------


class Silent:
    """An observer that takes no notice."""

    def started(self, job: Job) -> None: ...

    def progressed(self, job: Job, event: dict[str, Any]) -> None: ...

    def finished(self, job: Job, result: dict[str, Any]) -> None: ...


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Job], int, Observer]]:
    """Give the calls of the executor, which trains nothing here."""
    made: list[tuple[list[Job], int, Observer]] = []

    def run_all(jobs: Sequence[Job], at_a_time: int, observer: Observer) -> None:
        made.append((list(jobs), at_a_time, observer))

    monkeypatch.setattr("mtbench.study.run_all", run_all)
    return made


def test_every_run_that_is_not_stored_is_requested(
    planned: Callable[..., Plan], store: Store, calls: list[Any], tmp_path: Path
) -> None:
    (first, second), _, (third, fourth), _ = (cell.runs for cell in planned().cells)
    store_result(store, first.key, status="done")
    store_result(store, third.key, status="failed", error="no")
    observer = Silent()

    train_missing(planned(), store, [tmp_path / "my_head.py"], 7, observer)

    ((jobs, at_a_time, seen_by),) = calls
    assert (at_a_time, seen_by) == (7, observer)
    assert [(job.name, job.folder.key) for job in jobs] == [
        (f"{SUM} [seed 1]", second.key),
        (f"{PCGRAD} [seed 0]", third.key),
        (f"{PCGRAD} [seed 1]", fourth.key),
    ]
    for job in jobs:
        request = job.request
        assert request["key"] == job.folder.key
        assert f"{request['cell']} [seed {request['seed']}]" == job.name
        assert request["plugins"] == [str(tmp_path / "my_head.py")]


def test_where_all_is_stored_nothing_is_done(
    planned: Callable[..., Plan], store: Store, calls: list[Any]
) -> None:
    for _, run in planned().runs():
        store_result(store, run.key, status="done")

    train_missing(planned(), store, [], None, Silent())

    assert calls == []


def test_jobs_default_to_what_the_widest_run_leaves_room_for(
    store: Store, small: dict[str, Any], calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtbench.study.default_jobs", lambda threads, device: 100 // threads)
    cells = [
        NamedCell(f"{threads} threads", overlay(small, {"train.threads": threads}))
        for threads in (1, 4, 2)
    ]
    plan = Planner(Registry.load(), store).plan("", cells, [0])

    train_missing(plan, store, [], None, Silent())

    ((jobs, at_a_time, _),) = calls
    assert [job.threads for job in jobs] == [1, 4, 2]
    assert at_a_time == 25
    assert default_jobs(10**6, "cpu") == 1


def test_an_estimate_is_of_as_many_jobs_as_the_training(
    store: Store, small: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: set[str] = set()

    def jobs_for(threads: int, device: str) -> int:
        given.add(device)
        return 100 // threads

    monkeypatch.setattr("mtbench.study.default_jobs", jobs_for)
    cells = [NamedCell(str(n), overlay(small, {"train.threads": n})) for n in (1, 4, 2)]
    plan = Planner(Registry.load(), store).plan("", cells, [0])

    assert estimate(plan, store) == Estimate(None, runs=0, unknown=3, jobs=25)
    assert estimate(plan, store, 7).jobs == 7
    assert estimate(Plan("", [], []), store).jobs == 100
    assert given == {"cpu"}


def test_an_estimate_for_a_cuda_device_is_of_one_run_at_a_time(
    store: Store, small: dict[str, Any]
) -> None:
    cells = [
        NamedCell(combiner, overlay(small, {"combiner": combiner}))
        for combiner in ("sum", "pcgrad")
    ]
    plan = Planner(Registry.load(), store, "cuda:0").plan("", cells, [0])

    assert estimate(plan, store).jobs == 1


def test_cells_that_are_one_run_are_trained_once(
    store: Store, small: dict[str, Any], calls: list[Any]
) -> None:
    cells = [NamedCell("one", small), NamedCell("the same", small)]
    plan = Planner(Registry.load(), store).plan("", cells, [0])

    train_missing(plan, store, [], 1, Silent())

    ((jobs, _, _),) = calls
    assert [job.name for job in jobs] == ["one [seed 0]"]


# --- devices ----------------------------------------------------------------------------------


def test_runs_are_requested_for_the_device_of_their_plan(
    matrix: Path, store: Store, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtbench.study.require", lambda device: None)
    plan = make_plan(matrix, Registry.load(), store, device="cuda:1")

    train_missing(plan, store, [], None, Silent())

    ((jobs, at_a_time, _),) = calls
    assert {job.request["device"] for job in jobs} == {"cuda:1"}
    assert {job.request["identity"]["device"] for job in jobs} == {"cuda"}
    assert at_a_time == 1


def test_a_device_must_be_there_where_something_is_to_be_trained(
    matrix: Path, store: Store, calls: list[Any]
) -> None:
    plan = make_plan(matrix, Registry.load(), store, device="cuda:99")

    with pytest.raises(UsageError, match=r"^there is no device 'cuda:99' \(here is cpu"):
        train_missing(plan, store, [], None, Silent())
    for _, run in plan.runs():
        store_result(store, run.key, status="done")
    train_missing(
        make_plan(matrix, Registry.load(), store, device="cuda:99"), store, [], None, Silent()
    )

    assert calls == []
