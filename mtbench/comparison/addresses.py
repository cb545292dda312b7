"""Addresses: what runs are called in a command: a run, a cell, a matrix, a store."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mtbench.errors import SHOWN, UsageError, unknown
from mtbench.matrix.locations import MATRIX
from mtbench.store import REQUEST, Store

BETWEEN = "::"
"""Parts a place from the cell in it, as in the node ids of pytest."""

SEED = re.compile(r"(.*?)\s*\[seed (\S+)\]")
"""A cell and one of its seeds, as runs are called where they are shown."""


@dataclass(frozen=True)
class Address:
    """An address, taken apart.

    Attributes:
        kind: what stands before the ``::``; ``"key"`` is the start of a run's key.
        path: of that, unless it is a key.
        cell: what stands behind the ``::``; None where there is none.
    """

    text: str
    kind: Literal["key", "run", "store", "matrix"]
    path: Path = Path()
    cell: str | None = None

    @property
    def is_run(self) -> bool:
        return self.kind in ("key", "run")

    @property
    def is_whole(self) -> bool:
        """Whether it is all cells of a matrix or a store."""
        return not self.is_run and self.cell is None


def read_address(text: str) -> Address:
    """Take an address apart: see ``Reader.side`` for what it may be.

    Raises:
        UsageError: if it leads nowhere.
    """
    place, between, rest = text.partition(BETWEEN)
    path, cell = Path(place), rest if between else None
    is_key = cell is None and (place.isalnum() or not place)
    # Not ``path.exists()``, which raises for a name that is too long.
    if not os.path.exists(path):  # noqa: PTH110
        if path.suffix == ".toml":
            return Address(text, "matrix", path, cell)  # whose reader says that it is not there
        if not is_key:
            hint = f"; a cell is MATRIX{BETWEEN}CELL" if cell is None else ""
            raise UsageError(f"{place}: there is no such file or folder{hint}")
    elif place or between:
        if not path.is_dir() or (path / MATRIX).is_file():
            return Address(text, "matrix", path, cell)
        if (path / "runs").is_dir():
            return Address(text, "store", path, cell)
        folder = Path(os.path.realpath(path))
        if cell is None and ((path / REQUEST).is_file() or folder.parent.name == "runs"):
            return Address(text, "run", folder)
        if not is_key:
            raise UsageError(f"{path}: the folder holds no {MATRIX}, and no runs/ of a store")
    return Address(text, "key")


def pick(text: str, names: Collection[str], *, where: str) -> tuple[str, str]:
    """Return the cell that a text is the name of, or a part of it, and a seed behind it if any.

    A part, or several of its words in any order, is taken where it fits one cell alone.

    Raises:
        UsageError: if it fits none, or several.
    """
    if text in names:
        return text, ""
    seeded = SEED.fullmatch(text)
    name, seed = seeded.groups() if seeded else (text, "")
    if name in names:
        return name, seed
    asked, words = name.lower(), re.findall(r"[^\s,]+", name.lower())
    fits = [cell for cell in names if words and asked in cell.lower()] or [
        cell for cell in names if words and all(word in cell.lower() for word in words)
    ]
    if not fits:
        raise unknown("cell", name, names, where=where)
    if len(fits) > 1:
        shown = "; ".join(fits[:SHOWN]) + ("; ..." if len(fits) > SHOWN else "")
        raise UsageError(f"{name!r} fits {len(fits)} cells of {where}: {shown}")
    return fits[0], seed


def pick_planned(
    text: str,
    names: Collection[str],
    stored: Callable[[Store], Collection[str]],
    store: Store,
    *,
    where: str,
) -> tuple[str, str]:
    """Return a cell of a matrix and a seed, as ``pick`` does.

    One that options made, such as ``--axis``, is in the store alone; the error tells it.

    Args:
        stored: gives the names of a store's cells.
    """
    try:
        return pick(text, names, where=where)
    except UsageError as error:
        try:
            name, _ = pick(text, stored(store), where=str(store.root))
        except UsageError:
            raise error from None
        place = f"{store.root}{BETWEEN}{name}"
        raise UsageError(f"{error}; trained with other options, it is {place!r}") from None
