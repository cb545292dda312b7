"""Attribution: which component of a cell an error came out of, or is about."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from traceback import walk_tb
from types import FrameType
from typing import Any

from mtbench.components.entries import Entry, accusation, label, packages, targets
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
        found = behind(error, entries)
        if not found:
            raise
        raise PluginError(accusation(error, *found)) from error


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
    if isinstance(error, AttributeError):  # a method that the harness looked for, and is not there
        lacking = _made_by(type(error.obj), candidates)
        if lacking:
            return lacking
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    # What a function made may be of a class that no spec names, of another module.
    return _first(frames, candidates, _running) or _first(frames, candidates, _neighbours)


def _first(
    frames: list[FrameType],
    entries: list[Entry],
    found_in: Callable[[FrameType, list[Entry]], list[Entry]],
) -> list[Entry]:
    """Return the entry that the first frame to tell one apart belongs to.

    From the harness inwards: a component that is called by another one is that one's affair.
    """
    suspects: list[Entry] = []
    for frame in frames:
        found = found_in(frame, entries)
        if len(found) == 1:
            return found
        suspects = suspects or found
    return suspects


def _running(frame: FrameType, entries: list[Entry]) -> list[Entry]:
    """Return the entries whose code a frame runs: a class's, inherited too, or a module's."""
    code = frame.f_code
    subject = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
    acting = [
        entry
        for entry in entries
        for target in map(_loaded, targets(entry.spec))
        if target is not None
        and (type(subject) is target or subject is target or code is _code_of(target))
    ]
    if acting:
        return acting
    module = frame.f_globals.get("__name__")
    return [entry for entry in entries if module in map(_module, targets(entry.spec))]


def _neighbours(frame: FrameType, entries: list[Entry]) -> list[Entry]:
    """Return the entries of the package whose code a frame runs, the harness left out."""
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    if package in SHARED:
        return []
    return [entry for entry in entries if package in packages(entry)]


def _made_by(kind: type, entries: list[Entry]) -> list[Entry]:
    """Return the entries that name a class."""
    return [e for e in entries if any(_loaded(target) is kind for target in targets(e.spec))]


def _loaded(target: Any) -> Any:
    """Return what a target names if it has been imported, else None."""
    if not isinstance(target, str):
        return target
    module, _, name = target.partition(":")
    return getattr(sys.modules.get(module), name, None)


def _code_of(function: Any) -> Any:
    return getattr(function, "__code__", None)


def _module(target: Any) -> str | None:
    if isinstance(target, str):
        return target.partition(":")[0]
    return getattr(target, "__module__", None)
