from dataclasses import replace

import pytest
import torch

from mtbench.api import Cell, Component, TaskInfo
from mtbench.components.registry import Registry
from mtbench.matrix.configuration import overlay
from mtbench.study.resolution import Resolver
from mtbench.testing.checks import Subject
from mtbench.testing.combiner_trials import Player
from mtbench_builtins.combiners import COMBINERS
from mtbench_builtins.combiners.refusals import one_task, one_task_or_frozen

INFO = TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=5)
FROZEN = Component("minbert", {"mode": "frozen"})
CELL = Cell(
    tasks={"sst": INFO, "pd": INFO},
    encoder=Component("tiny"),
    heads={},
    balancer=Component("cycle"),
    combiner=Component("pcgrad"),
    train={},
)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"mode": "frozen"}, "a frozen encoder has no shared parameters to combine"),
        ({"mode": "finetune"}, None),
        ({}, None),
    ],
)
def test_frozen_encoder(parameters, reason):
    cell = replace(CELL, encoder=Component("minbert", parameters))
    assert one_task_or_frozen(cell) == reason
    assert one_task(cell) is None


@pytest.mark.parametrize("rejects", [one_task, one_task_or_frozen])
@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({}, None),
        ({"tasks": {"sst": INFO}}, "the cell has one task"),
        ({"tasks": {"sst": INFO}, "balancer": Component("round-robin")}, "the cell has one task"),
        ({"balancer": Component("round-robin")}, None),
        ({"balancer": Component("uniform", {"group": 2})}, None),
        ({"balancer": Component("uniform", {"group": 1})}, "a step has one task"),
        ({"balancer": Component("single", {"task": "pd"})}, "the balancer trains one task"),
        ({"balancer": Component("a-b/single", {"task": "pd"})}, "the balancer trains one task"),
    ],
)
def test_a_cell_in_which_no_step_has_two_tasks(rejects, parts, reason):
    found = rejects(replace(CELL, **parts))
    assert (found is None) == (reason is None)
    if reason is not None:
        assert found.startswith(f"{reason}, of which the combiner would make what sum does")
        assert found.endswith(": group = 2 or more") == ("group" in str(parts))


def steps_of_one_task(spec, **parameters):
    """Return the updates that a combiner makes of five steps with one task."""
    player = Player(Subject.of(entry(spec.name), **parameters))
    made = []
    for step in range(5):
        loss = 0.3 + step
        made.append(player.update([[1.5, -2.0, 0.25 * step]], losses=[loss], after=[loss / 2]))
    return torch.stack(made)


def entry(name):
    return Registry.load().find("combiner", name)


OTHERWISE = {
    "gradvac": {"beta": 0.5},
    "cagrad": {"c": 2.0},
    "graddrop": {"leak": 0.5},
    "dwa": {"window": 1},
    "famo": {"lr": 1.0},
    "uncertainty": {"lr": 1.0},
}


@pytest.mark.parametrize("parameters", [{}, OTHERWISE], ids=["defaults", "otherwise"])
@pytest.mark.parametrize("spec", COMBINERS, ids=lambda spec: spec.name)
def test_what_is_refused_is_what_one_task_makes_the_sum(spec, parameters):
    gradients = torch.tensor([[1.5, -2.0, 0.25 * step] for step in range(5)]).double()
    updates = steps_of_one_task(spec, **parameters.get(spec.name, {}))
    same = torch.allclose(updates, gradients, rtol=1e-12, atol=0)
    assert same == (spec.rejects in (one_task, one_task_or_frozen) or spec.name == "sum")
    assert same == (spec.name != "uncertainty")  # which learns its one weight


@pytest.mark.parametrize("spec", COMBINERS, ids=lambda spec: spec.name)
def test_combiners_of_gradients_refuse_a_frozen_encoder(spec):
    refuses = spec.rejects is not None and spec.rejects(replace(CELL, encoder=FROZEN)) is not None
    assert refuses == (spec.needs != "losses")


@pytest.mark.parametrize("combiner", ["pcgrad", "rlw", "uncertainty", "sum"])
@pytest.mark.parametrize(
    "changes",
    [
        {"tasks": ["sst"]},
        {"tasks": ["sst", "pd"], "balancer": {"name": "single", "task": "sst"}},
        {"tasks": ["sst"], "balancer": {"name": "proportional", "group": 4}},
        {"tasks": ["sst", "pd"], "balancer": "annealed"},
    ],
    ids=str,
)
def test_cells_are_rejected_with_the_reason(changes, combiner):
    config = overlay({}, {**changes, "combiner": combiner})
    rejection = Resolver(Registry.load()).resolve(config).rejection
    assert (rejection is not None) == (combiner in ("pcgrad", "rlw"))
    if rejection is not None:
        assert " one task, " in rejection
        assert combiner in rejection
