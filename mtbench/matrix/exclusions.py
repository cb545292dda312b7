"""Exclusions: the cells of a design that a study leaves out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mtbench.errors import UsageError, unknown
from mtbench.matrix.configuration import Config
from mtbench.matrix.designs import Axes, NamedCell, grid, short
from mtbench.matrix.overrides import other_budget

WHERE = "[[exclude]]"

Exclusion = Mapping[str, Any]
"""Dotted keys to values; a cell is left out where all of them hold."""


def holds(exclusion: Exclusion, cell: NamedCell) -> bool:
    """Whether all that an exclusion says holds in a cell.

    The value of an axis is meant as the axis writes it. Any other key is looked up in the
    configuration as it is written; there a component's name holds whatever its parameters, and
    a table where each of its keys does.
    """
    return all(_has(cell, key, value) for key, value in exclusion.items())


def deciding(exclusion: Exclusion, base: Config, axes: Axes) -> list[NamedCell]:
    """Return cells of a grid among which an exclusion fits one if it fits any cell of the grid.

    There are as many as the values of the axes that can decide it: of an axis that the exclusion
    names those that it means, of the others those whose settings reach what it names.
    """
    meant = {
        key: [value for value in axes[key] if short(value) == short(exclusion[key])]
        for key in exclusion.keys() & axes.keys()
    }
    mistaken = next((key for key in exclusion if key in meant and not meant[key]), None)
    settings = [
        part for key in exclusion.keys() - axes.keys() for part in _looked_at(key, exclusion[key])
    ]
    chosen = {
        key: values
        if key == mistaken or any(_reaches(key, setting) for setting in settings)
        else meant.get(key) or values[:1]
        for key, values in axes.items()
    }
    return list(grid(base, chosen))


def _looked_at(key: str, value: Any) -> list[str]:
    """Return the keys that are looked at where an exclusion has this one; see ``holds``."""
    if isinstance(value, dict):
        return [f"{key}.{name}" for name in value]
    return [f"{key}.name"] if isinstance(value, str) else [key]


def _reaches(axis: str, key: str) -> bool:
    """Whether the values of an axis may change what another key leads to."""
    return any(
        f"{key}.".startswith(f"{changed}.") or f"{changed}.".startswith(f"{key}.")
        for changed in filter(None, (axis, other_budget(axis)))
    )


def check(exclusions: Sequence[Exclusion], cells: Sequence[NamedCell]) -> None:
    """Make sure that each exclusion leaves out a cell.

    Raises:
        UsageError: naming the nearest key or value that there is.
    """
    for exclusion in exclusions:
        if any(holds(exclusion, cell) for cell in cells):
            continue
        for key, value in exclusion.items():
            if not any(_has(cell, key, value) for cell in cells):
                raise _mistaken(key, value, cells)
        pairs = ", ".join(f"{key}={short(value)}" for key, value in exclusion.items())
        raise UsageError(f"{WHERE} {pairs}: no cell of the design has all of these")


def _mistaken(key: str, value: Any, cells: Sequence[NamedCell]) -> UsageError:
    keys = {name for cell in cells for name in (*cell.levels, *_keys(cell.config))}
    if key not in keys:
        return unknown("key", key, keys, where=WHERE)
    values = {
        cell.levels[key] if key in cell.levels else short(_value(cell.config, key))
        for cell in cells
    }
    return unknown("value", short(value), values, where=f"{WHERE} {key}")


def _has(cell: NamedCell, key: str, value: Any) -> bool:
    if key in cell.levels:
        return cell.levels[key] == short(value)
    setting = _value(cell.config, key)
    if isinstance(setting, dict) and isinstance(value, str):
        return setting.get("name") == value
    if isinstance(setting, dict) and isinstance(value, dict):
        return all(_equal(setting.get(name), item) for name, item in value.items())
    return _equal(setting, value)


def _equal(setting: Any, value: Any) -> bool:
    """Whether two values are the same; Python takes true for 1."""
    return isinstance(setting, bool) == isinstance(value, bool) and bool(setting == value)


def _value(config: Config, key: str) -> Any:
    """Return what a dotted key leads to, or None; a key on the way may have dots of its own."""
    value: Any = config
    parts = key.split(".")
    while parts:
        if not isinstance(value, dict):
            return None
        rest = ".".join(parts)
        if rest in value:
            return value[rest]
        value, parts = value.get(parts[0]), parts[1:]
    return value


def _keys(table: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, value in table.items():
        yield f"{above}{name}"
        if isinstance(value, dict):
            yield from _keys(value, f"{above}{name}.")
