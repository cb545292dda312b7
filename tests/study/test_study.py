from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mtbench.components.registry import Registry
from mtbench.errors import NothingToCompare, PluginError, RunsMissing, UsageError
from mtbench.executors.process import Job, RunProgress, default_jobs
from mtbench.matrix.configuration import overlay
from mtbench.matrix.designs import NamedCell
from mtbench.matrix.file import Matrix
from mtbench.store import PREDICTIONS, Failure, Store
from mtbench.study.durations import Estimate, estimate
from mtbench.study.plan import Plan
from mtbench.study.planner import Planner
from mtbench.study.progress import Silence, silent
from mtbench.study.relatives import Relatives
from mtbench.study.setup import Setup
from mtbench.study.study import Session, train_missing

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

    return lambda **given: session(matrix, store, **given).plan()


def session(matrix: Any, store: Store, **given: Any) -> Session:
    return Session(Setup(matrix, store=store, **{"device": "cpu", **given}))


def ablate(matrix: Any, store: Store, observer: Any = None, **given: Any) -> Plan:
    study = session(matrix, store, **given)
    observing = observer if callable(observer) else lambda _: nullcontext(observer or Silence())
    return study.train(study.plan(), observing=observing)


def keys(plan: Plan) -> list[str]:
    return [run.key for _, run in plan.runs()]


@pytest.fixture
def store_result(store: Store, a_result: Callable[..., Any]) -> Callable[..., None]:
    """Give a function that stores what came of a run."""

    def write(key: str, *, failed: bool = False, **fields: Any) -> None:
        failure = Failure(error="no", traceback="")
        store.create(key).end(failure if failed else a_result(**fields))

    return write


# --- the plan ---------------------------------------------------------------------------------


def test_a_plan_has_title_cells_and_seeds_of_its_file(planned: Callable[..., Plan]) -> None:
    plan = planned()

    assert (plan.title, plan.seeds) == ("a study", [0, 1])
    assert [cell.name for cell in plan.cells] == [SUM, SUM_REJECTED, PCGRAD, PCGRAD_REJECTED]
    assert [len(cell.runs) for cell in plan.cells] == [2, 0, 2, 0]
    assert "sentence" in str(plan.cells[1].rejection)


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
    plan = planned(cells=expression)

    assert [cell.name for cell in plan.cells] == names


def test_what_the_file_does_not_say_is_a_remark(planned: Callable[..., Plan]) -> None:
    laid = {"data.fraction": 0.5, "data.dir": "anywhere", "train.lr": 1e-5}
    cells = len(planned().cells)

    assert planned(set=laid).remarks == ["set beside the matrix: data.fraction=0.5, train.lr=1e-5"]
    assert planned(cells="pcgrad").remarks == [
        f"2 of the matrix' {cells} cells: those that -k 'pcgrad' fits"
    ]
    assert planned(data="anywhere", seeds=3, cells="not nothing").remarks == []


def test_a_head_may_be_of_a_task_that_only_other_cells_have(store: Store) -> None:
    alone = {"tasks": ["sample-sst"], "balancer": {"name": "single", "task": "sample-sst"}}
    matrix = Matrix(
        base={"tasks": ["sample-sst", "sample-sts"], "heads": {"sample-sts": "cosine"}},
        include=[{"name": "together"}, {"name": "alone", "set": alone}],
    )

    plan = session(matrix, store, cells="alone").plan()

    assert [list(cell.tasks) for cell in plan.cells] == [["sample-sst"]]
    with pytest.raises(UsageError, match="unknown task 'sample-sts' in heads"):
        session(matrix, store, set={"tasks": ["sample-sst"]}).plan()


def test_an_expression_that_fits_nothing_names_the_cells(planned: Callable[..., Plan]) -> None:
    with pytest.raises(UsageError) as caught:
        planned(cells="cagrad")

    shown = f"{SUM}; {SUM_REJECTED}; {PCGRAD}; {PCGRAD_REJECTED}"
    assert str(caught.value) == f"-k 'cagrad' fits no cell (cells: {shown})"


