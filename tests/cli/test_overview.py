import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.cli.options import FORMATS
from mtbench.cli.overview import STATUS_FORMATS, metric_records, number, run_details, runs
from mtbench.comparison.reader import PlannedFor
from mtbench.store import HISTORY, REQUEST, Failure, RunFolder, Store, test_uses
from mtbench.system.files import write_json

SCORES: Any = {
    "dev": {"sst": {"accuracy": 0.25, "macro_f1": 0.1}, "sts": {"pearson": None}},
    "train": {"sst": {"accuracy": 1.0, "macro_f1": 0.98765}, "sts": {"pearson": -0.5}},
}
FAILED = Failure(error="NonFiniteLoss: no", traceback="Traceback ...")
ENDED = "2026-01-02T03:04:05.678+00:00"

Make = Callable[..., RunFolder]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def run(store: Store, a_request: Any, an_identity: Any, a_result: Any) -> Make:
    """Give a function that makes a stored run: without a result, or one that failed or is done."""

    def make(
        cell: str = "a cell", seed: int = 0, state: str = "missing", overall: float | None = None
    ) -> RunFolder:
        asked = a_request(
            cell=cell,
            seed=seed,
            identity=an_identity(code={"of": cell}),
            config={
                "combiner": {"name": "sum", "rate": None},
                "heads": {"sst": {"name": "h"}},
                **{part: {} for part in ("tasks", "encoder", "balancer", "train", "data")},
            },
            providers={"combiner": "mtbench 1"},
            versions={"torch": "2"},
        )
        folder = store.create(asked.key)
        write_json(folder.path / REQUEST, asked.model_dump())
        if state == "missing":
            return folder
        done = a_result(scores=SCORES, overall=overall, untrained=["sts"])
        folder.end(done if state == "done" else FAILED)
        ending = folder.record().ending
        assert ending is not None
        folder.end(ending.model_copy(update={"ended": ENDED}))
        return folder

    return make


def all_of(store: Store) -> list[tuple[RunFolder, None]]:
    return [(store.run(name), None) for name in store.keys()]  # noqa: SIM118 - no dict


@pytest.fixture
def four(run: Make) -> list[str]:
    """Store a run in each of four states; return their keys in the order of cell and seed."""
    made = [run("a"), run("a", 9, "failed"), run("a", 10, "done"), run("b", 0, "done", 0.123456)]
    return [folder.key for folder in made]


def test_runs_stand_by_cell_and_seed(store: Store, four: list[str]) -> None:
    records = runs(all_of(store))

    assert [list(record.values()) for record in records] == [
        [four[0], "a study", "a", 0, "cpu", "missing", None, None, ""],
        [four[1], "a study", "a", 9, "cpu", "failed", None, ENDED, "NonFiniteLoss: no"],
        [four[2], "a study", "a", 10, "cpu", "done", None, ENDED, ""],
        [four[3], "a study", "b", 0, "cpu", "done", 0.123456, ENDED, ""],
    ]
    assert json.loads(STATUS_FORMATS["json"](records)) == records


def test_runs_are_shown_to_the_second_and_three_digits(store: Store, four: list[str]) -> None:
    _, _, *lines = STATUS_FORMATS["rich"](runs(all_of(store))).splitlines()

    assert [re.split(r" {2,}", line.strip())[3:] for line in lines] == [
        ["0", "cpu", "missing", "-", "-"],
        ["9", "cpu", "failed", "-", "2026-01-02 03:04:05", "NonFiniteLoss: no"],
        ["10", "cpu", "done", "undefined", "2026-01-02 03:04:05"],
        ["0", "cpu", "done", "0.123", "2026-01-02 03:04:05"],
    ]


def test_there_is_a_rendering_for_every_format(store: Store, four: list[str]) -> None:
    records = runs(all_of(store))

    assert tuple(STATUS_FORMATS) == FORMATS
    assert all("NonFiniteLoss" in show(records) for show in STATUS_FORMATS.values())


