import contextlib
import subprocess
import sys
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mtbench.errors import PluginError, UsageError
from mtbench.runs import worker
from mtbench.runs.worker import failure, main
from mtbench.store import (
    CHECKPOINT,
    HISTORY,
    LOCK,
    LOG,
    OWNER,
    PREDICTIONS,
    REQUEST,
    Failure,
    RunFolder,
)


@pytest.fixture
def folder(request_run: Callable[..., RunFolder]) -> RunFolder:
    return request_run()


@pytest.fixture
def request_file(folder: RunFolder) -> Path:
    """The request of an attempt, beside the run's own files."""
    return (folder.path / REQUEST).rename(folder.path / "run.json.1-0")


def work(folder: RunFolder, request_file: Path) -> str:
    """Call the worker with an output that it may send elsewhere; return what came there."""
    place = folder.path.with_name("output")
    with (
        place.open("w") as output,
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
    ):
        output.write("before its turn\n")
        main(str(folder.path), str(request_file))
    return place.read_text()


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch, a_result: Callable[..., Any]) -> list[str]:
    """Let a run be done at once; the list has the state of the folder at every try."""
    states: list[str] = []

    def execute(folder: RunFolder, plugins: list[Path], *, before: float) -> None:
        states.append(folder.state())
        tasks = folder.request().config["tasks"]
        folder.end(a_result(scores={"dev": {task: {"accuracy": 0.5} for task in tasks}}))

    monkeypatch.setattr(worker, "execute", execute)
    return states


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def execute(folder: RunFolder, plugins: list[Path], *, before: float) -> None:
        raise error

    monkeypatch.setattr(worker, "execute", execute)


def test_a_run_is_trained_under_its_lock(
    folder: RunFolder, request_file: Path, tries: list[str]
) -> None:
    work(folder, request_file)

    assert tries == ["running"]
    assert folder.state() == "done"
    assert folder.request().key == folder.key
    assert not request_file.exists()


