import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.cli import main
from mtbench.store import REQUEST, RunFolder, Store, test_uses
from mtbench.store.test_uses import TEST_USES, Use
from mtbench.system.files import write_json

Make = Callable[..., Any]

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


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".mtbench")


@pytest.fixture
def stored(store: Store, a_request: Make) -> Callable[..., RunFolder]:
    """Give a function that makes a run of a key."""

    def make(key: str, matrix: str = "a study") -> RunFolder:
        folder = store.create(key)
        write_json(folder.path / REQUEST, a_request(key=key, matrix=matrix, seed=7).model_dump())
        return folder

    return make


def runs(store: Store) -> list[str]:
    return [use.run for use in test_uses.read(store)]


# --- the file ---------------------------------------------------------------------------------


def test_a_use_holds_what_was_seen(store: Store, stored: Callable[..., RunFolder]) -> None:
    assert [*test_uses.read(store)] == []
    scores = {"sst": {"accuracy": 0.5}, "sts": {"pearson": None}}
    test_uses.log(stored(ONE, "é"), scores, None)

    (use,) = test_uses.read(store)

    assert use.time.endswith("Z") or use.time.endswith("+00:00")
    assert use == Use(
        time=use.time, run=ONE, matrix="é", cell="a cell", seed=7, scores=scores, overall=None
    )
    assert (store.root / ".gitignore").is_file()


def test_uses_are_read_in_the_order_they_came(
    store: Store, stored: Callable[..., RunFolder]
) -> None:
    one, two, other = stored(ONE), stored(TWO), stored(THREE, "another")
    for folder in (one, two, other, one):
        test_uses.log(folder, {}, None)

    assert runs(store) == [ONE, TWO, THREE, ONE]
    assert [use.run for use in test_uses.of_study(two)] == [ONE, TWO, ONE]
    assert [use.run for use in test_uses.of_study(other)] == [THREE]
    assert [use.run for use in test_uses.of_runs(store, [TWO, THREE])] == [TWO, THREE]
    assert test_uses.of_runs(store, []) == []


@pytest.mark.parametrize("line", ['{"run": "b", "sco', "{}", "[]", '{"run": 1}', "", "{" * 10_000])
def test_a_torn_use_is_told_and_spoils_no_other(
    store: Store,
    stored: Callable[..., RunFolder],
    line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    test_uses.log(stored(ONE), {}, None)
    with (store.root / TEST_USES).open("a") as file:
        file.write(line or "\n")

    test_uses.log(stored(TWO), {}, None)

    assert runs(store) == [ONE, TWO]
    assert capsys.readouterr().err == f"warning: {store.root / TEST_USES}:2 left out: torn\n"


def test_processes_take_turns_to_log_a_use(store: Store, stored: Callable[..., RunFolder]) -> None:
    script = """
import sys
from pathlib import Path
from mtbench.store import RunFolder, test_uses
folder = RunFolder(Path(sys.argv[1]))
for number in range(20):
    test_uses.log(folder, {"x" * 9000: {"accuracy": 0.5}}, float(number))
"""
    started = [
        subprocess.Popen([sys.executable, "-c", script, stored(key).path]) for key in (ONE, TWO)
    ]

    assert [process.wait() for process in started] == [0, 0]
    for key in (ONE, TWO):
        assert [use.overall for use in test_uses.of_runs(store, [key])] == list(range(20))
    assert len(runs(store)) == 40


def test_what_is_no_file_is_not_waited_for(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.root.mkdir()
    os.mkfifo(store.root / TEST_USES)

    assert runs(store) == []
    assert capsys.readouterr().err.endswith("left out: no regular file\n")


# --- what is said of it -----------------------------------------------------------------------


def test_how_often_test_labels_were_read() -> None:
    fields: dict[str, Any] = {"matrix": "a study", "cell": "", "seed": 0, "scores": {}}
    uses = [
        Use(run=run, time=time, overall=None, **fields)
        for run, time in ((ONE, "then"), (ONE, "later"), (TWO, ""))
    ]

    assert test_uses.summary([]) == ""
    assert test_uses.summary(uses[:1]) == (
        "test labels of runs trained for 'a study' read 1 time so far (1 run)"
    )
    assert test_uses.summary(uses, what="these cells") == (
        "test labels of these cells read 3 times so far (2 runs)"
    )
    assert test_uses.summary_of_run([]) == "never read"
    assert test_uses.summary_of_run(uses[:1]) == "read 1 time, last at then"
    assert test_uses.summary_of_run(uses[:2]) == "read 2 times, last at later"


# --- who reads them ---------------------------------------------------------------------------


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
    assert runs(Store(Path(".mtbench"))) == []

    call("evaluate", key, "--split", "test", "--device", "cpu")

    assert Path("asked").read_text().splitlines().count("test True") == 1
    assert runs(Store(Path(".mtbench"))) == [key]


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

    before = runs(folder.store)
    monkeypatch.setattr(Run, "load", without)
    with pytest.raises(UsageError, match="no labels"):
        evaluate(folder, "test")

    assert runs(folder.store) == before