def test_of_many_cells_ten_are_named(planned: Callable[..., Plan]) -> None:
    rates = {"train.lr": [float(i) for i in range(1, 4)]}

    with pytest.raises(UsageError) as caught:
        planned(axes=rates, cells="cagrad")

    assert str(caught.value).count("combiner=") == 10
    assert str(caught.value).endswith("; ...)")


def test_cells_out_of_the_expression_are_not_even_resolved(
    matrix: Path, planned: Callable[..., Plan]
) -> None:
    matrix.write_text(MATRIX.replace('"pcgrad"', '"no-such-combiner"'))

    assert [cell.name for cell in planned(cells="sum").cells] == [SUM, SUM_REJECTED]
    with pytest.raises(UsageError, match="no-such-combiner"):
        planned()


def test_a_broken_plugin_is_told_when_it_is_needed(
    matrix: Path, store: Store, planned: Callable[..., Plan], tmp_path: Path, new_modules: None
) -> None:
    file = tmp_path / "my_combiners.py"
    file.write_text("raise RuntimeError('on purpose')\n")
    matrix.write_text(MATRIX.replace('"pcgrad"', '"mine"'))

    told: list[str] = []

    assert len(keys(planned(plugins=file, cells="sum", warn=told.append))) == 2
    plan = planned(plugins=file, warn=told.append)
    assert [cell.fault is None for cell in plan.cells] == [True, True, False, False]
    with pytest.raises(PluginError, match=r"^2 of 4 cells are broken: .*'mine'.*my_combiners"):
        plan.check_complete()
    with pytest.raises(PluginError, match=r"^unknown combiner 'mine'.*my_combiners"):
        planned(plugins=file, cells="mine", warn=told.append)
    assert ["on purpose" in line for line in told] == [True] * 3


# --- the training of what is missing ----------------------------------------------------------


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Job], int, RunProgress]]:
    """Give the calls of the executor, which trains nothing here."""
    made: list[tuple[list[Job], int, RunProgress]] = []

    def run_all(jobs: Sequence[Job], at_a_time: int, observer: RunProgress) -> None:
        made.append((list(jobs), at_a_time, observer))

    monkeypatch.setattr("mtbench.study.study.run_all", run_all)
    return made


def test_every_run_that_is_not_stored_is_requested(
    planned: Callable[..., Plan],
    store: Store,
    calls: list[Any],
    tmp_path: Path,
    store_result: Callable[..., None],
) -> None:
    (first, second), _, (third, fourth), _ = (cell.runs for cell in planned().cells)
    store_result(first.key)
    store_result(third.key, failed=True)
    observer = Silence()

    setup = Setup(store=store, plugins=tmp_path / "my_head.py", blocked="another")
    train_missing(planned(), setup, lambda _: nullcontext(observer), 7)

    ((jobs, at_a_time, seen_by),) = calls
    assert (at_a_time, seen_by) == (7, observer)
    assert [(job.name, job.folder.key) for job in jobs] == [
        (f"{SUM} [seed 1]", second.key),
        (f"{PCGRAD} [seed 0]", third.key),
        (f"{PCGRAD} [seed 1]", fourth.key),
    ]
    for job in jobs:
        request = job.request
        assert request.key == job.folder.key
        assert f"{request.cell} [seed {request.seed}]" == job.name
        assert request.plugins == [str(tmp_path / "my_head.py")]
        assert request.blocked == ["another"]


def test_where_all_is_stored_nothing_is_done(
    planned: Callable[..., Plan], store: Store, calls: list[Any], store_result: Callable[..., None]
) -> None:
    for _, run in planned().runs():
        store_result(run.key)

    train_missing(planned(), Setup(store=store), silent)

    assert calls == []


