from collections.abc import Callable
from typing import ClassVar

import pytest
import torch

from mtbench.testing.combiner_memory import check
from mtbench.testing.conformance import Outcome

Judge = Callable[..., Outcome]


class Mean:
    """A sound combiner: weighs a task by the mean of its losses so far."""

    def __init__(self, parameters):
        self.seen = {}

    def combine(self, x):
        weights = []
        for task, loss in zip(x.tasks, x.losses.tolist(), strict=True):
            total, count = self.seen.get(task, (0.0, 0))
            self.seen[task] = (total + loss, count + 1)
            weights.append(1 + (total + loss) / (count + 1))
        return torch.tensor(weights, dtype=torch.float64)

    def state_dict(self):
        return {task: list(value) for task, value in self.seen.items()}

    def load_state_dict(self, state):
        self.seen = {task: tuple(value) for task, value in state.items()}


class ByPlace:
    """It keeps one number a task of the first step, in the order in which they stood there."""

    def __init__(self, parameters):
        self.last = None

    def combine(self, x):
        weights = 1 + (x.losses if self.last is None else (self.last + x.losses) / 2)
        self.last = x.losses
        return weights


class ByPlaceOfAny(ByPlace):
    """The same, begun anew where the number of tasks changes."""

    def combine(self, x):
        if self.last is not None and len(self.last) != len(x.tasks):
            self.last = None
        return super().combine(x)


class Forgetful(Mean):
    state_dict = None
    load_state_dict = None

    def __getattribute__(self, name):
        if name in ("state_dict", "load_state_dict"):
            raise AttributeError(name)
        return super().__getattribute__(name)


class SavesAlone(Forgetful):
    def __getattribute__(self, name):
        return dict if name == "state_dict" else super().__getattribute__(name)


class OfTensors(Mean):
    def state_dict(self):
        return {task: torch.tensor(value) for task, value in self.seen.items()}


class LosesCounts(Mean):
    def load_state_dict(self, state):
        self.seen = {task: (total, 1) for task, (total, _) in state.items()}


class LateAndForgetful(Forgetful):
    """What it remembers acts after a warm-up of 100 steps."""

    def combine(self, x):
        weights = super().combine(x)
        return weights if x.step >= 100 else torch.ones_like(weights)


class LosesWhatActsLate(Mean):
    """It averages what came after its own hundredth step, which it counts and does not save."""

    steps = 0

    def combine(self, x):
        self.steps += 1
        weights = super().combine(x)
        return weights if self.steps > 100 else torch.ones_like(weights)


class OfTheClass(Mean):
    """A dictionary of the class is everybody's."""

    everybody: ClassVar = {}

    def __init__(self, parameters):
        self.seen = self.everybody


class Watching(Mean):
    """A sound combiner that observes."""

    def observe(self, before, after):
        for task, loss in after.items():
            self.seen[task] = (loss, 1)


class WatchingByPlace(Mean):
    def observe(self, before, after):
        before["sst"] = after["sst"]


class Emptying(Watching):
    def observe(self, before, after):
        super().observe(before, after)
        after.clear()


EQUIVARIANT = {"promises": frozenset({"permutation-equivariant"})}

CASES = [
    (
        "absent-tasks",
        ByPlace,
        {},
        "expected no error; came RuntimeError: The size of tensor a (3) must match",
    ),
    (
        "remembers-by-name",
        ByPlaceOfAny,
        EQUIVARIANT,
        "expected an update that does not depend on where 'sst' stood before; came [",
    ),
    (
        "state-round-trip",
        Forgetful,
        {},
        "expected state_dict and load_state_dict, since it remembers past steps; came neither",
    ),
    (
        "state-round-trip",
        LateAndForgetful,
        {},
        "expected state_dict and load_state_dict, since it remembers past steps; came neither",
    ),
    (
        "state-round-trip",
        LosesWhatActsLate,
        {},
        "expected the same updates from a loaded state; came [",
    ),
    (
        "state-round-trip",
        SavesAlone,
        {},
        "expected state_dict and load_state_dict; came state_dict alone",
    ),
    (
        "state-round-trip",
        OfTensors,
        {},
        "expected a state of JSON values; came TypeError: Object of type Tensor is not JSON",
    ),
    (
        "state-round-trip",
        LosesCounts,
        {},
        "expected the same updates from a loaded state; came [",
    ),
    (
        "starts-anew",
        OfTheClass,
        {},
        "expected the same update of a fresh combiner, whatever others did; came [",
    ),
    (
        "observes",
        Mean,
        {"observes": True},
        "expected a method observe, since the spec says observes; came none",
    ),
    (
        "observes",
        Watching,
        {},
        "expected observes=True in the spec of a combiner with observe; came observes=False",
    ),
    ("observes", WatchingByPlace, {"observes": True}, "expected no error; came KeyError: 'sst'"),
    (
        "observes",
        Emptying,
        {"observes": True},
        "expected the losses as they were handed over; came {'keys': 1.0, 'sample-pd': 1.0}, {}",
    ),
]


@pytest.mark.parametrize(("name", "combiner", "spec", "message"), CASES)
def test_a_broken_combiner_is_caught(judge: Judge, name, combiner, spec, message) -> None:
    outcome = judge("combiner", name, combiner, needs="losses", **spec)
    assert outcome.status == "failed"
    assert message in outcome.message


def test_every_check_catches_one() -> None:
    assert {case[0] for case in CASES} == {each.name for each in check.all}


@pytest.mark.parametrize("each", check.all, ids=lambda each: each.name)
@pytest.mark.parametrize(("combiner", "observes"), [(Mean, False), (Watching, True)])
def test_a_sound_combiner_passes(judge: Judge, each, combiner, observes) -> None:
    outcome = judge(
        "combiner", each.name, combiner, needs="losses", observes=observes, **EQUIVARIANT
    )
    assert outcome.status == "passed"


def test_a_combiner_that_remembers_nothing_needs_no_state(judge: Judge) -> None:
    class Sum:
        def __init__(self, parameters):
            pass

        def combine(self, x):
            return torch.ones_like(x.losses)

    assert judge("combiner", "state-round-trip", Sum, needs="losses").status == "passed"
