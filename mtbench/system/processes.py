"""Processes: how one that computes ends with the one that started it, and what its end tells."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

from mtbench.system.tracebacks import MEMORY_HELP, says_no_memory

UNWRITTEN = 74
"""Status of a process that could not write to the store (``EX_IOERR`` of ``sysexits.h``)."""

ORPHANED = 1

PYTHON_ERROR = 1
"""Status of a process of Python that ends with an error which nothing there caught."""


def orders() -> Iterator[str]:
    """Return the lines that come on stdin, as they come; where it closes, this process ends.

    Whoever starts a process keeps the other end of that pipe, which the system closes for those
    who are killed: nobody is left who computes for no one. From now on stdin is the null device,
    so that neither a component nor a process of its waits for what is not for it.
    """
    # A thread of its own, which draws no random number and calls nothing of torch.
    lines: SimpleQueue[str] = SimpleQueue()
    source = os.fdopen(os.dup(0), encoding="utf-8")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)

    def hear() -> None:
        for line in source:
            lines.put(line)
        os._exit(ORPHANED)

    Thread(target=hear, daemon=True).start()
    return iter(lines.get, None)


def without_result(process: str, status: int, printed: str = "") -> str:
    """Say in one line how a process ended that left no result.

    Args:
        process: whose it was, such as ``"the run's process"``.
        status: that ``subprocess`` gives.
        printed: what it said; of an error that Python prints, the last line is told.
    """
    hint = ""
    if status == UNWRITTEN:
        how = "could not write to the store"
    elif status >= 0:
        how = f"ended with status {status}"
        *_, last = ["", *printed.splitlines()]
        if status == PYTHON_ERROR and last:
            hint = f": {last}" + (f"; {MEMORY_HELP}" if says_no_memory(last) else "")
    else:
        how = f"was ended by signal {-status}"
        with suppress(ValueError):  # a real-time signal has no name
            how += f" ({signal.Signals(-status).name})"
        if how.endswith("(SIGKILL)"):
            hint = f"; was it the system's out-of-memory killer? {MEMORY_HELP}"
    return f"{process} {how} and left no result{hint}"
