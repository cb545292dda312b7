"""Components that make trouble, in real processes of the kit."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mtbench.components.registry import Registry
from mtbench.testing.conformance import Outcome
from mtbench.testing.isolation import Isolation

SOURCE = """
import os
import threading

from mtbench.api import BalancerSpec, Parameters, hookimpl


class Own(Parameters):
    trouble: str = ""


class Mine:
    def __init__(self, parameters):
        self.trouble = parameters.trouble

    def steps(self, sizes, batch_sizes, progress, rng):
        if self.trouble == "exit":
            os._exit(3)
        if self.trouble == "loop":
            threading.Event().wait()
        if self.trouble == "error":
            raise RuntimeError("no steps")
        yield dict(sizes)


@hookimpl
def mtbench_balancers():
    return [BalancerSpec(name="mine", summary="s", target=Mine, parameters=Own)]
"""


@pytest.fixture
def file(tmp_path: Path, new_modules: None) -> Path:
    made = tmp_path / "troubled.py"
    made.write_text(SOURCE)
    return made


def outcomes(file: Path, *troubles: str, **settings: float) -> Iterator[Outcome]:
    """Yield what comes of the first check of balancers that make trouble, in one process."""
    entry = Registry.load([file]).find("balancer", "mine")
    with closing(Isolation([file], **settings)) as isolation:
        for trouble in troubles:
            yield next(iter(isolation.examine(entry, None, {"trouble": trouble})))


def test_a_process_that_is_ended_fails_its_check_alone(file: Path) -> None:
    left, sound, failed = outcomes(file, "exit", "", "error")
    problem = "expected an answer; came none: the process ended with status 3 and left no result"
    assert left.message == problem
    assert sound.status == "passed"
    assert failed.message == "expected no error; came RuntimeError: no steps (troubled.py:22)"
    assert "in steps" in failed.traceback


def test_a_process_that_is_held_up_fails_its_check(file: Path) -> None:
    [endless] = outcomes(file, "loop", limit=0.5)
    assert endless.message == "expected an end within 0.5 s; came none"
