"""Addressed comparisons: what two addresses name, held against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mtbench.comparison.comparison import Comparisons, compare_sides
from mtbench.comparison.reader import Reader
from mtbench.errors import MtbenchError
from mtbench.store import Store
from mtbench.study.setup import Setup


@dataclass(frozen=True)
class Addressed:
    """What came of a comparison of two addresses.

    Attributes:
        comparisons: of what both sides have.
        problems: what kept cells out, a broken plugin or missing runs: one of each side at most.
    """

    comparisons: Comparisons
    problems: Sequence[MtbenchError]

    @property
    def remarks(self) -> list[str]:
        """What a reader must know of the choice of the runs."""
        sides = [side for pair in self.comparisons.pairs for side in (pair.a, pair.b)]
        return list(dict.fromkeys(side.remark for side in sides if side.remark))

    def check(self) -> None:
        """Make sure that all could be compared, and something was.

        Raises:
            MtbenchError: the first of the problems.
            NothingToCompare: if there is no interval of any difference.
        """
        for problem in self.problems:
            raise problem
        self.comparisons.check_compared()


def compare_addresses(
    setup: Setup, a: str, b: str, store_b: Store | None = None, *, examples: int = 0
) -> Addressed:
    """Compare what two addresses name.

    Args:
        setup: as for ``Reader``; its data folder is where the sentences of examples are.
        a, b, store_b: as for ``Reader.both``.
        examples: as for ``comparison.compare_sides``.

    Raises:
        UsageError: if there is no such thing.
        PluginError: if a plugin broke the one cell that is asked for.
        NothingToCompare: if nothing of a side is stored, or the sides have nothing in common.
    """
    sides = Reader(setup).both(a, b, store_b)
    comparisons = compare_sides(*sides, examples=examples, data_dir=setup.data)
    return Addressed(comparisons, [side.problem for side in sides if side.problem is not None])
