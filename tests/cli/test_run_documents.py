import json
import re
from pathlib import Path
from typing import Any

import pytest

from mtbench.cli.run_documents import mean_table, run_document, runs, runs_document, scores_table
from mtbench.errors import UsageError
from mtbench.rendering import render
from mtbench.rendering.document import Document, Lines
from mtbench.store import HISTORY, REQUEST, RunFolder, Store, canonical, run_key
from mtbench.system.files import write_json

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


def details(made: Document) -> dict[str, str]:
    """Return the lines about a run, by what they begin with."""
    lines = made.shown[0]
    assert isinstance(lines, Lines)
    return dict(str(line).split(": ", 1) for line in lines.lines)


def all_of(store: Store) -> list[tuple[RunFolder, None]]:
    return [(store.run(name), None) for name in store.keys()]  # noqa: SIM118 - no dict


ENDED = "2026-01-02T03:04:05.678+00:00"


def four(store: Store) -> None:
    """Store a run in each of four states."""
    run(store, "b", 0, {**DONE, "overall": 0.123456, "ended": ENDED})
    run(store, "a", 10, {**DONE, "ended": ENDED})
    run(store, "a", 9, {**FAILED, "ended": ENDED})
    run(store, "a", 0)


def test_runs_stand_by_cell_and_seed(store: Store) -> None:
    four(store)

    records = runs(all_of(store))

    assert [list(record.values()) for record in records] == [
        [key("a", 0), "a study", "a", 0, "cpu", "missing", None, None, ""],
        [key("a", 9), "a study", "a", 9, "cpu", "failed", None, ENDED, "NonFiniteLoss: no"],
        [key("a", 10), "a study", "a", 10, "cpu", "done", None, ENDED, ""],
        [key("b", 0), "a study", "b", 0, "cpu", "done", 0.123456, ENDED, ""],
    ]
    assert json.loads(render(runs_document(records, "none"), "json")) == records


def test_runs_are_shown_to_the_second_and_three_digits(store: Store) -> None:
    four(store)

    _, _, *lines = render(runs_document(runs(all_of(store)), "none")).splitlines()

    assert [re.split(r" {2,}", line.strip())[3:] for line in lines] == [
        ["0", "cpu", "missing", "-", "-"],
        ["9", "cpu", "failed", "-", "2026-01-02 03:04:05", "NonFiniteLoss: no"],
        ["10", "cpu", "done", "undefined", "2026-01-02 03:04:05"],
        ["0", "cpu", "done", "0.123", "2026-01-02 03:04:05"],
    ]


def test_runs_are_chosen_by_cell_and_state(store: Store) -> None:
    four(store)

    def chosen(expression: str | None, *states: Any) -> list[tuple[str, int]]:
        return [(r["cell"], r["seed"]) for r in runs(all_of(store), expression, states)]

    assert chosen("not a") == [("b", 0)]
    assert chosen(None, "failed", "missing") == [("a", 0), ("a", 9)]
    assert chosen("a", "done") == [("a", 10)]
    assert chosen("b", "failed") == []
    with pytest.raises(UsageError, match=r"^-k 'nothing' fits no cell \(cells: a; b\)$"):
        chosen("nothing")


def test_what_a_plan_calls_a_run_counts(store: Store) -> None:
    folder = run(store, "older name", 0, DONE)
    planned = {"matrix": "m", "cell": "new name", "seed": 0, "device": "cpu"}
    to_come = store.run("f" * 64)

    records = runs([(folder, planned), (to_come, {**planned, "seed": 1})], "new")

    assert [(r["matrix"], r["cell"], r["seed"], r["state"]) for r in records] == [
        ("m", "new name", 0, "done"),
        ("m", "new name", 1, "missing"),
    ]
    assert details(run_document(to_come, planned))["cell"] == "new name [seed 0]"


def test_what_nobody_can_read_is_listed_too(store: Store) -> None:
    (run(store, "a", 0).path / REQUEST).write_text("{")
    (store.runs / "fo\udce9reign\n").mkdir()
    (store.runs / "fo\udce9reign\n" / REQUEST).write_text('{"cell": NaN, "seed": 1e999}')

    run(store, "b", 0, {**DONE, "overall": "high"})
    run(store, "c", 0, {**FAILED, "ended": 5})

    records = runs(all_of(store))

    assert [record["state"] for record in records] == ["damaged", "damaged", "damaged", "failed"]
    made = runs_document(records, "none")
    assert [record["seed"] for record in made.records()] == [None, None, 0, 0]
    assert render(made).count("damaged") >= 3


def test_a_run_under_way_is_running(store: Store) -> None:
    folder = run(store)

    with folder.owned():
        assert [record["state"] for record in runs(all_of(store))] == ["running"]


def test_a_folder_without_a_request_is_no_run(store: Store) -> None:
    store.run(key()).path.mkdir(parents=True)

    assert runs(all_of(store)) == []
    assert render(runs_document([], "no runs here")) == "no runs here"


def test_details_of_a_run_that_is_done(store: Store) -> None:
    made = run_document(run(store, seed=7, result=DONE))

    assert details(made) == {
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
    assert made.shown[1] == scores_table("scores", SCORES, {"dev": None})
    assert [record["run"] for record in made.records()] == [key(seed=7)]


def test_details_tell_how_often_test_labels_were_read(store: Store) -> None:
    folder = run(store, result=DONE)
    other = key("another cell")
    for read, time in ((key(), "2026-01-02"), (other, "2026-01-03"), (key(), "2026-01-04")):
        store.log_test_use({"run": read, "time": time, "matrix": "a study"})

    assert details(run_document(folder))["test labels"] == "read 2 times, last at 2026-01-04"


def test_details_of_a_run_that_failed(store: Store) -> None:
    made = run_document(run(store, result=FAILED))

    told = details(made)
    assert (told["state"], told["error"]) == ("failed", "NonFiniteLoss: no")
    assert len(made.shown) == 1


def test_details_of_a_run_under_way_tell_its_last_event(store: Store) -> None:
    folder = run(store)
    event = {"event": "step", "step": 3, "total": 4}
    (folder.path / HISTORY).write_text(f"{json.dumps({'event': 'phase'})}\n{json.dumps(event)}\n")

    assert json.loads(details(run_document(folder))["last event"]) == event


def test_a_table_of_scores() -> None:
    assert scores_table("", SCORES, {"dev": 0.5}).records == [
        {"task": "sst", "metric": "accuracy", "dev": "0.250", "train": "1.000"},
        {"task": "sst", "metric": "macro_f1", "dev": "0.100", "train": "0.988"},
        {"task": "sts", "metric": "pearson", "dev": "undefined", "train": "-0.500"},
        {"task": "overall", "metric": "", "dev": "0.500", "train": ""},
    ]


def test_the_mean_over_seeds_is_undefined_where_a_seed_is() -> None:
    scores = [
        {"sst": {"accuracy": 0.25, "macro-f1": None}},
        {"sst": {"accuracy": 0.5, "macro-f1": 1}},
    ]

    table = mean_table("dev", [(scores[0], 0.25), (scores[1], 0.5)])

    assert table.title == "mean over 2 seeds"
    assert table.records == [
        {"task": "sst", "metric": "accuracy", "dev": "0.375"},
        {"task": "sst", "metric": "macro-f1", "dev": "undefined"},
        {"task": "overall", "metric": "", "dev": "0.375"},
    ]
