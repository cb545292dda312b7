"""Addressed comparisons: what two addresses name, held against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtbench.comparison.comparison import Comparisons, compare_sides
from mtbench.comparison.reader import Reader
from mtbench.errors import MtbenchError
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
        examples, data_dir: as for ``comparison.compare_sides``.

    Raises:
        UsageError: if there is no such thing.
        PluginError: if a plugin broke the one cell that is asked for.
        NothingToCompare: if nothing of a side is stored, or the sides have nothing in common.
    """
    sides = reader.both(a, b, store, store_b)
    comparisons = compare_sides(*sides, examples=examples, data_dir=data_dir)
    return Addressed(comparisons, [side.problem for side in sides if side.problem is not None])
