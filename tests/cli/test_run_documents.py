import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.cli.run_documents import mean_table, run_document, runs, runs_document, scores_table
from mtbench.comparison.reader import PlannedFor
from mtbench.errors import UsageError
from mtbench.rendering import render
from mtbench.rendering.document import Document, Lines
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
        config = an_identity().config | {
            "combiner": {"name": "sum", "rate": None},
            "heads": {"sst": {"name": "h"}},
            "tasks": {task: {"name": task} for task in SCORES["dev"]},
        }
        asked = a_request(
            cell=cell,
            seed=seed,
            identity=an_identity(code={"of": cell}, config=config),
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


def details(made: Document) -> dict[str, str]:
    """Return the lines about a run, by what they begin with."""
    lines = made.shown[0]
    assert isinstance(lines, Lines)
    return dict(str(line).split(": ", 1) for line in lines.lines)


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
    assert json.loads(render(runs_document(records, "none"), "json")) == records


def test_runs_are_shown_to_the_second_and_three_digits(store: Store, four: list[str]) -> None:
    _, _, *lines = render(runs_document(runs(all_of(store)), "none")).splitlines()

    assert [re.split(r" {2,}", line.strip())[3:] for line in lines] == [
        ["0", "cpu", "missing", "-", "-"],
        ["9", "cpu", "failed", "-", "2026-01-02 03:04:05", "NonFiniteLoss: no"],
        ["10", "cpu", "done", "undefined", "2026-01-02 03:04:05"],
        ["0", "cpu", "done", "0.123", "2026-01-02 03:04:05"],
    ]


def test_runs_are_chosen_by_cell_and_state(store: Store, four: list[str]) -> None:
    def chosen(expression: str | None, *states: Any) -> list[tuple[str, int]]:
        return [(r["cell"], r["seed"]) for r in runs(all_of(store), expression, states)]

    assert chosen("not a") == [("b", 0)]
    assert chosen(None, "failed", "missing") == [("a", 0), ("a", 9)]
    assert chosen("a", "done") == [("a", 10)]
    assert chosen("b", "failed") == []
    with pytest.raises(UsageError, match=r"^-k 'nothing' fits no cell \(cells: a; b\)$"):
        chosen("nothing")


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
        assert details(run_document(place, planned))["cell"] == "new name [seed 0]"


def test_what_nobody_can_read_is_listed_too(store: Store, run: Make) -> None:
    (run("a").path / REQUEST).write_text("{")
    (store.runs / "fo\udce9reign\n").mkdir()
    (store.runs / "fo\udce9reign\n" / REQUEST).write_text('{"cell": NaN, "seed": 1e999}')

    records = runs(all_of(store))

    assert [record["state"] for record in records] == ["damaged", "damaged"]
    made = runs_document(records, "none")
    assert [record["seed"] for record in made.records()] == [None, None]
    assert render(made).count("damaged") >= 2


def test_a_run_under_way_is_running(store: Store, run: Make) -> None:
    folder = run()

    with folder.owned():
        assert [record["state"] for record in runs(all_of(store))] == ["running"]


def test_a_folder_without_a_request_is_no_run(store: Store) -> None:
    store.create("f" * 64)

    assert runs(all_of(store)) == []
    assert render(runs_document([], "no runs here")) == "no runs here"


def test_details_of_a_run_that_is_done(run: Make) -> None:
    folder = run(seed=7, state="done")

    made = run_document(folder)

    assert details(made) == {
        "run": folder.key,
        "state": "done",
        "matrix": "a study",
        "cell": "a cell [seed 7]",
        "device": "cpu",
        "combiner": "name sum",
        "heads": "sst name h",
        "encoder": "name encoder",
        "balancer": "name balancer",
        "tasks": "sst name sst; sts name sts",
        "train": "batch_size 8, steps 50, evaluations 1",
        "data": "fraction 1",
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
    assert made.shown[1] == scores_table("scores", SCORES, {"dev": None})
    assert [record["run"] for record in made.records()] == [folder.key]


def test_details_tell_how_often_test_labels_were_read(run: Make) -> None:
    folder = run(state="done")
    for each in (folder, run("another cell"), folder):
        test_uses.log(each, {}, None)

    assert details(run_document(folder))["test labels"].startswith("read 2 times, last at 20")


def test_details_of_a_run_that_failed(run: Make) -> None:
    made = run_document(run(state="failed"))

    told = details(made)
    assert (told["state"], told["error"]) == ("failed", "NonFiniteLoss: no")
    assert len(made.shown) == 1


def test_details_of_a_run_under_way_tell_its_last_event(run: Make) -> None:
    folder = run()
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
