import itertools
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mtbench.components.registry import Registry
from mtbench.executors.process import WAITING_FOR, Job, default_jobs, run_all
from mtbench.matrix.configuration import overlay
from mtbench.matrix.file import NamedCell
from mtbench.store import (
    CHECKPOINT,
    HISTORY,
    LOG,
    PREDICTIONS,
    REQUEST,
    RESULT,
    Failure,
    Result,
    RunFolder,
    Store,
)
from mtbench.study.planner import Planner
from mtbench.study.requests import request
from mtbench.system.processes import UNWRITTEN

FAILED = Failure(error="of today", traceback="...")


@dataclass
class Recorder:
    """A progress that remembers what it saw, and may interrupt."""

    interrupt: Callable[[Job], bool] = lambda job: False
    came: list[str] = field(default_factory=list)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    results: dict[str, Result | Failure] = field(default_factory=dict)

    def started(self, job: Job) -> None:
        self.came.append(f"{job.name} started")

    def progressed(self, job: Job, event: dict[str, Any]) -> None:
        self.events.append((job.name, event))
        if self.interrupt(job):
            raise KeyboardInterrupt

    def finished(self, job: Job, result: Result | Failure) -> None:
        self.came.append(f"{job.name} finished")
        self.results[job.name] = result


def error_of(recorder: Recorder, name: str) -> str:
    result = recorder.results[name]
    assert isinstance(result, Failure)
    return result.error


# --- processes that end as they are told ------------------------------------------------------

WORKER = """
import json
import os
import sys
import time

here = os.path.dirname(os.path.abspath(__file__))
*_, folder, request, plugin = sys.argv
key = os.path.basename(folder)
with open(request) as file:
    seen = {"arguments": sys.argv[1:], "request": json.load(file), "pid": os.getpid()}
with open(os.path.join(here, key), "w") as file:
    json.dump({**seen, "environment": dict(os.environ)}, file)
with open(os.path.join(here, "orders.json")) as file:
    orders = json.load(file)
print(orders["prints"], end="", flush=True)
deadline = time.monotonic() + orders["seconds"]
while time.monotonic() < deadline:
    time.sleep(0.01)
if orders["result"]:
    with open(os.path.join(folder, "result.json"), "w") as file:
        file.write(orders["result"][key])
if orders["status"] < 0:
    os.kill(os.getpid(), -orders["status"])
os._exit(orders["status"])
"""


@dataclass
class Workers:
    """Processes in the place of the worker's: they end as they are told, and note what they got.

    Attributes:
        folder: of their program, and of what they note.
        jobs: the runs that they are asked to train.
    """

    folder: Path
    jobs: list[Job]

    def told(
        self,
        result: Result | Failure | None,
        *,
        status: int = 0,
        prints: str = "",
        seconds: float = 0,
    ) -> None:
        """Tell those to come what to print, how long to take, what to write, and how to end."""
        scratch = Store(self.folder / "scratch")
        written = {}
        for job in self.jobs if result is not None else []:
            made = scratch.create(job.key)
            made.end(result)
            written[job.key] = (made.path / RESULT).read_text()
        orders = {"result": written, "status": status, "prints": prints, "seconds": seconds}
        (self.folder / "orders.json").write_text(json.dumps(orders))

    def noted(self, job: Job) -> dict[str, Any]:
        """Return what the process of a run got."""
        noted: dict[str, Any] = json.loads((self.folder / job.key).read_text())
        return noted


@pytest.fixture
def jobs(tmp_path: Path, a_request: Callable[..., Any]) -> list[Job]:
    store, asked = Store(tmp_path / "store"), a_request(plugins=["a.py"])
    return [Job(name, store.run(name), threads=3, request=asked) for name in "abc"]


