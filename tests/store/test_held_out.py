import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.cli import main
from mtbench.store import REQUEST, RunFolder, Store
from mtbench.store.held_out import log_use, told, told_of_run, uses_of_study
from mtbench.system.files import write_json

ONE, TWO, THREE = (letter * 64 for letter in "123")

WATCHED = '''
"""A task that writes down who asks for the labels of which split."""

from pathlib import Path

from mtbench.api import Examples, TaskInfo, TaskSpec, hookimpl


class Watched:
    def __init__(self, parameters):
        pass

    def describe(self):
        return TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=2)

    def load(self, split, folder, *, with_labels=True):
        with Path(__file__).with_name("asked").open("a") as file:
            file.write(f"{split} {with_labels}\\n")
        rows = range(8)
        return Examples(
            ids=tuple(f"{split}-{row}" for row in rows),
            texts=tuple((f"a {split} text of row {row}",) for row in rows),
            labels=tuple(float(row % 2) for row in rows) if with_labels else None,
        )


@hookimpl
def mtbench_tasks():
    return [TaskSpec(name="watched", summary="watched", target="mtbenchfile:Watched")]
'''

MATRIX = """
seeds = 1
[base]
tasks = ["watched", { name = "sample-sst", train = 8, dev = 6, test = 6 }]
encoder = { name = "minbert", layers = 1, width = 16, attention_heads = 2, intermediate = 32 }
train = { batch_size = 4, steps = 2, evaluations = 2 }
"""


def stored(store: Store, key: str, matrix: str) -> RunFolder:
    folder = store.create(key)
    write_json(folder.path / REQUEST, {"matrix": matrix, "cell": "a cell", "seed": 7})
    return folder


def test_a_use_holds_what_was_seen(tmp_path: Path) -> None:
    folder = stored(Store(tmp_path), ONE, "a study")

    log_use(folder, {"sst": {"accuracy": 0.5}, "sts": {"pearson": None}}, None)

    (use,) = Store(tmp_path).test_uses()
    assert use.pop("time").endswith("+00:00")
    assert use == {
        "run": ONE,
        "matrix": "a study",
        "cell": "a cell",
        "seed": 7,
        "scores": {"sst": {"accuracy": 0.5}, "sts": {"pearson": None}},
        "overall": None,
    }


def test_uses_of_a_study_are_those_of_its_matrix(tmp_path: Path) -> None:
    store = Store(tmp_path)
    one, two = stored(store, ONE, "a study"), stored(store, TWO, "a study")
    other = stored(store, THREE, "another")
    for folder in (one, two, other, one):
        log_use(folder, {}, None)

    assert [use["run"] for use in uses_of_study(two)] == [ONE, TWO, ONE]
    assert [use["run"] for use in uses_of_study(other)] == [THREE]


def test_what_is_told() -> None:
    uses = [
        {"run": ONE, "time": "then", "matrix": "a study"},
        {"run": ONE, "time": "later"},
        {"run": TWO},
    ]

    assert told([]) == ""
    assert told(uses[:1]) == (
        "test labels of runs trained for 'a study' read 1 time so far (1 run)"
    )
    assert told(uses, what="these cells") == (
        "test labels of these cells read 3 times so far (2 runs)"
    )
    assert told_of_run([]) == "never read"
    assert told_of_run(uses[:1]) == "read 1 time, last at then"
    assert told_of_run(uses[:2]) == "read 2 times, last at later"


def test_nothing_but_evaluate_reads_test_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_modules: None
) -> None:
    """Every command that reads data is called; the runs' processes are real ones."""
    monkeypatch.chdir(tmp_path)
    Path("mtbenchfile.py").write_text(WATCHED)
    Path("matrix.toml").write_text(MATRIX)

    monkeypatch.setattr(signal, "signal", lambda *_: None)  # of this process, main changes none

    def call(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["mtbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0, arguments

    def asked() -> set[str]:
        return set(Path("asked").read_text().splitlines())

    call("plan", "matrix.toml")
    call("ablate", "matrix.toml", "--device", "cpu")
    (key,) = Store(Path(".mtbench")).keys()
    call("leaderboard", "matrix.toml", "--device", "cpu")
    call("bench", "matrix.toml", "--device", "cpu", "--steps", "1")
    call("data", "status", "matrix.toml")
    call("evaluate", key, "--device", "cpu")
    call("status", key)
    for split in ("dev", "test"):
        call("predict", key, "--split", split, "--out", "out", "--device", "cpu")

    assert "test True" not in asked()
    assert {"train True", "dev True", "test False"} <= asked()
    assert Store(Path(".mtbench")).test_uses() == []

    call("evaluate", key, "--split", "test", "--device", "cpu")

    assert Path("asked").read_text().splitlines().count("test True") == 1
    assert [use["run"] for use in Store(Path(".mtbench")).test_uses()] == [key]


def test_a_reading_that_fails_is_none(
    trained: Callable[..., RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labels of the first task are there, those of the second are not: nobody sees a score."""
    from mtbench.errors import UsageError
    from mtbench.runs.prediction import evaluate
    from mtbench.runs.runner import Run

    folder = trained()
    load = Run.load

    def without(self: Run, task: str, split: Any, *, with_labels: bool) -> Any:
        if task == "pd" and split == "test":
            raise UsageError("pd: its test split has no labels")
        return load(self, task, split, with_labels=with_labels)

    before = json.dumps(folder.store.test_uses())
    monkeypatch.setattr(Run, "load", without)
    with pytest.raises(UsageError, match="no labels"):
        evaluate(folder, "test")

    assert json.dumps(folder.store.test_uses()) == before
