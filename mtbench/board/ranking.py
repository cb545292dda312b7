"""Ranking: which cells can be told apart on the overall, and what it would take."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from mtbench.evidence.outcomes import OVERALL, CellOutcomes, comparable, difference
from mtbench.evidence.statistics import Interval, rank_ranges

Differences = Sequence[Sequence[Interval | None]]
"""Of k cells on the overall, k rows of k; what is not above the diagonal is None."""


def peers(cells: Sequence[CellOutcomes | None]) -> list[int]:
    """Return the places of the most cells that can be held against each other on the overall.

    Two can where they have the same tasks, scored with the same metrics on the same examples. Of
    several sets of equally many cells it is the one whose first cell comes first.

    Args:
        cells: in the order of the table; None for one that takes no part.
    """
    sets: list[list[tuple[int, CellOutcomes]]] = []
    for place, cell in enumerate(cells):
        if cell is None or cell.samples(OVERALL) is None:
            continue
        for members in sets:
            if comparable(members[0][1], cell):
                members.append((place, cell))
                break
        else:
            sets.append([(place, cell)])
    return [place for place, _ in max(sets, key=len, default=[])]


def pairwise(cells: Sequence[CellOutcomes]) -> Differences:
    """Return the interval of each cell minus each later one, on the overall."""
    return [
        [difference(cell, later) if j > i else None for j, later in enumerate(cells)]
        for i, cell in enumerate(cells)
    ]


def ranks(differences: Differences) -> list[tuple[int, int]] | None:
    """Return the best and the worst rank that each of k cells may have.

    Returns:
        None where there is nothing to rank: fewer than two cells, or one seed.
    """
    if min((interval.seeds for interval in _defined(differences)), default=1) < 2:
        return None
    return rank_ranges(differences)


def detectable(differences: Differences) -> float | None:
    """Return the minimum detectable difference of a typical pair: the median over the pairs.

    Returns:
        None where no pair has at least two seeds and an error above 0, which two cells that
        came to the same have not.
    """
    sizes = [i.detectable() for i in _defined(differences) if i.seeds > 1 and i.error > 0]
    return statistics.median(sizes) if sizes else None


def _defined(differences: Differences) -> Iterator[Interval]:
    return (interval for row in differences for interval in row if interval is not None)
