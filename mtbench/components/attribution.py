"""Attribution: which component of a cell an error came out of, or is about."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from traceback import walk_tb
from types import FrameType

from mtbench.components.entries import Entry, accusation, label, packages, targets
from mtbench.components.modules import top
from mtbench.errors import MtbenchError, PluginError
from mtbench.system.tracebacks import is_out_of_memory

SHARED = {"mtbench", "torch", "pydantic", *sys.stdlib_module_names}
"""Top-level packages whose code says nothing of who called it."""


@contextmanager
def naming(entries: Mapping[str, Entry]) -> Iterator[None]:
    """Have an error that a component is behind name it, with its own file and line.

    Nothing is caught where a step is taken; once the error has come this far, its traceback tells
    which component the harness had called. What no component is behind passes as it is, and so
    does an error that one clear line explains already, such as a mistake of the user's. Nobody is
    behind an allocation that failed: whoever asked last is no more to blame than the others.

    Args:
        entries: who brings each part of the cell: ``"encoder"``, ``"heads.sts"``, ...

    Raises:
        PluginError: in place of the error, which is the chained one.
    """
    try:
        yield
    except BaseException as error:  # a component's own kinds, and its exit, too
        components = behind(error, entries)
        if not components:
            raise
        raise PluginError(accusation(error, *components)) from error


def behind(error: BaseException, entries: Mapping[str, Entry]) -> list[Entry]:
    """Return the component that an error came out of, or says itself that it is about (``part``).

    There are several only where their code lies in one module and nothing tells them apart.
    """
    if isinstance(error, KeyboardInterrupt) or is_out_of_memory(error):
        return []
    part = getattr(error, "part", "")
    if isinstance(part, str) and part in entries:
        return [entries[part]]
    if isinstance(error, MtbenchError) and getattr(error, "settled", True):
        return []
    if isinstance(error.__cause__, StopIteration):  # which Python renames in a generator of ours
        return behind(error.__cause__, entries)
    candidates = list({label(entry): entry for entry in entries.values()}.values())
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    # From the harness inwards: a component that is called by another one is that one's affair.
    running = [name for frame in frames for name in _running(frame)]
    if isinstance(error, AttributeError):  # a method that the harness looked for, and is not there
        running.insert(0, _address(type(error.obj)))
    # What a function made may be of a class that no spec names, of another module.
    running += [package for frame in frames if (package := top(_module(frame))) not in SHARED]
    suspects = [[entry for entry in candidates if name in _names(entry)] for name in running]
    return next((alone for alone in suspects if len(alone) == 1), next(filter(None, suspects), []))


def _running(frame: FrameType) -> Iterator[str]:
    """Yield what a frame runs code of: a class, of an object of it, or a function; the module."""
    code = frame.f_code
    if code.co_argcount:
        subject = frame.f_locals.get(code.co_varnames[0])
        yield _address(subject if isinstance(subject, type) else type(subject))
    yield f"{_module(frame)}:{code.co_qualname.partition('.')[0]}"
    yield _module(frame)


def _names(entry: Entry) -> set[str]:
    """Return what a component's code is called: classes and functions, their modules, packages."""
    addresses = [t if isinstance(t, str) else _address(t) for t in targets(entry.spec)]
    return {*addresses, *(each.partition(":")[0] for each in addresses), *packages(entry)}


def _address(target: object) -> str:
    return f"{getattr(target, '__module__', '')}:{getattr(target, '__qualname__', '')}"


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))
