import pytest

from mtbench.api import Cell, Component
from mtbench_builtins.combiners.refusals import frozen_encoder


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"mode": "frozen"}, "a frozen encoder has no shared parameters to combine"),
        ({"mode": "finetune"}, None),
        ({}, None),
    ],
)
def test_frozen_encoder(parameters, reason):
    cell = Cell(
        tasks={},
        encoder=Component("minbert", parameters),
        heads={},
        balancer=Component("cycle"),
        combiner=Component("pcgrad"),
        train={},
    )
    assert frozen_encoder(cell) == reason
