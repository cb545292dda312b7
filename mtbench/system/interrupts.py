"""Interrupts: the signals by which a terminal, a scheduler or a shell ends a command."""

import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any

ENDS = [
    signal.Signals[name]
    for name in ("SIGINT", "SIGTERM", "SIGHUP")  # Windows lacks the last
    if name in signal.Signals.__members__
]

TOLD = "interrupted; what is stored stays, the next call goes on from there"
STATUS = 130

AT_ONCE_SECONDS = 1
"""Signals that come so soon after one mean the same: ``timeout``, for one, sends it twice."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Have what is done here end in one line and a status of its own where a signal ends it.

    A signal that is ignored stays so, as SIGHUP does under ``nohup``. Others that come at once do
    nothing, so that what is begun is tidied up, nor do any from the answer, or the end, on.

    Raises:
        SystemExit: where a signal ends it.
    """
    _handle(_Interrupt())  # a study's runs are processes, which must not outlive it
    hook = sys.unraisablehook
    sys.unraisablehook = partial(_heed_again, hook)
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


class _Interrupt:
    """Raises ``KeyboardInterrupt`` for the first of the signals that come at once.

    Later ones are heeded again, or what swallows the first could not be ended.
    """

    def __init__(self) -> None:
        self.heeded = -math.inf

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self.heeded > AT_ONCE_SECONDS:
            self.heeded = now
            raise KeyboardInterrupt


def _heed_again(hook: Callable[[Any], object], unraisable: Any) -> None:
    """Interrupt once more where no exception led out, as in a callback of the import system."""
    if not isinstance(unraisable.exc_value, KeyboardInterrupt):
        hook(unraisable)
        return
    from _thread import interrupt_main
    from threading import Timer

    for each in ENDS:
        handler = signal.getsignal(each)
        if isinstance(handler, _Interrupt):
            handler.heeded = -math.inf
            # Not here: this leads out no more than that.
            Timer(0.001, interrupt_main, [each]).start()
            break


def ignore() -> None:
    """Ignore them until the process has ended, in which the interpreter gives up its handlers."""
    _handle(signal.SIG_IGN)


def _nothing(_signal: int, _frame: FrameType | None) -> None:
    """Stand for ``SIG_IGN``, which a process started later would inherit."""


def _handle(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for each in ENDS:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, handler)
