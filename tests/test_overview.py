import json
from pathlib import Path
from typing import Any

import pytest

from mtbench.overview import metric_records, number, run_details, runs
from mtbench.store import HISTORY, REQUEST, RESULT, RunFolder, Store, write_json

ONE, TWO, THREE, FOUR = (letter * 64 for letter in "1234")

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


def run(
    store: Store, key: str, cell: str = "a cell", seed: int = 0, result: Any = None
) -> RunFolder:
    """Make a stored run, with a result or without."""
    folder = store.run(key)
    folder.path.mkdir(parents=True)
    request = {
        "matrix": "a study",
        "cell": cell,
        "seed": seed,
        "config": {"combiner": {"name": "sum", "rate": None}, "heads": {"sst": {"name": "h"}}},
        "providers": {"combiner": "mtbench 1"},
        "versions": {"torch": "2"},
        "device": "cpu",
    }
    write_json(folder.path / REQUEST, request)
    if result is not None:
        write_json(folder.path / RESULT, result)
    return folder


def test_runs_stand_by_cell_and_seed(store: Store) -> None:
    run(store, ONE, "b", 0, {**DONE, "overall": 0.5})
    run(store, TWO, "a", 10, DONE)
    run(store, THREE, "a", 9, FAILED)
    run(store, FOUR, "a", 0)

    assert [list(record.values()) for record in runs(store)] == [
        [FOUR[:12], "a study", "a", "0", "cpu", "missing", "-", ""],
        [THREE[:12], "a study", "a", "9", "cpu", "failed", "-", "NonFiniteLoss: no"],
        [TWO[:12], "a study", "a", "10", "cpu", "done", "undefined", ""],
        [ONE[:12], "a study", "b", "0", "cpu", "done", "0.500", ""],
    ]


def test_a_run_under_way_is_running(store: Store) -> None:
    folder = run(store, ONE)

    with folder.lock():
        assert [record["state"] for record in runs(store)] == ["running"]


def test_a_folder_without_a_request_is_no_run(store: Store) -> None:
    store.run(ONE).path.mkdir(parents=True)

    assert runs(store) == []


def test_details_of_a_run_that_is_done(store: Store) -> None:
    lines, table = run_details(run(store, ONE, seed=7, result=DONE))

    assert lines == {
        "run": ONE,
        "state": "done",
        "matrix": "a study",
        "cell": "a cell [seed 7]",
        "device": "cpu",
        "combiner": "name sum",
        "heads": "sst name h",
        "plugins": "mtbench 1",
        "versions": "torch 2",
        "cost, steps": "3",
        "cost, seconds": "training 1.235, total 2",
        "untrained": "sts",
        "test labels": "never read",
    }
    assert table == metric_records(SCORES, {"dev": None})


def test_details_tell_how_often_test_labels_were_read(store: Store) -> None:
    folder = run(store, ONE, result=DONE)
    for key, time in ((ONE, "2026-01-02"), (TWO, "2026-01-03"), (ONE, "2026-01-04")):
        store.log_test_use({"run": key, "time": time})

    assert run_details(folder)[0]["test labels"] == "read 2 times, last at 2026-01-04"


def test_details_of_a_run_that_failed(store: Store) -> None:
    lines, table = run_details(run(store, ONE, result=FAILED))

    assert (lines["state"], lines["error"], table) == ("failed", "NonFiniteLoss: no", [])


def test_details_of_a_run_under_way_tell_its_last_event(store: Store) -> None:
    folder = run(store, ONE)
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
