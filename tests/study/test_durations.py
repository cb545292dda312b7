import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtbench.matrix.designs import NamedCell
from mtbench.store import REQUEST, Failure, Identity, Store, StoredTiming, TimedRun
from mtbench.store.timings import write_timing
from mtbench.study import durations
from mtbench.study.durations import Estimate, Kin, estimate, makespan
from mtbench.study.plan import Plan, PlannedCell, planned_runs
from mtbench.study.relatives import Relatives
from mtbench.system.files import write_json

Make = Callable[..., Any]

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
    *,
    lr: float = 1e-3,
    combiner: str = "sum",
    device: str = "cpu",
    numerics: int = 2,
    fraction: float = 1.0,
    **train: Any,
) -> Identity:
    budget = {"epochs": None, "steps": None if "epochs" in train else 50}
    config = {
        **{part: {"name": part} for part in ("encoder", "balancer")},
        "heads": {},
        "tasks": {"sst": {"name": "sst"}},
        "combiner": {"name": combiner},
        "train": {"lr": lr, "batch_size": 8, "evaluations": 1, **budget, **train},
        "data": {"fraction": fraction},
    }
    return Identity(
        numerics=numerics,
        device=device,
        config=config,
        task_order=["sst"],
        data={},
        weights=None,
        code={},
    )


def cell(name: str, store: Store, seeds: int = 1, **given: Any) -> PlannedCell:
    made = identity(**given)
    runs = planned_runs(store, made.text, range(seeds), store.keys())
    return PlannedCell(NamedCell(name, {}), None, runs, identified=made)


@pytest.fixture
def store_run(store: Store, a_request: Make, a_result: Make) -> Callable[..., None]:
    """Give a function that stores a run, which spent half of its time in 50 steps.

    A quarter went into evaluations.
    """

    def write(
        seconds: float,
        *,
        seed: int = 1,
        machine: Mapping[str, Any] = HERE,
        card: str | None = None,
        failed: bool = False,
        **given: Any,
    ) -> None:
        made = identity(**given)
        asked = a_request(cell=f"{given} stored", identity=made, machine=machine, seed=seed)
        folder = store.create(asked.key)
        write_json(folder.path / REQUEST, asked.model_dump())
        parts = {"total": seconds, "training": seconds / 2, "evaluation": seconds / 4}
        scores = {"dev": {"sst": {"accuracy": 0.5}}}
        spent = a_result(scores=scores).cost.model_dump()
        spent |= {"seconds": {**parts, "computing": 0.0}, "steps": 50, "device": card}
        evaluations = made.config["train"]["evaluations"]
        done = a_result(scores=scores, evaluations=evaluations, cost=spent)
        folder.end(Failure(error="", traceback="") if failed else done)

    return write


@pytest.fixture
def store_timing(store: Store) -> Callable[..., None]:
    """Give a function that stores a timing, whose run is in the parts of a stored run."""

    def write(
        seconds: float,
        *,
        machine: Mapping[str, Any] = HERE,
        card: str | None = None,
        **given: Any,
    ) -> None:
        made = identity(**given)
        timed = TimedRun(
            run_s=seconds, loading_s=seconds / 4, evaluation_s=seconds / 4, run_steps=50
        )
        timing = StoredTiming(
            cell=f"{given} timed",
            config={},
            identity=made,
            machine=dict(machine),
            device={"type": made.device, **({} if card is None else {"name": card})},
            versions={},
            steps=1,
            timing=timed,
        )
        write_timing(store, timing)

    return write


@pytest.fixture(params=["run", "timing"])
def put(request: Any, store_run: Make, store_timing: Make) -> Make:
    """Give a function that stores either."""
    return store_run if request.param == "run" else store_timing


def plan(*cells: PlannedCell) -> Plan:
    return Plan("a plan", [0], cells)


# --- evidence ---------------------------------------------------------------------------------


