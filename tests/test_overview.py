import json
from pathlib import Path
from typing import Any

import pytest

from mtbench.overview import metric_records, number, run_details, runs
from mtbench.store import HISTORY, REQUEST, RunFolder, Store, canonical, run_key, write_json

IDENTITY = {"numerics": 2, "data": {}, "weights": None, "code": {}}


def key(cell: str = "a cell", seed: int = 0) -> str:
    return run_key(canonical({**IDENTITY, "config": cell}), seed)


SCORES = {
    "dev": {"sst": {"accuracy": 0.25, "macro_f1": 0.1}, "sts": {"pearson": None}},
    "train": {"sst": {"accuracy": 1.0, "macro_f1": 0.98765}, "sts": {"pearson": -0.5}},
}
DONE = {
    "status": "done",
    "scores": SCORES,
    "overall": None,
    "untrained": ["sts"],
    "cost": {"steps": 3, "seconds": {"training": 1.23456, "total": 2.0}},
}
FAILED = {"status": "failed", "error": "NonFiniteLoss: no", "traceback": "Traceback ..."}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def run(store: Store, cell: str = "a cell", seed: int = 0, result: Any = None) -> RunFolder:
    """Make a stored run, with a result or without."""
    folder = store.run(key(cell, seed))
    folder.path.mkdir(parents=True)
    request = {
        "matrix": "a study",
        "key": folder.key,
        "identity": {**IDENTITY, "config": cell},
        "plugins": [],
        "blocked": [],
        "machine": {},
        "cell": cell,
        "seed": seed,
        "config": {
            "combiner": {"name": "sum", "rate": None},
            "heads": {"sst": {"name": "h"}},
            "tasks": {},
            "data": {},
        },
        "providers": {"combiner": "mtbench 1"},
        "versions": {"torch": "2"},
        "device": "cpu",
    }
    write_json(folder.path / REQUEST, request)
    if result is not None:
        folder.end(result)
    return folder


def test_runs_stand_by_cell_and_seed(store: Store) -> None:
    run(store, "b", 0, {**DONE, "overall": 0.5})
    run(store, "a", 10, DONE)
    run(store, "a", 9, FAILED)
    run(store, "a", 0)

    assert [list(record.values()) for record in runs(store)] == [
        [key("a", 0)[:12], "a study", "a", "0", "cpu", "missing", "-", ""],
        [key("a", 9)[:12], "a study", "a", "9", "cpu", "failed", "-", "NonFiniteLoss: no"],
        [key("a", 10)[:12], "a study", "a", "10", "cpu", "done", "undefined", ""],
        [key("b", 0)[:12], "a study", "b", "0", "cpu", "done", "0.500", ""],
    ]


def test_a_run_under_way_is_running(store: Store) -> None:
    folder = run(store)

    with folder.owned():
        assert [record["state"] for record in runs(store)] == ["running"]


def test_a_folder_without_a_request_is_no_run(store: Store) -> None:
    store.run(key()).path.mkdir(parents=True)

    assert runs(store) == []


def test_details_of_a_run_that_is_done(store: Store) -> None:
    lines, table = run_details(run(store, seed=7, result=DONE))

    assert lines == {
        "run": key(seed=7),
        "state": "done",
        "matrix": "a study",
        "cell": "a cell [seed 7]",
        "device": "cpu",
        "combiner": "name sum",
        "heads": "sst name h",
        "tasks": "",
        "data": "",
        "plugins": "mtbench 1",
        "versions": "torch 2",
        "cost, steps": "3",
        "cost, seconds": "training 1.235, total 2",
        "untrained": "sts",
        "test labels": "never read",
    }
    assert table == metric_records(SCORES, {"dev": None})


def test_details_tell_how_often_test_labels_were_read(store: Store) -> None:
    folder = run(store, result=DONE)
    other = key("another cell")
    for read, time in ((key(), "2026-01-02"), (other, "2026-01-03"), (key(), "2026-01-04")):
        store.log_test_use({"run": read, "time": time, "matrix": "a study"})

    assert run_details(folder)[0]["test labels"] == "read 2 times, last at 2026-01-04"


def test_details_of_a_run_that_failed(store: Store) -> None:
    lines, table = run_details(run(store, result=FAILED))

    assert (lines["state"], lines["error"], table) == ("failed", "NonFiniteLoss: no", [])


def test_details_of_a_run_under_way_tell_its_last_event(store: Store) -> None:
    folder = run(store)
    event = {"event": "step", "step": 3}
    (folder.path / HISTORY).write_text(f"{json.dumps({'event': 'phase'})}\n{json.dumps(event)}\n")

    lines, table = run_details(folder)

    assert (json.loads(lines["last event"]), table) == (event, [])


def test_records_of_metrics() -> None:
    assert metric_records(SCORES, {"dev": 0.5}) == [
        {"task": "sst", "metric": "accuracy", "dev": "0.250", "train": "1.000"},
        {"task": "sst", "metric": "macro_f1", "dev": "0.100", "train": "0.988"},
        {"task": "sts", "metric": "pearson", "dev": "undefined", "train": "-0.500"},
        {"task": "overall", "metric": "", "dev": "0.500", "train": ""},
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "undefined"), (0.12345, "0.123"), (-1, "-1.000"), (0.0005, "0.001")]
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text