def test_a_run_takes_what_its_process_took_to_start_and_not_the_wait_for_another(
    folder: RunFolder, request_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive = iter([2.5, 60.0])
    came: list[float] = []

    @contextlib.contextmanager
    def lock(self: RunFolder) -> Iterator[None]:
        assert next(alive) == 60.0  # so long it waits
        yield

    def execute(folder: RunFolder, plugins: list[Path], *, before: float) -> None:
        came.append(before)

    monkeypatch.setattr(worker, "seconds_alive", lambda: next(alive))
    monkeypatch.setattr(RunFolder, "lock", lock)
    monkeypatch.setattr(worker, "execute", execute)

    work(folder, request_file)

    assert came == [2.5]


def test_a_run_that_is_stored_is_left_alone(
    folder: RunFolder, request_file: Path, tries: list[str], a_result: Callable[..., Any]
) -> None:
    folder.end(a_result(overall=0.5))
    (folder.path / LOG).write_text("of the one that trained it")

    work(folder, request_file)

    assert tries == []
    assert folder.result().overall == 0.5
    assert folder.log() == "of the one that trained it"
    assert not (folder.path / REQUEST).exists()


def test_a_run_that_another_process_trained_meanwhile_is_left_alone(
    folder: RunFolder,
    request_file: Path,
    tries: list[str],
    monkeypatch: pytest.MonkeyPatch,
    a_result: Callable[..., Any],
) -> None:
    @contextlib.contextmanager
    def lock(self: RunFolder) -> Iterator[None]:
        folder.end(a_result())  # what the other one wrote while we waited
        yield

    monkeypatch.setattr(RunFolder, "lock", lock)

    work(folder, request_file)

    assert tries == []


def test_a_failed_run_is_tried_again_with_nothing_left_of_the_try_before(
    folder: RunFolder, request_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.end(Failure(error="", traceback=""))
    for name in (REQUEST, LOG, HISTORY, PREDICTIONS, CHECKPOINT):
        (folder.path / name).write_text("before")
    found: dict[str, str] = {}

    def execute(folder: RunFolder, plugins: list[Path], *, before: float) -> None:
        found.update({file.name: file.read_text() for file in folder.path.iterdir()})

    monkeypatch.setattr(worker, "execute", execute)

    work(folder, request_file)

    assert set(found) == {REQUEST, LOG, LOCK, OWNER}
    assert "before" not in found.values()


def test_what_a_run_prints_goes_to_its_log(
    folder: RunFolder, request_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def execute(folder: RunFolder, plugins: list[Path], *, before: float) -> None:
        sys.stdout.write("from Python\n")
        sys.stdout.flush()
        subprocess.run(
            [sys.executable, "-c", "print('from below')"], check=True, stdout=sys.stdout
        )

    monkeypatch.setattr(worker, "execute", execute)

    output = work(folder, request_file)

    assert folder.log() == "from Python\nfrom below\n"
    assert output == "before its turn\n"


def test_a_failure_is_a_result_with_its_traceback(
    folder: RunFolder, request_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, ArithmeticError("the loss of task 'pd' is nan at step 2"))

    work(folder, request_file)

    assert folder.state() == "failed"
    failed = folder.record().failure
    assert failed is not None
    assert failed.error == "ArithmeticError: the loss of task 'pd' is nan at step 2"
    assert datetime.now(UTC) - datetime.fromisoformat(failed.ended) < timedelta(minutes=5)
    assert failed.traceback.startswith("Traceback (most recent call last):")
    assert "in execute" in failed.traceback
    assert folder.log() == failed.traceback


def test_an_interrupted_run_has_no_result_and_no_lock(
    folder: RunFolder, request_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        work(folder, request_file)

    assert folder.state() == "missing"


@pytest.mark.parametrize("error", [SystemExit(0), SystemExit(3), CancelledError(3)], ids=repr)
def test_a_run_that_ends_its_process_is_a_failure(
    folder: RunFolder, request_file: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    failing(monkeypatch, error)

    work(folder, request_file)

    failed = folder.record().failure
    assert failed is not None
    assert failed.error == f"{type(error).__name__}: {error}"


class Wordless(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UsageError("no data folder"), "no data folder"),
        (PluginError("head 'x' is gone"), "head 'x' is gone"),
        (KeyError("sst"), "KeyError: 'sst'"),
        (RuntimeError("one\n   two\n"), "RuntimeError: one two"),
        (Wordless(), "Wordless"),
        (UsageError(""), "UsageError"),
        (EOFError("Ran out of input"), "EOFError: Ran out of input"),
        (
            MemoryError(),
            "out of memory (MemoryError); fewer --jobs, a smaller train.micro_batch_size or more "
            "memory help",
        ),
    ],
    ids=repr,
)
def test_the_reason_is_one_line(error: Exception, reason: str) -> None:
    assert failure(error, "a traceback") == Failure(error=reason, traceback="a traceback")


# --- processes --------------------------------------------------------------------------------


def process_of(run: RunFolder, request_file: Path, *plugins: Path) -> subprocess.Popen[bytes]:
    """Start the worker as a process, which ends when it is forgotten."""
    return subprocess.Popen(
        [sys.executable, "-m", "mtbench.runs.worker", run.path, request_file, *plugins],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_run_imports_nothing_that_it_does_not_need(folder: RunFolder) -> None:
    """Each of these would cost every run a second."""
    script = (
        "import sys; from pathlib import Path; from mtbench.runs.runner import execute\n"
        f"from mtbench.store import RunFolder; execute(RunFolder(Path({str(folder.path)!r})))\n"
        "unneeded = {'torch._dynamo', 'scipy.stats', 'sklearn', 'transformers', 'pandas'}\n"
        "print(unneeded & {*sys.modules})"
    )
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "set()\n"
    assert folder.state() == "done"


PUMP = """
import threading

from torch import nn

from mtbench.api import HeadSpec, hookimpl


class Pump(nn.Linear):
    def __init__(self, width, task, parameters):
        super().__init__(width, task.outputs)
        threading.Thread(target=threading.Event().wait).start()


@hookimpl
def mtbench_heads():
    return [HeadSpec(name="pump", summary="a thread that never ends", target=Pump)]
"""


def test_a_process_whose_result_is_written_waits_for_no_thread(
    request_run: Any, tmp_path: Path, new_modules: None
) -> None:
    file = tmp_path / "pump_of_a_test.py"
    file.write_text(PUMP)
    run = request_run({"heads": {"sst": "pump"}}, plugins=[file])
    request = run.path / "run.json.1-0"
    (run.path / REQUEST).rename(request)

    with process_of(run, request, file) as process:
        assert process.wait() == 0

    assert run.state() == "done"
