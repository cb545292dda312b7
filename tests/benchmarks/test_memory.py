"""What each way of taking a step needs at its peak; printed beside the times."""

import pickle
from collections.abc import Callable
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from contenders import CONTENDERS
from contenders.report import Report

SIZES = (8, 32)
STEPS = 3


@pytest.fixture(scope="module")
def stored(
    work: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, report: Report
) -> Callable[[int], Path]:
    """Give a function that writes the work of a batch size to a file, for other processes."""

    @cache
    def write(size: int) -> Path:
        file = tmp_path_factory.mktemp("memory") / "work.pickle"
        given = work(size, STEPS)
        file.write_bytes(pickle.dumps(given))
        report.gradients_mb = len(given.plain) * gradient_mb(given.checkpoint)
        return file

    return write


def gradient_mb(checkpoint: Path) -> float:
    """Return the size of one float32 gradient of the encoder, its unused pooler left out."""
    with safe_open(checkpoint / "model.safetensors", "pt") as tensors:
        names = [name for name in tensors.keys() if not name.startswith("pooler.")]  # noqa: SIM118
        return sum(4 * prod(tensors.get_slice(name).get_shape()) for name in names) / 2**20


@pytest.mark.parametrize("size", SIZES, ids="batch{}".format)
@pytest.mark.parametrize("name", CONTENDERS)
def test_memory(
    name: str, size: int, stored: Callable[[int], Path], threads: int, report: Report
) -> None:
    pytest.importorskip("resource", reason="this system does not tell a process its peak")
    if reason := CONTENDERS[name].missing():
        pytest.skip(reason)
    from contenders.memory import peak_memory_mb

    report.memory[size, name] = peak_memory_mb(stored(size), name, threads)
    assert report.memory[size, name] > 0
