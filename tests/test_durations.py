from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mtbench import durations
from mtbench.durations import Estimate, estimate
from mtbench.planned_runs import Plan, PlannedCell, PlannedRun
from mtbench.store import REQUEST, Store, canonical, run_key, write_json
from mtbench.timings import timing_key

HERE = {"system": "Linux", "processor": "this one", "cores": 2, "python": "3.11.1"}
ELSEWHERE = {**HERE, "processor": "another"}
ANOTHER_PYTHON = {**HERE, "python": "3.12.0"}


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durations, "machine", lambda: HERE)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def identity(
    *, lr: float = 1e-3, combiner: str = "sum", device: str = "cpu", numerics: int = 2
) -> dict[str, Any]:
    train = {"lr": lr, "batch_size": 8, "steps": 50}
    config = {"heads": {}, "combiner": {"name": combiner}, "train": train}
    parts = {"data": {}, "weights": None, "device": device, "numerics": numerics}
    return {**parts, "config": config}


def cell(name: str, store: Store, seeds: int = 1, **given: Any) -> PlannedCell:
    made = identity(**given)
    keys = [run_key(canonical(made), seed) for seed in range(seeds)]
    return PlannedCell(
        name=name,
        note="",
        paper={},
        config={},
        tasks={},
        runs=[PlannedRun(key, seed, store.run(key).state()) for seed, key in enumerate(keys)],
        rejection=None,
        caveats=[],
        identity=made,
        providers={},
    )


def store_run(
    store: Store,
    seconds: float,
    *,
    seed: int,
    machine: Mapping[str, Any] = HERE,
    status: str = "done",
    card: str | None = None,
    **given: Any,
) -> None:
    made = identity(**given)
    folder = store.create(run_key(canonical(made), seed))
    write_json(folder.path / REQUEST, {"identity": made, "machine": machine})
    cost = {"seconds": {"total": seconds}, **({} if card is None else {"device": card})}
    folder.end({"status": status, "cost": cost})


def store_timing(
    store: Store,
    seconds: float,
    *,
    machine: Mapping[str, Any] = HERE,
    card: str | None = None,
    **given: Any,
) -> None:
    made = identity(**given)
    on = {"type": made["device"], **({} if card is None else {"name": card})}
    timing = {"identity": made, "machine": machine, "device": on, "timing": {"run_s": seconds}}
    store.write_timing(timing_key(made, machine, on), timing)


def plan(*cells: PlannedCell) -> Plan:
    return Plan("a plan", [0], cells)


# --- evidence ---------------------------------------------------------------------------------


def test_without_evidence_nothing_is_known(store: Store) -> None:
    found = estimate(plan(cell("a", store, seeds=3)), store, jobs=2)

    assert found == Estimate(seconds=None, runs=0, unknown=3, jobs=2)


def test_stored_runs_are_not_to_do(store: Store) -> None:
    store_run(store, 100.0, seed=0)

    found = estimate(plan(cell("a", store)), store, jobs=2)

    assert found == Estimate(seconds=0.0, runs=0, unknown=0, jobs=2)


def test_other_seeds_tell_most_even_those_outside_the_plan(store: Store) -> None:
    for seed, seconds in [(0, 100.0), (7, 140.0)]:
        store_run(store, seconds, seed=seed)
    store_timing(store, 1.0)
    store_run(store, 1.0, seed=0, lr=1e-4)

    found = estimate(plan(cell("a", store, seeds=3)), store, jobs=1)

    assert found == Estimate(seconds=240.0, runs=2, unknown=0, jobs=1)


def test_then_a_timing_of_the_cell(store: Store) -> None:
    store_timing(store, 60.0)
    store_timing(store, 1.0, lr=1e-4)
    store_run(store, 1.0, seed=0, lr=1e-4)

    assert estimate(plan(cell("a", store)), store, jobs=1).seconds == 60.0


def test_then_runs_of_cells_that_cost_about_as_much(store: Store) -> None:
    store_run(store, 80.0, seed=0, lr=1e-4)
    store_run(store, 90.0, seed=0, lr=1e-5)
    store_run(store, 1.0, seed=0, combiner="pcgrad")
    store_timing(store, 1.0, lr=1e-4)

    assert estimate(plan(cell("a", store)), store, jobs=1).seconds == 85.0


def test_then_timings_of_cells_that_cost_about_as_much(store: Store) -> None:
    store_timing(store, 70.0, lr=1e-4)
    store_timing(store, 1.0, combiner="pcgrad")

    assert estimate(plan(cell("a", store)), store, jobs=1).seconds == 70.0


