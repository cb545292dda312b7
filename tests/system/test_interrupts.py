import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mtbench.system.interrupts import ENDS, TOLD

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are others there")

INTERRUPTED = """
import os
import signal

from mtbench.system.interrupts import interruptible

with interruptible():
    os.kill(os.getpid(), signal.{})
    print("went on")
"""

TWICE = """
import os
import signal
import sys

from mtbench.system.interrupts import interruptible


class Twice:
    def write(self, text):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGHUP)
        sys.__stderr__.write(text)

    def flush(self):
        sys.__stderr__.flush()


with interruptible():
    sys.stderr = Twice()
    try:
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        print("tidied")
"""

IMPORTED = """
import os
import signal
import sys


class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "{0}":
            os.kill(os.getpid(), signal.{1})


sys.meta_path.insert(0, Finder())
sys.argv = ["mtbench", "plan", "m.toml"]
from mtbench.__main__ import main

main()
"""


COLLECTED = """
import os
import signal
import time

from mtbench.system.interrupts import interruptible


class Collected:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)


with interruptible():
    Collected()
    while True:
        time.sleep(1)
"""


ENDED = """
import signal
import sys

from mtbench.__main__ import main
from mtbench.system.interrupts import ENDS

sys.argv = ["mtbench", "nonsense"]
try:
    main()
finally:
    print([signal.getsignal(each) for each in ENDS])
"""


def ended(script: str, *before: str) -> tuple[int, str, str]:
    """Return exit code, output and errors of a script."""
    command = [*before, sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", [each.name for each in ENDS])
def test_a_signal_is_a_line_and_a_status(name: str) -> None:
    assert ended(INTERRUPTED.format(name)) == (130, "", f"{TOLD}\n")


@pytest.mark.parametrize("name", [each.name for each in ENDS])
def test_a_signal_that_is_ignored_stays_so(name: str) -> None:
    """As SIGHUP does under ``nohup``, and SIGINT for what a script starts with ``&``."""
    number = signal.Signals[name].value
    ignoring = f'trap \'\' {number}; exec "$0" "$@"'

    assert ended(INTERRUPTED.format(name), "sh", "-c", ignoring) == (0, "went on\n", "")


def test_one_answer_to_several_signals() -> None:
    assert ended(TWICE) == (130, "tidied\n", f"{TOLD}\n")


def test_an_interrupt_that_no_exception_leads_out_of_is_heeded_all_the_same() -> None:
    assert ended(COLLECTED) == (130, "", f"{TOLD}\n")


def test_signals_are_ignored_while_the_interpreter_ends() -> None:
    """It takes handlers in Python away before it is done."""
    code, out, _ = ended(ENDED)

    assert (code, out) == (2, f"{[signal.SIG_IGN] * len(ENDS)}\n")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("module", ["click", "mtbench.cli.options", "pluggy", "pydantic"])
def test_an_interrupt_during_imports_is_no_traceback(
    module: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.toml").write_text('[base]\ntasks = ["sample-sst"]\n')

    code, out, err = ended(IMPORTED.format(module, name))

    assert (code, out, err.strip()) == (130, "", TOLD)
