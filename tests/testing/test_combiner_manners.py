import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from mtbench.testing.combiner_manners import check
from mtbench.testing.conformance import Outcome

Judge = Callable[..., Outcome]


class Sound:
    """Weighs tasks by numbers drawn from its own generator."""

    def __init__(self, parameters):
        pass

    def combine(self, x):
        return torch.rand(len(x.tasks), generator=x.generator, dtype=torch.float64)


class SoundJacobian(Sound):
    def combine(self, x):
        kept = torch.rand(x.jacobian.shape[1], generator=x.generator).to(x.jacobian) > 0.5
        return torch.where(kept, x.jacobian.sum(dim=0), x.jacobian[0])


class Rolling(Sound):
    def combine(self, x):
        np.random.rand()
        return super().combine(x)


class Global(Sound):
    def combine(self, x):
        return torch.rand(len(x.tasks), dtype=torch.float64)


class SeededAnew(Sound):
    def combine(self, x):
        x.generator.manual_seed(x.step)
        return super().combine(x)


class InPlace(Sound):
    def combine(self, x):
        x.gramian.fill_diagonal_(0)
        return super().combine(x)


class LossesInPlace(Sound):
    def combine(self, x):
        return x.losses.div_(2)


class Learning(Sound):
    """Its answer is differentiable."""

    def combine(self, x):
        return super().combine(x).requires_grad_() * 2


class SwitchesOff(Sound):
    def combine(self, x):
        torch.set_grad_enabled(False)
        return super().combine(x)


class Backward(Sound):
    def combine(self, x):
        scale = torch.ones_like(x.gramian[0]).requires_grad_()
        (scale * x.gramian).sum().backward()
        return scale.grad


class Single(Sound):
    """It rounds on the way, and gives float64 in the end."""

    def combine(self, x):
        return x.gramian.float().sum(dim=0).double()


class SingleAnswer(Sound):
    def combine(self, x):
        return torch.rand(len(x.tasks), generator=x.generator)


class OnTheCpu(Sound):
    def combine(self, x):
        return x.jacobian.sum(dim=0) + torch.ones(x.jacobian.shape[1])


class BackToTheCpu(Sound):
    def combine(self, x):
        return torch.zeros(x.jacobian.shape[1])


class Doubles(Sound):
    def combine(self, x):
        return x.jacobian.sum(dim=0) @ torch.eye(x.jacobian.shape[1], dtype=torch.float64)


class AllSubsets(Sound):
    """Shapley values by their definition: one term a subset of the tasks."""

    def combine(self, x):
        products = x.gramian.tolist()
        weights = [0.0] * len(products)
        for subset in itertools.product((0, 1), repeat=len(products)):
            for task, member in enumerate(subset):
                weights[task] += member * products[0][task]
        return torch.tensor(weights, dtype=torch.float64)


class AllSubsetsAtOnce(Sound):
    """The same in a few lines, and one large matrix."""

    def combine(self, x):
        m = len(x.tasks)
        subsets = (torch.arange(2**m)[:, None] >> torch.arange(m)) & 1
        return (subsets.double() @ x.gramian).mean(dim=0)


class AllOrders(Sound):
    def combine(self, x):
        best = min(itertools.permutations(range(len(x.tasks))), key=lambda order: order[0])
        return torch.tensor(best, dtype=torch.float64)


class Counting(Sound):
    """Its second object answers otherwise than its first: the engine's is another."""

    made = 0

    def __init__(self, parameters):
        type(self).made += 1
        self.mine = self.made

    def combine(self, x):
        return torch.full((len(x.tasks),), float(self.mine), dtype=torch.float64)


