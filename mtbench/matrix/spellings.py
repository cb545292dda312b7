"""Spellings: the two ways in which TOML writes a key below a table, as one."""

from typing import Any


def dotted(table: Any) -> Any:
    """Flatten ``{heads: {sts: ...}}`` to ``{"heads.sts": ...}``: TOML takes both spellings.

    A table below a component, with a ``name`` or not, is a value and stays whole.
    """
    if not isinstance(table, dict):
        return table
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if key in ("heads", "train", "data") and isinstance(value, dict):
            flat |= {f"{key}.{inner}": item for inner, item in value.items()}
        else:
            flat[key] = value
    return flat


def fully_dotted(table: Any) -> Any:
    """Flatten the tables of ``[axes]`` whole: an axis is a list, so each of them is a key."""
    if not isinstance(table, dict):
        return table
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{inner}": item for inner, item in fully_dotted(value).items()}
        else:
            flat[key] = value
    return flat
