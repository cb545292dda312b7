"""Values: what a script gives, as plain Python, or the line that says why it does not fit."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any

from mtbench.errors import UsageError
from mtbench.system.bounds import LARGEST, check_path, check_value


def plain(value: Any) -> Any:
    """Return a value with what NumPy made in it as Python has it, so that both are written alike.

    Containers are entered: dicts, lists and tuples; an array is a list.

    Raises:
        UsageError: if it is out of bounds; see ``bounds.check_value``.
    """
    check_value(value)
    return _plain(value)


def _plain(value: Any) -> Any:
    numpy = sys.modules.get("numpy")  # what is not imported has made nothing
    if numpy is not None and isinstance(value, numpy.generic | numpy.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {_plain_key(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _plain_key(key: Any) -> Any:
    return key if isinstance(key, tuple) else _plain(key)  # a list could be none


def count(name: str, given: Any) -> int:
    """Return a number of seeds, of runs.

    Raises:
        UsageError: if it is none.
    """
    if (
        isinstance(given, bool)
        or not isinstance(given, Integral)
        or not 1 <= int(given) <= LARGEST
    ):
        raise _unfit(name, "a number from 1", given)
    return int(given)


def by_key(name: str, given: Any, example: str) -> dict[str, Any]:
    """Return what is given to an argument that takes dotted keys to something; None is nothing.

    Args:
        example: of what it takes, as a script writes it.

    Raises:
        UsageError: if it is no mapping, or a key is no text.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise _unfit(name, f"a dict such as {example}", given)
    return dict(given)


def axis(key: str, given: Any) -> list[Any]:
    """Return the values of an axis.

    Raises:
        UsageError: if it is no list of them, or an empty one.
    """
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise _unfit(f"axes: {key}", "a list of values", given)
    values: list[Any] = plain(list(given))
    if not values:
        raise UsageError(f"axes: {key}: expected at least one value (given: none)")
    return values


def text(name: str, given: Any) -> str:
    """Return a text.

    Raises:
        UsageError: if it is none.
    """
    if not isinstance(given, str):
        raise _unfit(name, "a text", given)
    return given


def path(name: str, given: Any) -> Path:
    """Return the path of a file or a folder.

    Raises:
        UsageError: if it is none.
    """
    if not isinstance(given, str | Path):
        raise _unfit(name, "a path", given)
    return check_path(Path(given))


def paths(name: str, given: Any) -> list[Path]:
    """Return one path or several, as a list.

    Raises:
        UsageError: if something in it is none.
    """
    return [path(name, one) for one in _several(given, str | Path)]


def texts(name: str, given: Any) -> list[str]:
    """Return one text or several, as a list.

    Raises:
        UsageError: if something in it is none.
    """
    return [text(name, one) for one in _several(given, str)]


def _several(given: Any, kind: Any) -> Iterable[Any]:
    return [given] if isinstance(given, kind) or not isinstance(given, Iterable) else given


def _unfit(name: str, expected: str, given: Any) -> UsageError:
    """Say what was given to an argument, unless it is out of bounds, and so cannot be told."""
    try:
        check_value(given)
    except UsageError as error:
        return UsageError(f"{name}: {error}")
    told = " ".join(repr(given).split())  # an array has several lines
    return UsageError(f"{name}: expected {expected} (given: {told})")