def test_runs_are_chosen_by_cell_and_state(store: Store, four: list[str]) -> None:
    def chosen(expression: str | None, *states: Any) -> list[tuple[str, int]]:
        return [(r["cell"], r["seed"]) for r in runs(all_of(store), expression, states)]

    assert chosen("not a") == [("b", 0)]
    assert chosen(None, "failed", "missing") == [("a", 0), ("a", 9)]
    assert chosen("a", "done") == [("a", 10)]
    assert chosen("nothing") == chosen("b", "failed") == []


def test_what_a_plan_calls_a_run_counts(store: Store, run: Make) -> None:
    folder = run("older name", 0, "done")
    planned = PlannedFor("m", "new name", 0, "cpu")
    to_come = store.run("f" * 64)

    records = runs(
        [(folder, planned), (to_come, planned._replace(seed=1)), (None, planned._replace(seed=2))],
        "new",
    )

    assert [(r["run"], r["matrix"], r["cell"], r["seed"], r["state"]) for r in records] == [
        (folder.key, "m", "new name", 0, "done"),
        (to_come.key, "m", "new name", 1, "missing"),
        ("", "m", "new name", 2, "missing"),  # its data are not there to tell its key
    ]
    for place in (to_come, None):
        assert run_details(place, planned)[0]["cell"] == "new name [seed 0]"


def test_what_nobody_can_read_is_listed_too(store: Store, run: Make) -> None:
    (run("a").path / REQUEST).write_text("{")
    (store.runs / "fo\udce9reign\n").mkdir()
    (store.runs / "fo\udce9reign\n" / REQUEST).write_text('{"cell": NaN, "seed": 1e999}')

    records = runs(all_of(store))

    assert [record["state"] for record in records] == ["damaged", "damaged"]
    shown = json.loads(STATUS_FORMATS["json"](records))
    assert [record["seed"] for record in shown] == [None, None]
    for show in STATUS_FORMATS.values():
        show(records).encode()


def test_a_run_under_way_is_running(store: Store, run: Make) -> None:
    folder = run()

    with folder.owned():
        assert [record["state"] for record in runs(all_of(store))] == ["running"]


def test_a_folder_without_a_request_is_no_run(store: Store) -> None:
    store.create("f" * 64)

    assert runs(all_of(store)) == []


def test_details_of_a_run_that_is_done(run: Make) -> None:
    folder = run(seed=7, state="done")

    lines, table = run_details(folder)

    assert lines == {
        "run": folder.key,
        "state": "done",
        "matrix": "a study",
        "cell": "a cell [seed 7]",
        "device": "cpu",
        "combiner": "name sum",
        "heads": "sst name h",
        **dict.fromkeys(("tasks", "encoder", "balancer", "train", "data"), ""),
        "plugins": "mtbench 1",
        "versions": "torch 2",
        "cost, steps": "1",
        "cost, examples": "sst 1, sts 1",
        "cost, tokens": "1",
        "cost, encoder_passes": "1",
        "cost, seconds": "training 1, computing 1, evaluation 1, total 4",
        "untrained": "sts",
        "test labels": "never read",
    }
    assert table == metric_records(SCORES, {"dev": None})


def test_details_tell_how_often_test_labels_were_read(run: Make) -> None:
    folder = run(state="done")
    for each in (folder, run("another cell"), folder):
        test_uses.log(each, {}, None)

    assert run_details(folder)[0]["test labels"].startswith("read 2 times, last at 20")


def test_details_of_a_run_that_failed(run: Make) -> None:
    lines, table = run_details(run(state="failed"))

    assert (lines["state"], lines["error"], table) == ("failed", "NonFiniteLoss: no", [])


def test_details_of_a_run_under_way_tell_its_last_event(run: Make) -> None:
    folder = run()
    event = {"event": "step", "step": 3, "total": 4}
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
