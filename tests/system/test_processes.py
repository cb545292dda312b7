import subprocess
import sys
from collections.abc import Iterator

import pytest

from mtbench.system.processes import ORPHANED, UNWRITTEN, without_result
from mtbench.system.tracebacks import MEMORY_HELP

OBEDIENT = """
import subprocess
import sys
import threading

from mtbench.system.processes import orders

given = orders()
for order in given:
    if order == "step\\n":
        print("stepped", flush=True)
    elif order == "read\\n":
        below = [sys.executable, "-c", "import sys; print(repr(sys.stdin.read()))"]
        print(repr(sys.stdin.read()), subprocess.check_output(below, text=True), flush=True)
    else:
        print("going on", flush=True)
        threading.Event().wait()
"""


@pytest.fixture
def obedient() -> Iterator[subprocess.Popen[str]]:
    """A process that takes orders, one of which never ends."""
    with subprocess.Popen(
        [sys.executable, "-c", OBEDIENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        yield process


def answer(process: subprocess.Popen[str], order: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{order}\n")
    return process.stdout.readline()


def test_orders_come_one_by_one(obedient: subprocess.Popen[str]) -> None:
    assert [answer(obedient, "step") for _ in range(2)] == ["stepped\n"] * 2


def test_stdin_is_nobodys_else(obedient: subprocess.Popen[str]) -> None:
    assert answer(obedient, "read") == "'' ''\n"


@pytest.mark.parametrize("order", ["step", "go on"])
def test_a_process_whose_starter_is_gone_ends_idle_or_not(
    obedient: subprocess.Popen[str], order: str
) -> None:
    answer(obedient, order)
    assert obedient.stdin is not None
    obedient.stdin.close()

    assert obedient.wait() == ORPHANED


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (3, "the run's process ended with status 3 and left no result"),
        (UNWRITTEN, "the run's process could not write to the store and left no result"),
        (-15, "the run's process was ended by signal 15 (SIGTERM) and left no result"),
        (-6, "the run's process was ended by signal 6 (SIGABRT) and left no result"),
        (-40, "the run's process was ended by signal 40 and left no result"),
        (
            -9,
            "the run's process was ended by signal 9 (SIGKILL) and left no result; was it the "
            "system's out-of-memory killer? fewer --jobs, a smaller train.micro_batch_size or "
            "more memory help",
        ),
    ],
)
def test_an_end_without_a_result(status: int, told: str) -> None:
    assert without_result("the run's process", status, "Killed\n") == told


@pytest.mark.parametrize(
    ("last", "hint"),
    [
        ("ImportError: libtorch.so: failed to map segment from shared object", True),
        ("ModuleNotFoundError: No module named 'torch'", False),
    ],
)
def test_the_error_that_ended_a_process_is_told(last: str, hint: bool) -> None:
    told = without_result("the run's process", 1, f"Traceback (most recent call last):\n{last}\n")
    said = f"the run's process ended with status 1 and left no result: {last}"
    assert told == (f"{said}; {MEMORY_HELP}" if hint else said)