@pytest.fixture
def workers(
    jobs: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, a_result: Callable[..., Any]
) -> Workers:
    """Have runs be such processes, which write a result if they are told nothing else."""
    folder = tmp_path / "workers"
    folder.mkdir()
    (folder / "worker.py").write_text(WORKER)
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{folder}/worker.py" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    workers = Workers(folder, jobs)
    workers.told(a_result())
    return workers


def note_event(job: Job, *lines: str) -> None:
    job.folder.path.mkdir(parents=True)
    (job.folder.path / HISTORY).write_text("\n".join(lines))


@pytest.mark.parametrize("at_a_time", [1, 2, 9])
def test_runs_come_in_order_and_so_many_at_a_time(
    workers: Workers, jobs: list[Job], at_a_time: int
) -> None:
    recorder = Recorder()

    run_all(jobs, at_a_time, recorder)

    assert [event for event in recorder.came if "started" in event] == [
        f"{job.name} started" for job in jobs
    ]
    under_way = list(itertools.accumulate(1 if "started" in e else -1 for e in recorder.came))
    assert max(under_way) == min(at_a_time, len(jobs))
    assert under_way[-1] == 0
    assert {result.status for result in recorder.results.values()} == {"done"}


def test_the_process_of_a_run(workers: Workers, jobs: list[Job]) -> None:
    run_all(jobs[:1], 1, Recorder())

    noted = workers.noted(jobs[0])
    *command, folder, _, plugin = noted["arguments"]
    assert command == ["-P", "-m", "mtbench.runs.worker"]
    assert (folder, plugin) == (str(jobs[0].folder.path), "a.py")
    assert noted["request"] == jobs[0].request.model_dump()
    environment = noted["environment"]
    given = {"OMP_NUM_THREADS": "3", "PYTHONHASHSEED": "0"}
    given["PYTHONIOENCODING"] = "utf-8:backslashreplace"  # whatever the console's is
    assert environment.items() >= given.items()
    assert environment["HF_HUB_OFFLINE"] == os.environ["HF_HUB_OFFLINE"]
    assert environment["MKL_NUM_THREADS"] == "3"
    assert environment["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert int(environment["MALLOC_TRIM_THRESHOLD_"]) > 1 << 36  # more than a run ever frees
    assert int(environment["MALLOC_MMAP_THRESHOLD_"]) == 32 << 20  # the most that all take


def test_an_attempt_leaves_nothing_of_its_own(
    workers: Workers, jobs: list[Job], a_result: Callable[..., Any]
) -> None:
    workers.told(a_result(), prints="a warning")

    run_all(jobs, 2, Recorder())

    for job in jobs:
        assert [file.name for file in job.folder.path.iterdir()] == [RESULT]


def test_progress_is_the_newest_event(
    workers: Workers, jobs: list[Job], a_result: Callable[..., Any]
) -> None:
    begun, done = (json.dumps({"event": "step", "step": step, "total": 3}) for step in (1, 2))
    note_event(jobs[1], begun, done, '{"ev')
    workers.told(a_result(), seconds=0.5)
    recorder = Recorder()

    run_all(jobs, 3, recorder)

    assert recorder.events == [("b", json.loads(done))] * len(recorder.events)
    assert recorder.events


@pytest.mark.parametrize(
    ("death", "how", "traceback"),
    [
        ({"status": -11, "prints": "Error\n"}, "was ended by signal 11 (SIGSEGV)", "Error\n"),
        ({"status": 3}, "ended with status 3", "of its log"),
    ],
)
def test_a_process_that_dies_without_a_word_is_a_failed_run(
    workers: Workers, jobs: list[Job], death: dict[str, Any], how: str, traceback: str
) -> None:
    workers.told(None, **death)
    for job in jobs:
        job.folder.path.mkdir(parents=True)
        (job.folder.path / LOG).write_text("of its log")
    recorder = Recorder()

    run_all(jobs, 2, recorder)

    for job in jobs:
        error = f"the run's process {how} and left no result"
        assert recorder.results[job.name] == Failure(error=error, traceback=traceback)
        stored = job.folder.record().failure
        assert stored is not None
        assert (stored.error, stored.traceback) == (error, traceback)


def test_a_failure_is_reported_as_it_is(workers: Workers, jobs: list[Job]) -> None:
    workers.told(FAILED)
    recorder = Recorder()

    run_all(jobs[:1], 1, recorder)

    assert error_of(recorder, "a") == "of today"


def test_the_failure_before_is_not_taken_for_this_one(workers: Workers, jobs: list[Job]) -> None:
    jobs[0].folder.path.mkdir(parents=True)
    jobs[0].folder.end(Failure(error="of yesterday", traceback=""))
    workers.told(None, status=-15)
    recorder = Recorder()

    run_all(jobs[:1], 1, recorder)

    error = error_of(recorder, "a")
    assert error.startswith("the run's process was ended by signal 15")
    stored = jobs[0].folder.record().failure
    assert stored is not None
    assert stored.error == error


def test_a_process_that_dies_spoils_no_score_and_no_run_of_another(
    workers: Workers, jobs: list[Job], a_result: Callable[..., Any]
) -> None:
    workers.told(None, status=-15)
    stored, under_way = jobs[:2]
    for job in (stored, under_way):
        job.folder.path.mkdir(parents=True)
    stored.folder.end(a_result())  # by another process, at the last moment

    with under_way.folder.lock():
        run_all([stored, under_way], 2, Recorder())

    assert stored.folder.state() == "done"
    assert under_way.folder.state() == "missing"


def test_a_run_whose_store_cannot_be_written_fails_and_the_others_are_tried(
    workers: Workers, jobs: list[Job]
) -> None:
    """While the first two are tried, a file lies in the place of all runs."""
    workers.told(None, status=UNWRITTEN, seconds=0.5)
    store = jobs[0].folder.store

    class Spoiling(Recorder):
        def progressed(self, job: Job, event: dict[str, Any]) -> None:
            if store.runs.is_dir() and not self.results:
                shutil.rmtree(store.runs)
                store.runs.write_text("")

        def finished(self, job: Job, result: Result | Failure) -> None:
            super().finished(job, result)
            if job.name == "b":
                store.runs.unlink()

    note_event(jobs[0], '{"event": "phase", "phase": "loading"}', "")
    recorder = Spoiling()

    run_all(jobs, 1, recorder)

    errors = {name: error_of(recorder, name) for name in recorder.results}
    cannot = f"the store {store.root} cannot be written: "
    unwritten = "the run's process could not write to the store and left no result"
    assert list(errors) == ["a", "b", "c"]
    assert errors["a"].startswith(f"{unwritten}; {cannot}")
    assert errors["b"].startswith(f"its process cannot be started: {cannot}")
    assert errors["c"] == unwritten
    assert jobs[2].folder.state() == "failed"


def test_a_run_for_which_the_system_has_no_process_fails_and_leaves_nothing(
    workers: Workers, jobs: list[Job]
) -> None:
    (workers.folder / "python").unlink()
    recorder = Recorder()

    run_all(jobs, 2, recorder)

    (error,) = {error_of(recorder, name) for name in recorder.results}
    assert error.startswith("its process cannot be started: [Errno 2] No such file or directory")
    assert [list(job.folder.path.iterdir()) for job in jobs] == [[], [], []]


def test_a_log_that_cannot_be_read_hides_no_failure(workers: Workers, jobs: list[Job]) -> None:
    workers.told(None, status=3)
    (jobs[0].folder.path / LOG).mkdir(parents=True)
    recorder = Recorder()

    run_all(jobs[:1], 1, recorder)

    assert recorder.results["a"].status == jobs[0].folder.state() == "failed"


@pytest.mark.parametrize("status", [120, -11])
def test_a_process_that_dies_on_its_way_out_leaves_its_result(
    workers: Workers, jobs: list[Job], status: int, a_result: Callable[..., Any]
) -> None:
    """As Python does with 120 where a full disk does not take the last of the log."""
    recorder = Recorder()

    for job, result in zip(jobs, (a_result(), FAILED), strict=False):
        workers.told(result, status=status)
        run_all([job], 1, recorder)

    assert recorder.results["a"].status == "done"
    assert error_of(recorder, "b") == FAILED.error


def test_an_interrupt_ends_what_is_under_way_and_begins_nothing(
    workers: Workers, jobs: list[Job], a_result: Callable[..., Any]
) -> None:
    note_event(jobs[1], '{"event": "phase", "phase": "loading"}', "")
    workers.told(a_result(), seconds=60)
    recorder = Recorder(interrupt=lambda job: (workers.folder / "a").exists())

    with pytest.raises(KeyboardInterrupt):
        run_all(jobs, 2, recorder)

    assert recorder.came == ["a started", "b started"]
    with pytest.raises(ProcessLookupError):
        os.kill(workers.noted(jobs[0])["pid"], 0)
    assert [job.folder.state() for job in jobs] == ["missing"] * 3
    files = {file.name for job in jobs[:2] for file in job.folder.path.iterdir()}
    assert files == {HISTORY}


def test_nothing_to_do(workers: Workers) -> None:
    run_all([], 2, Recorder())

    assert {file.name for file in workers.folder.iterdir()} == {
        *("python", "worker.py", "orders.json", "scratch")
    }


def test_as_many_runs_as_the_cores_can_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert [default_jobs(threads, "cpu") for threads in (1, 2, 3, 8, 16)] == [8, 4, 2, 1, 1]

    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert default_jobs(2, "cpu") == 3


def test_a_cuda_device_takes_one_run_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)

    assert default_jobs(1, "cuda:0") == 1


