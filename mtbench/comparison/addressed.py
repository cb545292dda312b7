"""Addressed comparisons: what two addresses name, held against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtbench.comparison.reader import Reader
from mtbench.comparison.record import Comparisons, compare_sides
from mtbench.comparison.subjects import Side
from mtbench.errors import MtbenchError, NothingToCompare
from mtbench.store import Store


@dataclass(frozen=True)
class Addressed:
    """What came of a comparison of two addresses.

    Attributes:
        comparisons: of what both sides have.
        problems: what kept cells out, a broken plugin or missing runs: one of each side at most.
    """

    comparisons: Comparisons
    problems: Sequence[MtbenchError]


def compare_addresses(
    reader: Reader,
    a: str,
    b: str,
    store: Store,
    store_b: Store | None = None,
    *,
    examples: int = 0,
    data_dir: Path | None = None,
) -> Addressed:
    """Compare what two addresses name.

    Args:
        reader: finds it.
        a, b, store, store_b: as for ``Reader.both``.
        examples, data_dir: as for ``record.compare_sides``.

    Raises:
        UsageError: if there is no such thing.
        PluginError: if a plugin broke the one cell that is asked for.
        NothingToCompare: if nothing of a side is stored, or the sides have nothing in common.
    """
    sides = reader.both(a, b, store, store_b)
    for side in sides:
        _check_cells(side)
    found = compare_sides(*sides, examples=examples, data_dir=data_dir)
    return Addressed(found, [side.problem for side in sides if side.problem is not None])


def _check_cells(side: Side) -> None:
    """Make sure that something of a side is stored.

    Raises:
        NothingToCompare: if nothing is.
    """
    if not side.cells:
        told = "; ".join(f"{name}: {reason}" for name, reason in [*side.absent.items()][:3])
        raise NothingToCompare(
            f"nothing of {side.title} is stored" + (f" ({told})" if told else "")
        )
