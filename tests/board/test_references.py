from collections.abc import Sequence

import numpy as np
import pytest

from mtbench.board.references import differences, referred
from mtbench.errors import UsageError
from mtbench.evidence.outcomes import CellOutcomes, TaskOutcomes
from mtbench.evidence.statistics import Sample
from mtbench.planning import Plan, PlannedCell


def plan(**against: str) -> Plan:
    """Return a plan of cells, each with what it is compared with."""
    cells = [
        PlannedCell(name, "", {}, {}, {}, [], None, None, {}, {}, against=other)
        for name, other in against.items()
    ]
    return Plan("a study", [0, 1], cells)


def cell(*rows: Sequence[float], name: str = "") -> CellOutcomes:
    outcomes = np.array(rows)
    sample = Sample(outcomes.mean(axis=1), outcomes)
    return CellOutcomes(name, list(range(len(rows))), {"a": TaskOutcomes("m", "dev", sample)})


def against(found: Plan) -> dict[str, str]:
    return {cell.name: cell.against for cell in found.cells}


def test_a_reference_of_the_command_line_wins() -> None:
    ladder = plan(one="", two="one", three="two")

    assert against(referred(ladder, "two")) == {"one": "two", "two": "", "three": "two"}
    assert referred(ladder, None) is ladder


def test_a_reference_that_is_no_cell_is_told() -> None:
    with pytest.raises(UsageError, match=r"cell 'thre' in --reference; did you mean 'three'\?"):
        referred(plan(one="", three=""), "thre")


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