def test_without_evidence_nothing_is_known(store: Store) -> None:
    found = estimate(plan(cell("a", store, seeds=3)), Relatives(store), jobs=2)

    assert found == Estimate(seconds=None, runs=0, unknown=3, jobs=2)


def test_stored_runs_are_not_to_do(store: Store, store_run: Make) -> None:
    store_run(100.0, seed=0)

    found = estimate(plan(cell("a", store)), Relatives(store), jobs=2)

    assert found == Estimate(seconds=0.0, runs=0, unknown=0, jobs=2)


def test_other_seeds_tell_most_even_those_outside_the_plan(
    store: Store, store_run: Make, store_timing: Make
) -> None:
    for seed, seconds in [(0, 100.0), (7, 140.0)]:
        store_run(seconds, seed=seed)
    store_timing(1.0)
    store_run(1.0, seed=0, lr=1e-4)

    found = estimate(plan(cell("a", store, seeds=3)), Relatives(store), jobs=1)

    assert found == Estimate(240.0, runs=2, unknown=0, jobs=1, evidence={"runs": 2})


def test_then_a_timing_of_the_cell(store: Store, store_run: Make, store_timing: Make) -> None:
    store_timing(60.0)
    store_timing(1.0, lr=1e-4)
    store_run(1.0, seed=0, lr=1e-4)

    assert estimate(plan(cell("a", store)), Relatives(store), jobs=1).seconds == 60.0


def test_then_runs_of_cells_that_cost_about_as_much(
    store: Store, store_run: Make, store_timing: Make
) -> None:
    store_run(80.0, seed=0, lr=1e-4)
    store_run(90.0, seed=0, lr=1e-5)
    store_run(1.0, seed=0, combiner="pcgrad")
    store_timing(1.0, lr=1e-4)

    assert estimate(plan(cell("a", store)), Relatives(store), jobs=1).seconds == 85.0


def test_then_timings_of_cells_that_cost_about_as_much(store: Store, store_timing: Make) -> None:
    store_timing(70.0, lr=1e-4)
    store_timing(1.0, combiner="pcgrad")

    assert estimate(plan(cell("a", store)), Relatives(store), jobs=1).seconds == 70.0


ELSEWHERE_OR_OTHERWISE: list[dict[str, Any]] = [
    {"machine": ELSEWHERE},
    {"lr": 1e-4, "numerics": 1},
    {"device": "cuda", "card": "a card"},
]


@pytest.mark.parametrize("given", ELSEWHERE_OR_OTHERWISE, ids=["machine", "engine", "device"])
def test_what_is_no_evidence(store: Store, put: Make, given: dict[str, Any]) -> None:
    put(1.0, **given)

    assert estimate(plan(cell("a", store)), Relatives(store), jobs=1).unknown == 1


def test_runs_without_a_score_are_no_evidence(store: Store, store_run: Make) -> None:
    store_run(1.0, failed=True)
    store.create("begun")

    assert estimate(plan(cell("a", store)), Relatives(store), jobs=1).unknown == 1


# A run of the store takes 25 s to start, 1 s a step for 50 steps, and 25 s to evaluate.
@pytest.mark.parametrize(
    ("stored", "asked", "seconds"),
    [
        ({}, {"steps": 500}, 25 + 500 + 25),
        ({}, {"evaluations": 4}, 25 + 50 + 4 * 25),
        ({"evaluations": 5}, {"evaluations": 1}, 25 + 50 + 5),
        ({"epochs": 2}, {"epochs": 6}, 25 + 150 + 25),
        ({"epochs": 2}, {"epochs": 2, "fraction": 0.5}, 25 + 25 + 25),
        ({"epochs": 2}, {"steps": 10}, 25 + 10 + 25),
        ({}, {"steps": 3, "evaluations": 9}, 25 + 3 + 3 * 25),
        ({"lr": 1e-4}, {"steps": 100}, 25 + 100 + 25),
    ],
)
def test_then_another_budget_reckoned_from_the_parts(
    store: Store,
    put: Make,
    stored: dict[str, Any],
    asked: dict[str, Any],
    seconds: float,
) -> None:
    put(100.0, **stored)

    found = estimate(plan(cell("a", store, **asked)), Relatives(store), jobs=1)

    assert (found.seconds, found.unknown) == (pytest.approx(seconds), 0)
    assert found.evidence == {"scaled": 1}
    (kin,) = found.relatives
    assert (kin.cell.split("}")[0] + "}", kin.runs, kin.rough) == (str(stored), 1, False)


