"""Spellings: the two ways in which TOML writes a key below a table, as one."""

from collections.abc import Iterator
from typing import Any

from mtbench.matrix.configuration import SLOTS


def dotted(table: Any) -> Any:
    """Flatten ``{heads: {sts: ...}}`` to ``{"heads.sts": ...}``: TOML takes both spellings.

    A table below a component is a value and stays whole, but for tables in one without a
    ``name``: ``combiner.weights.sst = 1`` is one leaf of a parameter, however it is spelt. Where
    a key in them has a dot of its own, no dotted key can name the leaf, and they stay whole.
    """
    if not isinstance(table, dict):
        return table
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if key in ("heads", "train", "data") and isinstance(value, dict):
            flat |= {f"{key}.{inner}": item for inner, item in value.items()}
        else:
            flat[key] = value
    return {path: leaf for key, value in flat.items() for path, leaf in _parted(key, value)}


def fully_dotted(table: Any) -> Any:
    """Flatten the tables of ``[axes]`` whole: an axis is a list, so each of them is a key."""
    if not isinstance(table, dict):
        return table
    leaves = (leaf for key, value in table.items() for leaf in _leaves(key, value))
    return {key: value for key, value in leaves if value != {}}


def _parted(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a key is set to: of a component's parameters that are tables, leaf by leaf."""
    root, _, task = key.partition(".")
    is_component = key in SLOTS or (root == "heads" and "." not in task)
    if not is_component or not isinstance(value, dict) or "name" in value:
        yield key, value
        return
    whole = {name: item for name, item in value.items() if not _has_plain_keys(item)}
    if whole or not value:
        yield key, whole
    for name, item in value.items():
        if name not in whole:
            yield from _leaves(f"{key}.{name}", item)


def _has_plain_keys(value: Any) -> bool:
    """Whether a value is a table whose keys, at any depth, a dotted key can name."""
    return isinstance(value, dict) and all(
        "." not in name and (not isinstance(item, dict) or _has_plain_keys(item))
        for name, item in value.items()
    )


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the keys below a table with their values; an empty table is one."""
    if not isinstance(value, dict) or not value:
        yield key, value
        return
    for name, item in value.items():
        yield from _leaves(f"{key}.{name}", item)