def test_jobs_default_to_what_the_widest_run_leaves_room_for(
    store: Store, small: dict[str, Any], calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "mtbench.study.durations.default_jobs", lambda threads, device: 100 // threads
    )
    cells = [
        NamedCell(f"{threads} threads", overlay(small, {"train.threads": threads}))
        for threads in (1, 4, 2)
    ]
    plan = Planner(Registry.load(), store).plan("", cells, [0])

    train_missing(plan, Setup(store=store), silent)

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

    monkeypatch.setattr("mtbench.study.durations.default_jobs", jobs_for)
    cells = [NamedCell(str(n), overlay(small, {"train.threads": n})) for n in (1, 4, 2)]
    plan = Planner(Registry.load(), store).plan("", cells, [0])

    assert estimate(plan, Relatives(store)) == Estimate(None, runs=0, unknown=3, jobs=25)
    assert estimate(plan, Relatives(store), 7).jobs == 7
    assert estimate(Plan("", [], []), Relatives(store)).jobs == 100
    assert given == {"cpu"}


def test_an_estimate_for_a_cuda_device_is_of_one_run_at_a_time(
    store: Store, small: dict[str, Any]
) -> None:
    cells = [
        NamedCell(combiner, overlay(small, {"combiner": combiner}))
        for combiner in ("sum", "pcgrad")
    ]
    plan = Planner(Registry.load(), store, "cuda:0").plan("", cells, [0])

    assert estimate(plan, Relatives(store)).jobs == 1


def test_cells_that_are_one_run_are_trained_once(
    store: Store, small: dict[str, Any], calls: list[Any]
) -> None:
    cells = [NamedCell("one", small), NamedCell("the same", small)]
    plan = Planner(Registry.load(), store).plan("", cells, [0])

    train_missing(plan, Setup(store=store), silent, 1)

    ((jobs, _, _),) = calls
    assert [job.name for job in jobs] == ["one [seed 0]"]


def test_a_fault_is_told_before_the_runs_of_a_plan(
    matrix: Path, store: Store, calls: list[Any]
) -> None:
    told: list[Any] = []
    study = session(matrix, store, warn=told.append)
    plan = study.plan()
    broken, sound = replace(plan.cells[0], fault="it broke", runs=[]), plan.cells[2]

    def counted(estimate: Estimate) -> AbstractContextManager[RunProgress]:
        told.append((estimate.unknown, estimate.jobs, len(calls)))
        return silent(estimate)

    study.train(replace(plan, cells=[broken, sound]), observing=counted, jobs=3)
    study.train(replace(plan, cells=[broken, sound]), observing=counted, barred=lambda _: ())

    fault = "1 of 2 cells is broken: it broke; the others go on"
    assert told == [fault, (2, 3, 0), (2, default_jobs(1, "cpu"), 1)]


# --- devices ----------------------------------------------------------------------------------


