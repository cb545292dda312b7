"""References: what each cell of a plan is compared with, and the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mtbench.evidence.outcomes import CellOutcomes, difference
from mtbench.evidence.statistics import Interval, holm
from mtbench.study.plan import Plan


@dataclass(frozen=True)
class Difference:
    """How far a cell is from the one that it is compared with, on the overall.

    Attributes:
        against: name of the other cell.
        interval: of this cell minus the other, over the seeds that both have; None where nothing
            can be said.
        p: two-sided p value of "they are equal", adjusted by Holm's procedure over all
            differences of the table; None where there is no interval, or one seed.
    """

    against: str
    interval: Interval | None
    p: float | None


def differences(plan: Plan, cells: Sequence[CellOutcomes | None]) -> list[Difference | None]:
    """Return each cell's difference to the one that it is compared with.

    Args:
        cells: what the plan's cells made of dev, in its order; None for nothing.

    Returns:
        None for a cell that is compared with none, or with one that is not in the plan.
    """
    places = {cell.name: place for place, cell in reversed([*enumerate(plan.cells)])}
    found: list[Difference | None] = []
    for planned, cell in zip(plan.cells, cells, strict=True):
        other = places.get(planned.named.against)
        if other is None:
            found.append(None)
            continue
        reference = cells[other]
        apart = difference(cell, reference) if cell and reference else None
        found.append(Difference(planned.named.against, apart, None))
    return _adjusted(found)


def _adjusted(found: Sequence[Difference | None]) -> list[Difference | None]:
    """Give the differences their p values, one family."""
    adjusted = list(found)
    tested = [
        (place, one, one.interval.p)
        for place, one in enumerate(found)
        if one is not None and one.interval is not None and one.interval.seeds > 1
    ]
    values = holm([p for _, _, p in tested])
    for (place, one, _), p in zip(tested, values, strict=True):
        adjusted[place] = replace(one, p=p)
    return adjusted
