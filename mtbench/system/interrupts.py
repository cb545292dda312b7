"""Interrupts: the signals by which a terminal, a scheduler or a shell ends a command."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

ENDS = [
    signal.Signals[name]
    for name in ("SIGINT", "SIGTERM", "SIGHUP")  # Windows lacks the last
    if name in signal.Signals.__members__
]

TOLD = "interrupted; what is stored stays, the next call goes on from there"
STATUS = 130


@contextmanager
def interruptible() -> Iterator[None]:
    """Have what is done here end in one line and a status of its own where a signal ends it.

    A signal that is ignored stays so, as SIGHUP does under ``nohup``. From the first one that is
    answered, and from the end of what is done, others do nothing.

    Raises:
        SystemExit: where a signal ends it.
    """
    _handle(signal.default_int_handler)  # a study's runs are processes, which must not outlive it
    hook, sys.unraisablehook = sys.unraisablehook, _heed_again
    try:
        yield
    except KeyboardInterrupt:
        _handle(_nothing)
        with suppress(OSError):  # the terminal may be gone
            sys.stderr.write(f"{TOLD}\n")
        sys.exit(STATUS)
    finally:
        _handle(_nothing)
        sys.unraisablehook = hook


def _heed_again(unraisable: Any) -> None:
    """Interrupt once more where no exception led out, as in a callback of the import system."""
    if not isinstance(unraisable.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return
    from _thread import interrupt_main
    from threading import Timer

    heeded = [each for each in ENDS if signal.getsignal(each) is signal.default_int_handler]
    for each in heeded[:1]:
        Timer(0.001, interrupt_main, [each]).start()  # not here: this leads out no more than that


def ignore() -> None:
    """Ignore them until the process has ended, in which the interpreter gives up its handlers."""
    _handle(signal.SIG_IGN)


def _nothing(_signal: int, _frame: FrameType | None) -> None:
    """Stand for ``SIG_IGN``, which a process started later would inherit."""


def _handle(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for each in ENDS:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, handler)
