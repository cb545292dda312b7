"""The standard streams of the command line, whatever they are connected to."""

import io
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from mtbench.errors import UsageError

Failed = Callable[[OSError], None]
"""Is told that a stream cannot be written."""


@contextmanager
def standard_streams() -> Iterator[None]:
    """Have stdout and stderr take every character, and say what is wrong with stdout.

    A character that the console's encoding lacks is replaced. What cannot be written to stdout,
    where the disk is full, say, raises a ``UsageError``; where nobody reads any more, as behind
    ``| head``, the command goes on to its end, since its files are wanted and its exit code is a
    verdict. What cannot be said on stderr is left unsaid. Descriptors that are closed become
    those of the null device, or the next file that is opened would be stdout to every library and
    every process below.

    Raises:
        UsageError: inside, when a write to stdout fails.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    stdout, stderr = before = sys.stdout, sys.stderr
    if stderr is None:
        stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - the null device
    if stdout is not None:
        sys.stdout = _rewrapped(stdout, "replace", _refuse)
    sys.stderr = _rewrapped(stderr, "backslashreplace", lambda _: None)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def check_stdout() -> None:
    """Make sure that there is a stdout: before hours of training whose table nobody would see.

    Raises:
        UsageError: if it is closed.
    """
    if sys.stdout is None:
        raise UsageError("stdout is closed; where nobody is to read it, send it to /dev/null")


def _refuse(error: OSError) -> None:
    if not isinstance(error, BrokenPipeError):
        raise UsageError(f"cannot write to stdout: {error.strerror}") from None


def _rewrapped(stream: TextIO, errors: str, failed: Failed) -> TextIO:
    """Return a stream to the same place, which calls a function when it cannot be written."""
    if not hasattr(stream, "buffer"):  # a notebook's stream, say, which takes texts and no bytes
        return stream
    stream.flush()
    binary: Any = stream.buffer
    return io.TextIOWrapper(
        io.BufferedWriter(_Place(getattr(binary, "raw", binary), failed)),
        encoding=stream.encoding,
        errors=errors,
        line_buffering=True,
    )


class _Place(io.RawIOBase):
    """Where a stream's bytes go; after the first failure they go nowhere.

    Buffers are written again when they are closed, and would fail again at Python's exit.
    """

    def __init__(self, raw: io.RawIOBase, failed: Failed) -> None:
        self._raw = raw
        self._failed = failed
        self._is_lost = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()

    def write(self, data: Any) -> int:
        if not self._is_lost:
            try:
                while (written := self._raw.write(data)) is None:  # it does not block, and is full
                    select.select([], [self._raw], [])
                return written
            except OSError as error:
                self._is_lost = True
                self._failed(error)
        return len(memoryview(data))
