"""References: what each cell of a plan is compared with, and the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mtbench.evidence.outcomes import CellOutcomes, difference
from mtbench.evidence.statistics import Interval, holm_over_seeds
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
    against = [planned.named.against for planned in plan.cells]
    by_name = dict(zip((planned.name for planned in plan.cells), cells, strict=True))
    intervals = [
        difference(cell, reference) if cell and (reference := by_name.get(name)) else None
        for name, cell in zip(against, cells, strict=True)
    ]
    return [
        Difference(name, interval, p) if name in by_name else None
        for name, interval, p in zip(against, intervals, holm_over_seeds(intervals), strict=True)
    ]
