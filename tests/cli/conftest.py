"""What the tests of the command line share: calling it, and one small study, trained once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pytest

from mtbench.cli import main
from mtbench.system.interrupts import ENDS

MATRIX = """
title = "a small study"
seeds = 1

[base]
tasks = [
    { name = "sample-sst", as = "sst", train = 24, dev = 12, test = 6 },
    { name = "sample-pd", as = "pd", train = 16, dev = 12, test = 6 },
    { name = "sample-sts", as = "sts", train = 8, dev = 12, test = 6 },
]
encoder = { name = "minbert", layers = 1, width = 16, attention_heads = 2, intermediate = 32 }
heads = { sts = "relu-cosine" }
train = { lr = 1e-2, batch_size = 4, steps = 3 }

[axes]
combiner = ["sum", "pcgrad"]
"heads.pd" = ["linear", "cosine"]
"""

TROUBLE = '''
"""Heads that go wrong, or never end, while a file called ``trouble`` lies beside this one."""

import time
from pathlib import Path

import torch
from torch import nn

from mtbench.api import HeadSpec, hookimpl


def trouble():
    return Path(__file__).with_name("trouble").exists()


class Plain(nn.Module):
    def __init__(self, width, task, parameters):
        super().__init__()
        self.projection = nn.Linear(width * task.embeddings(parameters.pair), task.outputs)

    def forward(self, *embeddings):
        return self.projection(torch.cat(embeddings, dim=-1)).squeeze(-1)


class NotANumber(Plain):
    def forward(self, *embeddings):
        return super().forward(*embeddings) * (float("nan") if trouble() else 1)


class Endless(Plain):
    def forward(self, *embeddings):
        while trouble():
            time.sleep(0.05)
        return super().forward(*embeddings)


@hookimpl
def mtbench_heads():
    return [
        HeadSpec(name="not-a-number", summary="NaN", target="trouble_heads:NotANumber"),
        HeadSpec(name="endless", summary="never ends", target="trouble_heads:Endless"),
    ]
'''


@dataclass(frozen=True)
class Answer:
    """What the command line answered."""

    code: int
    out: str
    err: str


Call = Callable[..., Answer]


@dataclass(frozen=True)
class Study:
    """A matrix file, its store, and what the call that trained it printed."""

    matrix: Path
    store: Path
    first: Answer

    @property
    def given(self) -> tuple[str, ...]:
        """The arguments that name matrix and store."""
        return (str(self.matrix), "--store", str(self.store))


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Call]:
    """Give a function that calls the command line in this process, from an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["mtbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Answer(ended.value.code, out, err)

    before = {each: signal.getsignal(each) for each in ENDS}
    yield run
    for each, handler in before.items():
        signal.signal(each, handler)
    sys.modules.pop("trouble_heads", None)


@dataclass(frozen=True)
class Process:
    """A process of the command line, the leader of its own group as under a shell."""

    popen: subprocess.Popen[str]

    def interrupt(self) -> None:
        """Do what a terminal does on Ctrl-C: signal the whole group."""
        os.killpg(self.popen.pid, signal.SIGINT)

    def finish(self) -> Answer:
        """Wait for the end."""
        out, err = self.popen.communicate()
        return Answer(self.popen.returncode, out, err)


def start_in(folder: Path, *arguments: object) -> Process:
    """Start the command line as a process of its own."""
    return Process(
        subprocess.Popen(
            [sys.executable, "-m", "mtbench", *map(str, arguments)],
            cwd=folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    )


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Process]:
    """Give a function that starts the command line as a process, from an empty folder."""
    return partial(start_in, tmp_path)


@pytest.fixture(scope="session")
def study(shared_folder: Callable[..., Path]) -> Study:
    """Two cells that are trained, and two that are rejected; none of its readers trains more."""

    def fill(folder: Path) -> None:
        (folder / "small.toml").write_text(MATRIX)
        given = (folder / "small.toml", "--store", folder / "store", "--jobs", 2)
        answer = start_in(folder, "ablate", *given, "--format", "markdown").finish()
        (folder / "answer.json").write_text(json.dumps(asdict(answer)))

    folder = shared_folder("study", fill)
    answer = Answer(**json.loads((folder / "answer.json").read_text()))
    return Study(folder / "small.toml", folder / "store", answer)


@pytest.fixture
def trouble(tmp_path: Path) -> Path:
    """A plugin file with heads that make trouble, and do for now."""
    file = tmp_path / "trouble_heads.py"
    file.write_text(TROUBLE)
    file.with_name("trouble").touch()
    return file
