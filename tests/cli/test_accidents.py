"""Accidents from without: full disks, no memory, signals, a terminal that goes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mtbench.store import RunFolder, Store
from mtbench.system.interrupts import TOLD

Call = Callable[..., Any]  # of the command line; see conftest

ACCIDENTS = '''
"""Heads whose runs meet with an accident."""

import atexit
import os
import resource
from pathlib import Path

import torch
from torch import nn

from mtbench.api import HeadSpec, hookimpl

BALLAST = Path(os.environ.get("STORE", ".")) / "ballast"


class Plain(nn.Module):
    def __init__(self, width, task, parameters):
        super().__init__()
        self.projection = nn.Linear(width * task.embeddings(parameters.pair), task.outputs)

    def forward(self, *embeddings):
        self.befall()
        return self.projection(torch.cat(embeddings, dim=-1)).squeeze(-1)


class Filling(Plain):
    def befall(self):
        try:
            with BALLAST.open("ab", buffering=0) as file:
                while file.write(b"0" * 4096):
                    pass
        except OSError:
            pass


class Passing(Filling):
    def befall(self):
        super().befall()
        atexit.register(BALLAST.unlink, missing_ok=True)


class Limited(Plain):
    def befall(self):
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


class Torch(Plain):
    def befall(self):
        torch.empty(1 << 50)


class Ended(Plain):
    def befall(self):
        raise EOFError("Ran out of input")


@hookimpl
def mtbench_heads():
    for head in (Filling, Passing, Limited, Torch, Ended):
        name = head.__name__.lower()
        yield HeadSpec(name=name, summary="Fails.", target=f"accident_heads:{head.__name__}")
'''


@pytest.fixture
def accidents(tmp_path: Path, new_modules: None) -> Path:
    """A plugin file with heads whose runs meet with an accident."""
    file = tmp_path / "accident_heads.py"
    file.write_text(ACCIDENTS)
    return file


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def train(call: Call, study: Any, plugin: Path, store: Path, *heads: str) -> Any:
    """Train the small study with some heads for PD, one after the other."""
    return call(
        *("ablate", study.matrix, "--store", store, "--plugin", plugin, "--jobs", 1),
        *("--axis", f"heads.pd={','.join(heads)}", "-k", "sum", "--format", "json"),
    )


def ends(answer: Any) -> dict[str, str]:
    """Return what was said at the end of each run, by the head of PD."""
    said = [line for line in answer.err.splitlines() if line.startswith("combiner=sum, ")]
    found = {}
    for line in said:
        name, _, told = line.partition(" [seed 0]: ")
        found[name.rpartition("=")[2]] = told
    return found


def states(answer: Any) -> dict[str, str]:
    """Return the state of each cell in the table, by the head of PD."""
    cells = json.loads(answer.out)["cells"]
    return {cell["name"].rpartition("=")[2]: cell["status"] for cell in cells}


# --- disks ------------------------------------------------------------------------------------


def test_a_run_that_fills_the_disk_fails_and_the_others_go_on(
    call: Call, study: Any, accidents: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORE", str(disk))

    answer = train(call, study, accidents, disk, "linear", "passing", "mlp")

    assert answer.code == 3
    assert states(answer) == {"linear": "done", "passing": "failed", "mlp": "done"}
    assert "No space left on device" in ends(answer)["passing"]
    assert answer.err.splitlines()[-1].startswith("error: 1 of 3 runs have no score (1 failed);")


def test_on_a_disk_that_stays_full_every_run_is_tried_and_nothing_is_lost(
    call: Call, study: Any, accidents: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORE", str(disk))
    heads = ("linear", "filling", "mlp", "abs-diff")

    answer = train(call, study, accidents, disk, *heads)
    full = train(call, study, accidents, disk, *heads)
    (disk / "ballast").unlink()
    rest = train(call, study, accidents, disk, "linear", "mlp", "abs-diff")

    assert answer.code == 3
    assert states(answer)["linear"] == "done"
    for head in heads[1:]:
        assert states(answer)[head] in ("failed", "missing")
        assert "No space left on device" in ends(answer)[head]
    # Where not even a line can be written, nothing is begun.
    assert full.code in (2, 3)
    assert "No space left on device" in full.err
    assert (rest.code, set(ends(rest))) == (0, {"mlp", "abs-diff"})


@pytest.mark.skipif(os.name == "nt", reason="there are no such limits")
def test_what_is_no_fault_of_a_component(call: Call, study: Any, accidents: Path) -> None:
    """Memory that is not to be had is nobody's; the end of a file is where it was raised."""
    heads = ("limited", "torch", "ended", "linear")

    answer = train(call, study, accidents, Path("store"), *heads)

    assert answer.code == 3
    assert states(answer) == dict.fromkeys(heads, "failed") | {"linear": "done"}
    told = ends(answer)
    assert told["limited"].startswith("failed: the run's process could not write to the store ")
    assert told["torch"].startswith("failed: out of memory (")
    help_of_memory = "; fewer --jobs, a smaller train.micro_batch_size or more memory help ("
    assert help_of_memory in told["torch"]
    assert "accident_heads.py" not in told["torch"]
    assert told["ended"].startswith(
        "failed: head 'ended' of accident_heads.py: EOFError: Ran out of input ("
    )