CASES = [
    (
        "leaves-global-generators",
        Rolling,
        "gramian",
        "expected the global generators as they were; came another state of numpy's",
    ),
    (
        "draws-from-its-generator",
        Global,
        "gramian",
        "expected the same updates from the same generator, whatever the global ones are; came [",
    ),
    (
        "draws-from-its-generator",
        SeededAnew,
        "gramian",
        "expected its generator as it was seeded; came one seeded anew with 2",
    ),
    ("leaves-its-input", InPlace, "gramian", "expected x.gramian as it was; came a changed one"),
    ("leaves-its-input", LossesInPlace, "losses", "expected x.losses as it was; came a changed"),
    (
        "leaves-autograd",
        Learning,
        "gramian",
        "expected an answer that asks for no gradient; came one that does",
    ),
    (
        "leaves-autograd",
        SwitchesOff,
        "gramian",
        "expected gradients switched as before; came changed",
    ),
    ("leaves-autograd", Backward, "gramian", "expected no error; came RuntimeError: element 0"),
    (
        "double-precision",
        Single,
        "gramian",
        "expected float64 throughout; came fewer digits after _to_copy",
    ),
    (
        "double-precision",
        SingleAnswer,
        "gramian",
        "expected weights in float64; came torch.float32",
    ),
    ("follows-the-jacobian", OnTheCpu, "jacobian", "expected tensors on one device; came "),
    (
        "follows-the-jacobian",
        BackToTheCpu,
        "jacobian",
        "expected a result where the tensors are; came cpu",
    ),
    ("follows-the-jacobian", Doubles, "jacobian", "expected no error; came RuntimeError: "),
    (
        "work-in-tasks",
        AllSubsets,
        "gramian",
        "lines and numbers for 16 tasks; came more",
    ),
    (
        "work-in-tasks",
        AllSubsetsAtOnce,
        "gramian",
        "lines and numbers for 16 tasks; came more",
    ),
    (
        "work-in-tasks",
        AllOrders,
        "gramian",
        "expected at most 100000 lines and numbers for 8 tasks; came more",
    ),
    (
        "takes-part-in-a-step",
        Counting,
        "gramian",
        "expected the update in the shared parameters; came [",
    ),
]


@pytest.mark.parametrize(("name", "combiner", "needs", "message"), CASES)
def test_a_broken_combiner_is_caught(judge: Judge, name, combiner, needs, message) -> None:
    enabled = torch.is_grad_enabled()
    try:
        outcome = judge("combiner", name, combiner, needs=needs)
    finally:
        torch.set_grad_enabled(enabled)
    assert outcome.status == "failed"
    assert message in outcome.message


def test_every_check_catches_one() -> None:
    known = {case[0] for case in CASES} | {"rejects-with-a-reason"}
    assert known == {each.name for each in check.all}


def judge_rejects(judge: Judge, rejects: Any) -> Outcome:
    return judge("combiner", "rejects-with-a-reason", Sound, needs="losses", rejects=rejects)


def test_a_reason_is_a_line(judge: Judge) -> None:
    outcome = judge_rejects(judge, lambda cell: cell.combiner.name == "made")
    assert (outcome.status, outcome.message) == (
        "failed",
        "expected rejects to give a reason in one line, or None; came True",
    )
    for reason in (None, "a combiner needs two tasks"):
        assert judge_rejects(judge, lambda cell, reason=reason: reason).status == "passed"


def test_rejects_must_not_raise(judge: Judge) -> None:
    outcome = judge_rejects(judge, lambda cell: cell.combiner.parameters["alpha"])
    assert outcome.status == "failed"
    assert outcome.message.startswith("expected no error; came KeyError: 'alpha'")


@pytest.mark.parametrize("each", check.all, ids=lambda each: each.name)
@pytest.mark.parametrize(
    ("combiner", "needs", "silent"),
    [
        (Sound, "losses", {"double-precision", "follows-the-jacobian", "rejects-with-a-reason"}),
        (Sound, "gramian", {"follows-the-jacobian", "rejects-with-a-reason"}),
        (SoundJacobian, "jacobian", {"double-precision", "rejects-with-a-reason"}),
    ],
)
def test_a_sound_combiner_passes(judge: Judge, each, combiner, needs, silent) -> None:
    expected = "not applicable" if each.name in silent else "passed"
    assert judge("combiner", each.name, combiner, needs=needs).status == expected


def test_a_solver_of_some_hundred_steps_is_not_too_much(judge: Judge) -> None:
    class Solver(Sound):
        def combine(self, x):
            weights = torch.ones_like(x.gramian[0]) / len(x.tasks)
            for _ in range(250 if len(x.tasks) > 4 else 3):
                slope = x.gramian @ weights
                weights = (weights - 1e-2 * (slope - slope.mean())).clamp(min=0)
            return weights

    assert judge("combiner", "work-in-tasks", Solver, needs="gramian").status == "passed"
