"""Tracebacks: an error in one line, and where in someone's own code it came from."""

import os
import sys
from collections.abc import Container
from pathlib import Path
from traceback import format_exception, walk_tb

VARIABLE = "MTBENCH_TRACEBACK"
"""Environment variable that has errors which are told in one line keep their traceback too."""


def summary(error: BaseException) -> str:
    """Return an error in one line: its kind, and what it says."""
    kind, text = type(error).__name__, " ".join(str(error).split())
    return f"{kind}: {text}" if text else kind


def place(error: BaseException, packages: Container[str]) -> str:
    """Return the innermost line of some packages that an error went through.

    Args:
        packages: names without a dot: top-level packages, or modules outside of any.

    Returns:
        File and line, such as ``my_head.py:12`` or ``mine/heads/tall.py:7``; empty where the
        error went through none of their code.
    """
    found = ""
    for frame, line in walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] in packages:
            file = Path(frame.f_code.co_filename)
            depth = module.count(".") + (2 if file.stem == "__init__" else 1)
            found = f"{'/'.join(file.parts[-depth:])}:{line}"
    return found


def show(error: BaseException) -> None:
    """Write an error's traceback to stderr, where the environment asks for it."""
    if os.environ.get(VARIABLE):
        sys.stderr.write("".join(format_exception(error)))