# --- signals ----------------------------------------------------------------------------------


@pytest.fixture
def endless(study: Any, trouble: Path, tmp_path: Path) -> tuple[str, ...]:
    """The arguments of ``ablate`` for two runs at once, neither of which ends."""
    return (
        *("ablate", str(study.matrix), "--store", str(tmp_path / "store"), "--jobs", "2"),
        *("--plugin", str(trouble), "--set", "heads.pd=endless"),
    )


def under_way(store: Path) -> list[RunFolder]:
    """Wait until two runs are being trained, and return them."""
    while True:
        keys = Store(store).keys()
        runs = [Store(store).run(key) for key in keys]
        if [run.state() for run in runs if run.last_event()] == ["running", "running"]:
            return runs
        time.sleep(0.05)


def wait_for_their_end(runs: list[RunFolder]) -> None:
    while "running" in [run.state() for run in runs]:
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs to know which processes there are")
def test_no_run_outlives_its_driver(
    call: Call, start: Callable[..., Any], endless: tuple[str, ...], tmp_path: Path, trouble: Path
) -> None:
    process = start(*endless)
    runs = under_way(tmp_path / "store")

    process.popen.kill()
    process.finish()

    wait_for_their_end(runs)
    left = {file.name for run in runs for file in run.path.glob("*.*-*")}
    assert left  # of a driver that had no time to tidy up
    trouble.with_name("trouble").unlink()
    assert call(*endless).code == 0
    assert {file.name for run in runs for file in run.path.glob("*.*-*")} == set()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signals_to_the_driver_alone_end_its_runs(
    start: Callable[..., Any], endless: tuple[str, ...], tmp_path: Path, name: str
) -> None:
    process = start(*endless)
    runs = under_way(tmp_path / "store")

    for _ in range(2):
        process.popen.send_signal(signal.Signals[name])
    ended = process.finish()

    assert (ended.code, ended.out) == (130, "")
    assert ended.err.splitlines()[-1] == TOLD
    assert "Traceback" not in ended.err
    wait_for_their_end(runs)


def test_a_terminal_that_is_closed_ends_the_runs(endless: tuple[str, ...], tmp_path: Path) -> None:
    """Nothing can be said any more, and the exit code is the same."""
    pty = pytest.importorskip("pty")
    process, terminal = pty.fork()
    if process == 0:
        os.execv(sys.executable, [sys.executable, "-m", "mtbench", *endless])
    runs = under_way(tmp_path / "store")

    os.close(terminal)

    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    wait_for_their_end(runs)
