import json
from pathlib import Path
from typing import Any

import pytest

from mtbench.store import Identity, Store, StoredTiming
from mtbench.store.timings import comparable, read_timings
from mtbench.study.cost_relatives import cost_leaves
from mtbench.study.timings import (
    Bench,
    Footprint,
    MeasuredCell,
    TimedStep,
    Timing,
    store_timings,
    summarise,
)

MACHINE = {"system": "Linux", "processor": "a processor", "cores": 2, "python": "3.11.1"}
ON = {"type": "cuda", "name": "a card"}
FOOTPRINT = Footprint(
    flops_per_token=2e6,
    peak_mb=100.0,
    peak_device_mb=None,
    precision="float32",
    run_steps=50,
    loading_s=1.5,
    evaluation_s=2.0,
)
FIELDS: dict[str, Any] = {
    "numerics": 1,
    "device": "cpu",
    "data": {"sst": {"train": "a", "dev": "b"}},
    "weights": "c",
    "code": {"encoder": "d"},
    "task_order": ["sst"],
    "config": {
        "balancer": {"name": "cycle"},
        "combiner": {"name": "sum"},
        "data": {"fraction": 1.0},
        "tasks": {"sst": {"name": "sample-sst"}},
        "encoder": {"name": "tiny"},
        "heads": {"sst": {"name": "linear"}},
        "train": {
            "lr": 1e-3,
            "batch_size": 8,
            "steps": 50,
            "epochs": None,
            "evaluations": 1,
            "threads": 1,
        },
    },
}


IDENTITY = Identity.model_validate(FIELDS)


def changed(path: str, value: Any) -> Identity:
    """Return the identity with one value changed."""
    copy: dict[str, Any] = json.loads(json.dumps(FIELDS))
    *parents, last = path.split("/")
    table = copy
    for parent in parents:
        table = table[parent]
    table[last] = value
    return Identity.model_validate(copy)


def sample(seconds: float, *, tokens: int = 1000, product_seconds: float = 0.5) -> TimedStep:
    return TimedStep(seconds, 0.75 * seconds, tokens, 5_000_000_000, product_seconds)


# --- numbers ----------------------------------------------------------------------------------


def test_a_summary_worked_by_hand() -> None:
    samples = [sample(s) for s in (0.1, 0.2, 0.3, 0.4, 5.0)]

    timing = summarise(samples, FOOTPRINT)

    assert timing.step_ms_median == pytest.approx(300)
    assert timing.step_ms_spread == pytest.approx(200)  # from 0.2 to 0.4, whatever one step did
    assert timing.tokens_per_s == pytest.approx(1000 / 0.3)
    assert timing.matmul_gflops == pytest.approx(10)
    assert timing.matmul_share == pytest.approx(2e6 * (1000 / 0.3) / 10e9)
    assert timing.harness_share == pytest.approx(0.25)
    assert timing.run_s == pytest.approx(1.5 + 50 * 0.3 + 2.0)
    assert (timing.peak_mb, timing.precision, timing.run_steps) == (100.0, "float32", 50)


def test_where_nobody_knows_what_was_spent_computing_the_harness_has_no_share() -> None:
    made = summarise([TimedStep(0.1, None, 10, 0, 0.0)], FOOTPRINT)

    assert made.harness_share is None


def test_one_step_has_no_spread() -> None:
    assert summarise([sample(0.1)], FOOTPRINT).step_ms_spread == 0


def test_a_slow_round_of_products_moves_no_median() -> None:
    samples = [sample(0.1, product_seconds=s) for s in (0.5, 0.5, 50.0)]

    assert summarise(samples, FOOTPRINT).matmul_gflops == pytest.approx(10)


def test_without_products_there_is_no_rate() -> None:
    timing = summarise([TimedStep(0.1, 0.1, 10, 0, 0.0)], FOOTPRINT)

    assert (timing.matmul_gflops, timing.matmul_share) == (None, None)


def timing(rate: float | None = 10.0) -> Timing:
    made = summarise([sample(0.1)], FOOTPRINT)
    return Timing(**{**vars(made), "matmul_gflops": rate})


def bench(*cells: MeasuredCell) -> Bench:
    return Bench("a bench", MACHINE, ON, {"torch": "2"}, 1, cells)


def test_the_rate_of_a_bench_is_the_median_of_its_cells() -> None:
    rates = [MeasuredCell(str(r), {}, timing=timing(r)) for r in (10.0, None, 30.0, 11.0)]

    assert bench(*rates, MeasuredCell("f", {}, error="no")).matmul_gflops == 11.0
    assert bench(MeasuredCell("f", {}, error="no")).matmul_gflops is None


def test_the_status_of_a_cell() -> None:
    assert MeasuredCell("a", {}, timing=timing()).status == "done"
    assert MeasuredCell("a", {}, error="no").status == "failed"
    assert MeasuredCell("a", {}, rejection="no").status == "rejected"


# --- keys -------------------------------------------------------------------------------------


def key_of(identity: Identity, machine: dict[str, Any], device: dict[str, str]) -> str:
    made = StoredTiming.model_construct(identity=identity, machine=machine, device=device)
    return made.key


def test_a_key_depends_on_cell_and_machine() -> None:
    key = key_of(IDENTITY, MACHINE, ON)

    assert key_of(changed("weights", "c"), {**MACHINE, "python": "3.12.0"}, ON) == key
    assert key_of(IDENTITY, {**MACHINE, "processor": "another"}, ON) != key
    assert key_of(changed("config/train/lr", 1e-4), MACHINE, ON) != key
    assert key_of(IDENTITY, MACHINE, {**ON, "name": "another"}) != key


def test_machines_are_compared_without_python() -> None:
    kept = {"system": "Linux", "processor": "a processor", "cores": 2}

    assert comparable(MACHINE, ON) == {**kept, "device": ON}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("config/train/lr", 1.0),
        ("config/train/warmup", 0.1),
        ("config/heads/sst", {"name": "cosine"}),
        ("code/encoder", "e"),
    ],
)
def test_cells_that_cost_the_same(path: str, value: Any) -> None:
    assert dict(cost_leaves(changed(path, value))) == dict(cost_leaves(IDENTITY))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("config/encoder/name", "minbert"),
        ("config/tasks/sst/name", "sample-pd"),
        ("config/train/batch_size", 16),
        ("config/train/steps", 51),
        ("config/train/threads", 2),
        ("config/combiner", {"name": "pcgrad"}),
        ("data/sst/train", "e"),
        ("weights", "e"),
        ("device", "cuda"),
        ("numerics", 2),
    ],
)
def test_cells_that_do_not(path: str, value: Any) -> None:
    assert dict(cost_leaves(changed(path, value))) != dict(cost_leaves(IDENTITY))


# --- the store --------------------------------------------------------------------------------


def test_timings_are_stored_by_cell(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    cells = [
        MeasuredCell("a", {"of": "a"}, timing=timing()),
        MeasuredCell("failed", {}, error="no"),
        MeasuredCell("rejected", {}, rejection="no"),
    ]

    store_timings(store, bench(*cells), [IDENTITY, changed("weights", "x"), None])

    stored = read_timings(store)
    assert list(stored) == [key_of(IDENTITY, MACHINE, ON)]
    (record,) = stored.values()
    assert record.timing.model_dump() == vars(timing())
    assert (record.cell, record.identity) == ("a", IDENTITY)
    assert (record.machine, record.device) == (MACHINE, ON)
    assert (store.root / ".gitignore").read_text() == "*\n"