@pytest.mark.parametrize(
    "put",
    [
        lambda store: store_run(store, 1.0, seed=1, machine=ELSEWHERE),
        lambda store: store_timing(store, 1.0, machine=ELSEWHERE),
        lambda store: store_run(store, 1.0, seed=1, status="failed"),
        lambda store: store_run(store, 1.0, seed=1, combiner="pcgrad"),
        lambda store: store_run(store, 1.0, seed=1, device="cuda", card="a card"),
        lambda store: store_run(store, 1.0, seed=1, lr=1e-4, numerics=1),
        lambda store: store_timing(store, 1.0, numerics=1),
        lambda store: store.create("begun"),
    ],
    ids=[
        *("run elsewhere", "timing elsewhere", "failed", "other combiner", "on a card"),
        *("run of another engine", "timing of another engine", "begun"),
    ],
)
def test_what_is_no_evidence(store: Store, put: Callable[[Store], None]) -> None:
    put(store)

    assert estimate(plan(cell("a", store)), store, jobs=1).unknown == 1


def test_another_python_is_the_same_machine(store: Store) -> None:
    store_run(store, 100.0, seed=1, machine=ANOTHER_PYTHON)
    assert estimate(plan(cell("a", store)), store, jobs=1).seconds == 100.0


def test_a_timing_under_another_python_counts(store: Store) -> None:
    store_timing(store, 60.0, machine=ANOTHER_PYTHON)
    assert estimate(plan(cell("a", store)), store, jobs=1).seconds == 60.0


@pytest.fixture
def a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durations, "hardware", lambda device: {"type": "cuda", "name": "a card"})


@pytest.mark.usefixtures("a_card")
@pytest.mark.parametrize("put", [partial(store_run, seed=1), store_timing], ids=["run", "timing"])
def test_on_a_gpu_only_the_same_card_counts(store: Store, put: Callable[..., None]) -> None:
    put(store, 9.0, device="cuda", card="another", lr=1e-4)
    on_gpu = Plan("a plan", [0], [cell("a", store, device="cuda")], "cuda:0")
    assert estimate(on_gpu, store, jobs=1).seconds is None

    put(store, 60.0, device="cuda", card="a card")
    assert estimate(on_gpu, store, jobs=1).seconds == 60.0


def test_torn_and_older_timings_are_left_out(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store_timing(store, 60.0)
    (store.timings / "0.json").write_text('{"identity": {')
    (store.timings / "1.json").write_text('{"identity": {}, "timing": {"run_s": 1}}')

    assert estimate(plan(cell("a", store)), store, jobs=1).seconds == 60.0
    assert capsys.readouterr().err.count("warning: ") == 1


# --- the sum ----------------------------------------------------------------------------------


def test_runs_share_the_time_and_the_unknown_ones_are_counted(store: Store) -> None:
    store_timing(store, 60.0)
    cells = [cell("a", store, seeds=3), cell("b", store, seeds=2, combiner="pcgrad")]

    found = estimate(plan(*cells), store, jobs=2)

    assert found == Estimate(seconds=90.0, runs=3, unknown=2, jobs=2)


def test_it_takes_no_less_than_the_longest_run(store: Store) -> None:
    store_timing(store, 60.0)

    assert estimate(plan(cell("a", store)), store, jobs=4).seconds == 60.0


# --- the line ---------------------------------------------------------------------------------

HINT = "no timing yet (mtbench bench MATRIX measures them)"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ((0.0, 0, 0, 2), ""),
        ((None, 0, 3, 2), HINT),
        ((7800.0, 36, 4, 2), f"about 2 h 10 min for 36 of 40 runs, two at a time; 4 have {HINT}"),
        ((7200.0, 40, 0, 1), "about 2 h for 40 runs, one at a time"),
        ((0.2, 1, 0, 64), "about 1 s for 1 run, 64 at a time"),
        ((59.0, 2, 0, 8), "about 59 s for 2 runs, eight at a time"),
        ((3580.0, 2, 0, 9), "about 1 h for 2 runs, 9 at a time"),
        ((600.0, 2, 0, 1), "about 10 min for 2 runs, one at a time"),
        ((180_000.0, 2, 0, 1), "about 2 days 2 h for 2 runs, one at a time"),
        ((172_800.0, 2, 0, 1), "about 2 days for 2 runs, one at a time"),
    ],
)
def test_the_line_for_people(given: tuple[Any, ...], line: str) -> None:
    assert Estimate(*given).text() == line