@pytest.mark.parametrize(
    ("asked", "seconds", "differs"),
    [
        ({"combiner": "pcgrad"}, 100, ("combiner",)),
        ({"batch_size": 16}, 25 + 100 + 25, ("train.batch_size",)),
        ({"batch_size": 16, "steps": 100}, 25 + 200 + 25, ("train.batch_size", "train.steps")),
        ({"threads": 2}, 100, ("train.threads",)),
    ],
)
def test_then_the_nearest_of_all_which_is_called_rough(
    store: Store, asked: dict[str, Any], seconds: float, differs: tuple[str, ...], store_run: Make
) -> None:
    store_run(100.0, seed=1)

    found = estimate(plan(cell("a", store, **asked)), Relatives(store), jobs=1)

    assert found.seconds == pytest.approx(seconds)
    assert found.evidence == {"rough": 1}
    assert found.relatives == (Kin("{} stored", 1, differs, rough=True),)


def test_of_steps_nobody_knows_how_many_an_epoch_has(store: Store, store_run: Make) -> None:
    store_run(100.0, seed=1)

    assert estimate(plan(cell("a", store, epochs=2)), Relatives(store), jobs=1).unknown == 1


def test_the_evidence_of_every_run_is_counted(
    store: Store, store_run: Make, store_timing: Make
) -> None:
    store_run(100.0, seed=9)
    store_timing(10.0, combiner="pcgrad")
    cells = [
        cell("trained", store),
        cell("timed", store, seeds=2, combiner="pcgrad"),
        cell("as dear", store, lr=1e-4),
        cell("longer", store, seeds=2, steps=100),
        cell("another", store, combiner="mgda", batch_size=4),
    ]

    record = estimate(plan(*cells), Relatives(store), jobs=2).record()

    assert record["evidence"] == {"runs": 1, "timing": 2, "similar": 1, "scaled": 2, "rough": 1}
    assert "expected" not in record
    assert json.loads(json.dumps(record["relatives"])) == [
        {"cell": "{} stored", "runs": 2, "differs": ["train.steps"], "rough": False},
        {
            "cell": "{} stored",
            "runs": 1,
            "differs": ["combiner", "train.batch_size"],
            "rough": True,
        },
    ]


def test_another_python_is_the_same_machine(store: Store, store_run: Make) -> None:
    store_run(100.0, seed=1, machine=ANOTHER_PYTHON)
    assert estimate(plan(cell("a", store)), Relatives(store), jobs=1).seconds == 100.0


def test_a_timing_under_another_python_counts(store: Store, store_timing: Make) -> None:
    store_timing(60.0, machine=ANOTHER_PYTHON)
    assert estimate(plan(cell("a", store)), Relatives(store), jobs=1).seconds == 60.0


@pytest.fixture
def a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durations, "hardware", lambda device: {"type": "cuda", "name": "a card"})


@pytest.mark.usefixtures("a_card")
def test_on_a_gpu_only_the_same_card_counts(store: Store, put: Make) -> None:
    put(9.0, device="cuda", card="another", lr=1e-4)
    on_gpu = Plan("a plan", [0], [cell("a", store, device="cuda")], "cuda:0")
    assert estimate(on_gpu, Relatives(store), jobs=1).seconds is None

    put(60.0, device="cuda", card="a card")
    assert estimate(on_gpu, Relatives(store), jobs=1).seconds == 60.0


# --- the sum ----------------------------------------------------------------------------------


