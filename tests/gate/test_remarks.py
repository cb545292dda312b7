import numpy as np

from mtbench.evidence.outcomes import CellOutcomes, TaskOutcomes
from mtbench.evidence.statistics import Sample
from mtbench.gate.baseline import Baseline, Measured
from mtbench.gate.remarks import undefined
from mtbench.matrix.gating import Gate


def baseline(count: int, **defined: bool) -> Baseline:
    """Return one of so many equal cells, whose tasks have outcomes or have none."""
    sample = Sample(np.array([0.5, 0.5]), np.array([[0.0, 1.0], [1.0, 0.0]]))
    tasks = {
        name: TaskOutcomes("pearson", "0", sample if has else None)
        for name, has in defined.items()
    }
    cells = {
        f"cell {i}": Measured(CellOutcomes(f"cell {i}", [0, 1], tasks), [], {})
        for i in range(count)
    }
    gate = Gate(metrics=["overall", "sts"])
    return Baseline("a study", "2026-01-02", "cpu", {}, gate, cells)


def test_gated_metrics_that_are_undefined_are_named() -> None:
    assert list(undefined(baseline(1, sts=True, sst=True))) == []
    assert list(undefined(baseline(1, sts=False, sst=True))) == [
        "undefined, so that no check can judge it: overall of cell 0; sts of cell 0"
    ]


def test_many_are_shortened() -> None:
    (told,) = undefined(baseline(2, sts=False))
    assert told.endswith("overall of cell 0; sts of cell 0; overall of cell 1; and 1 more")