# --- processes that are -----------------------------------------------------------------------

TROUBLE = """
import os
import signal

from torch import nn

from mtbench.api import HeadSpec, hookimpl


class Killed(nn.Module):
    def __init__(self, width, task, parameters):
        super().__init__()
        self.projection = nn.Linear(width, task.outputs)

    def forward(self, embedding):
        print("about to go", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


@hookimpl
def mtbench_heads():
    return [HeadSpec(name="killed", summary="", target="executors_plugin:Killed")]
"""

CELLS: dict[str, dict[str, Any]] = {
    "killed": {"heads.sst": "killed"},
    "pcgrad": {"combiner": "pcgrad", "heads.sts": "relu-cosine"},
}


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A plugin file with a head that kills its process."""
    file = tmp_path_factory.mktemp("plugin") / "executors_plugin.py"
    file.write_text(TROUBLE)
    yield file
    sys.modules.pop(file.stem, None)


def asked_for(
    store: Store, small: Mapping[str, Any], plugin: Path, names: Iterable[str]
) -> list[Job]:
    """Return a job each for some of the cells."""
    cells = [NamedCell(name, overlay(small, CELLS[name])) for name in names]
    plan = Planner(Registry.load([plugin]), store).plan("", cells, [0])
    return [
        Job(cell.name, run.folder, threads=1, request=request(cell, run, [plugin]))
        for cell, run in plan.runs()
    ]


@pytest.fixture(scope="module")
def together(
    small: dict[str, Any], plugin: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, RunFolder], Recorder]:
    """The cells, two at a time: their folders, and what was seen of them."""
    jobs = asked_for(Store(tmp_path_factory.mktemp("together")), small, plugin, CELLS)
    recorder = Recorder()
    run_all(jobs, 2, recorder)
    return {job.name: job.folder for job in jobs}, recorder


def test_nothing_of_the_working_directory_is_imported(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_modules: None
) -> None:
    """What lies beside a plugin file is, behind all else, and as the parent names the file."""
    for module in ("uuid", "torch", "numpy"):
        (tmp_path / f"{module}.py").write_text(f"open('{module} was imported', 'w')")
    file = tmp_path / "plugins" / "listed_head.py"
    file.parent.mkdir()
    (file.parent / "of_the_head.py").write_text("NAME = 'killed'")
    (file.parent / "glob.py").write_text("1 / 0")
    listed = "import of_the_head\n" + TROUBLE.replace('"killed"', "of_the_head.NAME")
    file.write_text(listed.replace("executors_plugin", "listed_head"))
    (job,) = asked_for(Store(tmp_path / "store"), small, file, ["pcgrad"])
    monkeypatch.chdir(tmp_path)

    run_all([job], 1, Recorder())

    assert job.folder.state() == "done"
    assert not list(tmp_path.glob("*was imported"))


def assert_same_numbers(one: RunFolder, other: RunFolder) -> None:
    results = [folder.result().model_dump() for folder in (one, other)]
    for result in results:
        # The last two are of when and of what was asked, such as the plugin files, too.
        del result["cost"], result["ended"], result["digest"], result["files"][REQUEST]
    assert results[0] == results[1]
    for name in (PREDICTIONS, CHECKPOINT):
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes()


def test_a_run_that_is_killed_fails_and_the_others_go_on(
    together: tuple[dict[str, RunFolder], Recorder],
) -> None:
    folders, recorder = together

    states = {name: folder.state() for name, folder in folders.items()}
    assert states == {"killed": "failed", "pcgrad": "done"}
    failure = folders["killed"].record().failure
    assert failure is not None
    assert failure.error == (
        "the run's process was ended by signal 9 (SIGKILL) and left no result; was it the "
        "system's out-of-memory killer? fewer --jobs, a smaller train.micro_batch_size or more "
        "memory help"
    )
    assert "about to go" in failure.traceback
    assert set(recorder.results) == set(CELLS)


def test_a_run_is_the_same_in_whatever_process(
    together: tuple[dict[str, RunFolder], Recorder], trained: Callable[..., RunFolder]
) -> None:
    there = together[0]["pcgrad"]

    trained({"train.lr": 1e-3}, seed=5)
    here = trained(CELLS["pcgrad"])

    assert here.key == there.key
    assert_same_numbers(here, there)


def test_a_process_that_waits_for_anothers_run_says_so_and_goes_on(
    small: dict[str, Any], plugin: Path, tmp_path: Path
) -> None:
    (job,) = asked_for(Store(tmp_path), small, plugin, ["pcgrad"])
    job.folder.store.create(job.key)
    (job.folder.path / HISTORY).write_text('{"event": "step", "step": 2, "total": 3}\n')
    another = ExitStack()
    another.enter_context(job.folder.owned())  # by this process

    def end_the_other(job: Job) -> bool:
        if WAITING_FOR in recorder.events[-1][1]:
            another.close()
        return False

    recorder = Recorder(end_the_other)
    with another:
        run_all([job], 1, recorder)

    events = [event for _, event in recorder.events]
    waits = [event for event in events if WAITING_FOR in event]
    who = f"{platform.node()}, process {os.getpid()}"
    assert waits == [{"event": "step", "step": 2, "total": 3, WAITING_FOR: who}] * len(waits)
    assert waits
    assert recorder.results[job.name].status == "done"
    assert job.folder.state() == "done"


def test_an_interrupted_run_is_trained_by_the_next_call_to_the_same_numbers(
    together: tuple[dict[str, RunFolder], Recorder],
    small: dict[str, Any],
    plugin: Path,
    tmp_path: Path,
) -> None:
    (job,) = asked_for(Store(tmp_path), small, plugin, ["pcgrad"])
    states = []

    def interrupt(job: Job) -> bool:
        states.append(job.folder.state())
        return True

    with pytest.raises(KeyboardInterrupt):
        run_all([job], 1, Recorder(interrupt))
    states.append(job.folder.state())  # no process holds its lock

    run_all([job], 1, Recorder())

    assert states == ["running", "missing"]
    assert_same_numbers(job.folder, together[0]["pcgrad"])