def test_runs_share_the_time_and_the_unknown_ones_are_counted(
    store: Store, store_timing: Make
) -> None:
    store_timing(60.0)
    cells = [cell("a", store, seeds=4), cell("b", store, seeds=2, epochs=3)]

    found = estimate(plan(*cells), Relatives(store), jobs=2)

    assert found == Estimate(120.0, runs=4, unknown=2, jobs=2, evidence={"timing": 4})


def test_a_run_that_finds_no_partner_takes_its_whole_time(
    store: Store, store_timing: Make
) -> None:
    store_timing(60.0)

    assert estimate(plan(cell("a", store, seeds=3)), Relatives(store), jobs=2).seconds == 120.0


@pytest.mark.parametrize(
    ("under_way", "waiting", "jobs", "end"),
    [
        ([], [], 2, 0.0),
        ([5.0], [], 1, 5.0),
        ([5.0], [2.0], 1, 7.0),
        ([5.0], [2.0, 1.0], 2, 5.0),
        ([5.0, 9.0], [3.0, 3.0], 2, 11.0),
        ([], [1.0, 2.0, 30.0], 2, 31.0),
        ([], [30.0, 1.0, 2.0], 2, 30.0),
        ([4.0, 4.0, 4.0], [2.0], 3, 6.0),
        ([], [7.0], 64, 7.0),
    ],
)
def test_runs_start_in_order_as_soon_as_a_place_is_free(
    under_way: list[float], waiting: list[float], jobs: int, end: float
) -> None:
    assert makespan(under_way, waiting, jobs) == end


@given(st.lists(st.floats(0, 1e4), max_size=4), st.lists(st.floats(0, 1e4)), st.integers(4, 9))
def test_no_order_beats_the_longest_run_or_the_shared_sum(
    under_way: list[float], waiting: list[float], jobs: int
) -> None:
    end = makespan(under_way, waiting, jobs)

    bound = max([0.0, *under_way, *waiting, sum(under_way + waiting) / jobs])
    assert bound <= end * (1 + 1e-9)
    assert end <= sum(under_way + waiting) / jobs + max([0.0, *under_way, *waiting]) + 1e-6


def test_it_takes_no_less_than_the_longest_run(store: Store, store_timing: Make) -> None:
    store_timing(60.0)

    assert estimate(plan(cell("a", store)), Relatives(store), jobs=4).seconds == 60.0


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


ONE = Kin("combiner=sum, a", 1, ("train.steps",), rough=False)


@pytest.mark.parametrize(
    ("relatives", "told"),
    [
        ([ONE], " (1 by its nearest stored relative: combiner=sum, a)"),
        ([replace(ONE, runs=4)], " (4 by their nearest stored relative: combiner=sum, a)"),
        (
            [ONE, replace(ONE, differs=("train.epochs",))],
            " (2 by their nearest stored relative: combiner=sum, a)",
        ),
        (
            [replace(ONE, rough=True, runs=2), replace(ONE, rough=True, cell="b")],
            " (3 roughly, by their nearest stored relatives: combiner=sum, a; b)",
        ),
        (
            [ONE, replace(ONE, rough=True, cell="b", runs=3)],
            " (1 by its nearest stored relative: combiner=sum, a; "
            "3 roughly, by their nearest stored relative: b)",
        ),
        (
            [replace(ONE, cell=name) for name in "abcde"],
            " (5 by their nearest stored relatives: a; b; c and 2 more)",
        ),
    ],
)
def test_the_line_names_the_nearest_relatives(relatives: list[Kin], told: str) -> None:
    line = Estimate(60.0, 6, 0, 2, relatives=relatives).text()
    assert line == f"about 1 min for 6 runs, two at a time{told}"

    some = Estimate(60.0, 6, 1, 2, relatives=relatives).text()
    assert some == f"about 1 min for 6 of 7 runs, two at a time{told}; 1 has {HINT[:-5]}it)"