def test_runs_are_requested_for_the_device_of_their_plan(
    matrix: Path, store: Store, calls: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtbench.study.study.require", lambda device: None)
    plan = session(matrix, store, device="cuda:1").plan()

    train_missing(plan, Setup(store=store), silent)

    ((jobs, at_a_time, _),) = calls
    assert {job.request.device for job in jobs} == {"cuda:1"}
    assert {job.request.identity.device for job in jobs} == {"cuda"}
    assert at_a_time == 1


def test_a_device_must_be_there_where_something_is_to_be_trained(
    matrix: Path, store: Store, calls: list[Any], store_result: Callable[..., None]
) -> None:
    plan = session(matrix, store, device="cuda:99").plan()

    with pytest.raises(UsageError, match=r"^there is no device 'cuda:99' \(here is cpu"):
        train_missing(plan, Setup(store=store), silent)
    for _, run in plan.runs():
        store_result(run.key)
    train_missing(session(matrix, store, device="cuda:99").plan(), Setup(store=store), silent)

    assert calls == []


# --- designs: from matrix to trained plan -------------------------------------------------------

RATES, DROPOUTS = [1e-4, 1e-5, 1e-6], [0.2, 0.3, 0.4]


def name(rate: float, dropout: float) -> str:
    return f"train.lr={str(rate).replace('e-0', 'e-')}, train.dropout={dropout}"


@pytest.fixture
def search(small: dict[str, Any]) -> Matrix:
    """The paper's search: learning rates first, then dropouts."""
    return Matrix(
        title="a search",
        seeds=2,
        design="staged",
        base=overlay(small, {"train.dropout": 0.3}),
        axes={"train.lr": RATES, "train.dropout": DROPOUTS},
    )


@pytest.fixture
def pretended(
    monkeypatch: pytest.MonkeyPatch, a_result: Callable[..., Any]
) -> Callable[[Mapping[str, Any]], list[list[str]]]:
    """Give a function that has runs end with what it is told of their cells, 0 for the others.

    It returns the names of the runs that are trained, a call of the executor.
    """

    def pretend(overall: Mapping[str, Any]) -> list[list[str]]:
        trained: list[list[str]] = []

        def run_all(jobs: Sequence[Job], at_a_time: int, observer: RunProgress) -> None:
            trained.append([job.name for job in jobs])
            for job in jobs:
                score = overall.get(job.request.cell, 0.0)
                folder = job.folder.store.create(job.key)
                (folder.path / PREDICTIONS).touch()
                if isinstance(score, str):
                    folder.end(Failure(error=score, traceback=""))
                else:
                    folder.end(a_result(overall=score))

        monkeypatch.setattr("mtbench.study.study.run_all", run_all)
        return trained

    return pretend


def test_a_search_trains_stage_after_stage(
    search: Matrix, store: Store, pretended: Callable[..., list[list[str]]]
) -> None:
    trained = pretended({name(1e-5, 0.3): 0.5, name(1e-5, 0.4): 0.6, name(1e-4, 0.3): 0.4})
    before = session(search, store).plan()

    plan = ablate(search, store)

    first = [name(rate, 0.3) for rate in RATES]
    second = [name(1e-5, 0.2), name(1e-5, 0.4)]
    assert trained == [
        [f"{cell} [seed {seed}]" for cell in stage for seed in (0, 1)] for stage in (first, second)
    ]
    assert [cell.name for cell in before.cells] == first
    assert (before.design, before.to_come) == ("staged", 2)
    assert before.remarks == [
        "stage 1 (train.lr): 3 cells, whose runs decide what comes next",
        "up to 2 more cells are still to come",
    ]
    assert [cell.name for cell in plan.cells] == [*first, *second]
    assert {run.state for _, run in plan.runs()} == {"done"}
    assert plan.to_come == 0
    assert plan.remarks == [
        "stage 1 (train.lr): 1e-5 kept, the best of 3 on dev",
        "stage 2 (train.dropout): 0.4 kept, the best of 3 on dev",
    ]
    assert {cell.name: cell.named.note for cell in plan.cells if cell.named.note} == {
        name(1e-5, 0.4): "chosen among 5 configurations on dev (10 runs): "
        "its dev score is flattered by the choice"
    }
    again = ablate(search, store)
    assert (len(trained), keys(again)) == (2, keys(plan))


def test_the_first_value_wins_a_tie(
    search: Matrix, store: Store, pretended: Callable[..., Any]
) -> None:
    pretended({})

    plan = ablate(search, store)

    assert [stage.value for stage in plan.stages] == ["0.0001", "0.2"]


def test_what_fails_in_a_search_cannot_win_and_is_tried_once_a_call(
    search: Matrix, store: Store, pretended: Callable[..., list[list[str]]]
) -> None:
    broken = pretended({name(1e-4, 0.3): "no", name(1e-6, 0.3): 0.5})

    plan = ablate(search, store)

    assert [len(jobs) for jobs in broken] == [6, 4]
    assert [stage.value for stage in plan.stages] == ["1e-6", "0.3"]
    assert "among 4 configurations on dev (8 runs)" in "".join(
        cell.named.note for cell in plan.cells
    )
    with pytest.raises(RunsMissing):
        plan.check_complete()

    mended = pretended({name(1e-4, 0.3): 0.9})
    plan = ablate(search, store)

    first = [f"{name(1e-4, 0.3)} [seed {seed}]" for seed in (0, 1)]
    assert (mended[0], len(mended)) == (first, 2)
    assert [stage.value for stage in plan.stages] == ["0.0001", "0.3"]
    plan.check_complete()


def test_a_search_that_finds_nothing_to_keep_ends_with_a_line(
    search: Matrix, store: Store, pretended: Callable[..., Any]
) -> None:
    pretended({name(rate, 0.3): None for rate in RATES})

    plan = ablate(search, store)

    assert (len(plan.cells), plan.to_come) == (3, 0)
    problem = "no cell can be kept (3 without a score)"
    assert plan.remarks == [f"stage 1 (train.lr): {problem}, so the search ends here"]
    with pytest.raises(NothingToCompare, match=r"^the search ends at train\.lr: no cell can be"):
        plan.check_complete()


def test_an_expression_leaves_a_search_its_candidates(
    search: Matrix, store: Store, pretended: Callable[..., list[list[str]]]
) -> None:
    trained = pretended({name(1e-4, 0.3): 0.9})

    with pytest.raises(UsageError, match=r"; of a search up to 2 are still to come\)$"):
        session(search, store, cells="dropout=0.2").plan()
    some = ablate(search, store, cells="lr=1e-5")
    assert ([cell.name for cell in some.cells], some.to_come) == ([name(1e-5, 0.3)], 2)
    assert trained == [[f"{name(1e-5, 0.3)} [seed {seed}]" for seed in (0, 1)]]
    ablate(search, store)
    chosen = session(search, store, cells="dropout=0.2 or lr=1e-5").plan()

    assert [cell.name for cell in chosen.cells] == [name(1e-5, 0.3), name(1e-4, 0.2)]
    assert [stage.value for stage in chosen.stages] == ["0.0001", "0.3"]


def test_more_seeds_open_a_search_again(
    search: Matrix, store: Store, pretended: Callable[..., Any]
) -> None:
    pretended({})
    ablate(search, store)

    plan = session(search, store, seeds=3).plan()

    assert (len(plan.cells), len(plan.to_do()), plan.stages[0].kept) == (3, 3, "")


def test_each_stage_has_an_observer_of_its_own(
    search: Matrix, store: Store, pretended: Callable[..., Any]
) -> None:
    pretended({})
    runs: list[int] = []

    @contextmanager
    def observing(estimate: Estimate) -> Iterator[RunProgress]:
        runs.append(estimate.unknown + estimate.runs)
        yield Silence()
        runs.append(0)

    ablate(search, store, observing)

    assert runs == [6, 0, 4, 0]


def test_included_cells_are_trained_and_are_no_candidates(
    search: Matrix, store: Store, pretended: Callable[..., list[list[str]]]
) -> None:
    change = {"name": "no clipping", "set": {"train.clip_norm": 1.0}}
    matrix = Matrix.model_validate({**search.model_dump(), "include": [change]})
    trained = pretended({"no clipping": 0.9})

    plan = ablate(matrix, store)

    assert [len(jobs) for jobs in trained] == [6, 4, 2]
    assert plan.cells[-1].name == "no clipping"
    assert "among 5 configurations" in "".join(cell.named.note for cell in plan.cells)


@pytest.mark.parametrize("design", ["grid", "one-at-a-time"])
def test_the_other_designs_are_trained_at_once(
    search: Matrix, store: Store, pretended: Callable[..., list[list[str]]], design: str
) -> None:
    trained = pretended({})
    matrix = search.model_copy(update={"design": design})

    plan = ablate(matrix, store)

    assert [len(jobs) for jobs in trained] == [2 * len(plan.cells)]
    assert (plan.design, plan.stages, plan.remarks) == (design, [], [])
    plan.check_complete()
