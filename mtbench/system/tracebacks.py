"""Tracebacks: an error in one line, and where in someone's own code it came from."""

import errno
import os
import re
import sys
from collections.abc import Container
from pathlib import Path
from traceback import format_exception, walk_tb

VARIABLE = "MTBENCH_TRACEBACK"
"""Environment variable that has errors which are told in one line keep their traceback too."""


_REFUSALS = {errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EFBIG, errno.EDQUOT}

MEMORY_HELP = "fewer --jobs, a smaller train.micro_batch_size or more memory help"

_NO_MEMORY = re.compile(
    r"can't allocate memory|Cannot allocate memory|_ALLOC_FAILED"
    r"|failed to map segment from shared object"
    r"|\b(CUDA|HIP|XPU|CUDA error:|HIP error:|MPS backend) out of memory"
)
"""What torch, the libraries below it, safetensors and the loader say where they get no memory."""


def summary(error: BaseException) -> str:
    """Return an error in one line: its kind, and what it says; of want of memory, that first."""
    shortage = _shortage(error)
    cause = shortage or error
    kind, text = type(cause).__name__, " ".join(_text(cause).split())
    said = f"{kind}: {text}" if text else kind
    return f"out of memory ({said})" if shortage else said


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error comes from memory that was not to be had, which is nobody's mistake.

    What says that it was raised from such a one is one, too.
    """
    return _shortage(error) is not None


def _shortage(error: BaseException) -> BaseException | None:
    """Return the innermost allocation that failed among an error and its causes, or None."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__
    return next(filter(_is_shortage, reversed(chain)), None)


def _is_shortage(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or says_no_memory(_text(error))


def says_no_memory(text: str) -> bool:
    """Whether an error's text says that there was no memory."""
    return bool(_NO_MEMORY.search(text))


def is_refusal(error: BaseException) -> bool:
    """Whether the system refused what every program needs: room, open files, another process."""
    return isinstance(error, OSError) and error.errno in _REFUSALS


def _text(error: BaseException) -> str:
    """Return what an error says, in Python's own words where its ``__str__`` fails."""
    try:
        return str(error)
    except BaseException:
        return "<exception str() failed>"


def place(error: BaseException, packages: Container[str]) -> str:
    """Return the innermost line of some packages that an error went through.

    Args:
        packages: names without a dot: top-level packages, or modules outside of any.

    Returns:
        File and line, such as ``my_head.py:12`` or ``mine/heads/tall.py:7``; empty where the
        error went through none of their code.
    """
    innermost = ""
    for frame, line in walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] in packages:
            file = Path(frame.f_code.co_filename)
            depth = module.count(".") + (2 if file.stem == "__init__" else 1)
            innermost = f"{'/'.join(file.parts[-depth:])}:{line}"
    return innermost


def show(error: BaseException) -> None:
    """Write an error's traceback to stderr, where the environment asks for it."""
    if os.environ.get(VARIABLE):
        sys.stderr.write("".join(format_exception(error)))
