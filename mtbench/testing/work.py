"""Work: what a function does, counted in lines and numbers instead of seconds."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

BITS = torch.finfo(torch.float64).bits


class TooMuch(RuntimeError):
    """More work was done than was allowed; the function was stopped."""


def work_of(function: Callable[[], object], package: str, *, at_most: int) -> int:
    """Call a function and return how much it did.

    That is the lines of Python it ran in its own package, the calls of Python functions
    elsewhere, and the numbers in the results of torch's operations: the same on any machine,
    however busy. What a library does in C is counted by the numbers it returns to torch, or not.

    Args:
        package: the first part of its modules' names.
        at_most: after which the function is stopped.

    Raises:
        TooMuch: if it did more.
    """
    count = 0

    def note(more: int) -> None:
        nonlocal count
        count += more
        if count > at_most:
            raise TooMuch

    def trace(frame: FrameType, _: str, __: Any) -> Any:
        note(1)
        own = str(frame.f_globals.get("__name__", "")).partition(".")[0] == package
        return trace if own else None

    before, collecting = sys.gettrace(), gc.isenabled()
    gc.disable()  # a collection in between would run functions of anybody's
    with _Watch(lambda result, _: note(_numbers(result))):
        sys.settrace(trace)
        try:
            function()
        finally:
            sys.settrace(before)
            if collecting:
                gc.enable()
    return count


def rounded_in(function: Callable[[], object]) -> list[str]:
    """Call a function and return the torch operations that made less of float64 numbers."""
    found: list[str] = []

    def look(result: Any, given: tuple[str, Any]) -> None:
        name, arguments = given
        if _has(arguments, lambda bits: bits == BITS) and _has(result, lambda bits: bits < BITS):
            found.append(name)

    with _Watch(look):
        function()
    return found


class _Watch(TorchDispatchMode):
    """Tells of every operation of torch: its result, its name and arguments."""

    def __init__(self, tell: Callable[[Any, tuple[str, Any]], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._tell = tell

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self._tell(result, (func.overloadpacket.__name__, (args, kwargs)))
        return result


def _numbers(result: Any) -> int:
    return sum(leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, Tensor))


def _has(values: Any, width: Callable[[int], bool]) -> bool:
    """Whether there is a tensor of floating-point numbers of such a width among values."""
    tensors = [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
    return any(t.is_floating_point() and width(torch.finfo(t.dtype).bits) for t in tensors)
