import pytest

from mtbench.api import Cell, Component
from mtbench.registry import Registry
from mtbench_builtins.combiners.refusals import always_one, frozen_encoder


def cell(**parts):
    others = {"encoder": "tiny", "balancer": "cycle", "combiner": "pcgrad"}
    components = {part: Component(name) for part, name in others.items()}
    return Cell(tasks={}, heads={}, train={}, **(components | parts))


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"mode": "frozen"}, "a frozen encoder has no shared parameters to combine"),
        ({"mode": "finetune"}, None),
        ({}, None),
    ],
)
def test_frozen_encoder(parameters, reason):
    assert frozen_encoder(cell(encoder=Component("minbert", parameters))) == reason


@pytest.mark.parametrize(
    ("parameters", "refused"), [({}, False), ({"group": 2}, False), ({"group": 1}, True)]
)
def test_weights_that_would_always_be_one(parameters, refused):
    reason = always_one(cell(balancer=Component("uniform", parameters)))
    why = "a step has one task, whose weight would always be 1: group = 2 or more"
    assert reason == (why if refused else None)


@pytest.mark.parametrize("name", ["dwa", "rlw", "famo", "sum", "uncertainty"])
def test_which_combiners_of_losses_need_several_tasks(name):
    spec = Registry.load().find("combiner", name).spec
    assert (spec.rejects is always_one) == (name in ("dwa", "rlw", "famo"))
