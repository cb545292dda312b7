from collections.abc import Sequence

import numpy as np
import pytest

from mtbench.board.references import differences
from mtbench.evidence.outcomes import CellOutcomes, TaskOutcomes
from mtbench.evidence.statistics import Sample
from mtbench.matrix.designs import NamedCell
from mtbench.study.plan import Plan, PlannedCell


def plan(**against: str) -> Plan:
    """Return a plan of cells, each with what it is compared with."""
    cells = [
        PlannedCell(NamedCell(name, {}, against=other), None, [])
        for name, other in against.items()
    ]
    return Plan("a study", [0, 1], cells)


def cell(*rows: Sequence[float], name: str = "") -> CellOutcomes:
    outcomes = np.array(rows)
    sample = Sample(outcomes.mean(axis=1), outcomes)
    return CellOutcomes(name, list(range(len(rows))), {"a": TaskOutcomes("m", "dev", sample)})


def test_differences_are_this_cell_minus_the_other() -> None:
    low, high = cell([0.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0]), cell([1.0] * 4, [1.0] * 4)

    first, second, third = differences(plan(a="", b="a", c="a"), [low, high, low])

    assert first is None
    assert second is not None
    assert third is not None
    assert second.interval is not None
    assert second.interval.estimate == 0.75
    assert (second.against, third.p) == ("a", 1.0)
    # Two tests: Holm doubles the smaller p value.
    assert second.p == pytest.approx(2 * second.interval.p)


def test_what_cannot_be_compared_has_no_interval() -> None:
    gone, missing, single = differences(
        plan(a="gone", b="c", c="a"), [cell([1.0, 0.0, 1.0]), None, cell([0.0, 1.0, 1.0])]
    )

    assert gone is None
    assert missing is not None
    assert (missing.interval, missing.p) == (None, None)
    assert single is not None
    assert single.interval is not None
    assert (single.interval.seeds, single.p) == (1, None)
