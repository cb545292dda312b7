"""Combiners of losses, beyond the table: equations worked by hand, and what they remember."""

import json
from math import e, exp, log

import pytest
import torch

from mtbench.api import Parameters
from mtbench_builtins.combiners.dwa import DWA
from mtbench_builtins.combiners.famo import FAMO
from mtbench_builtins.combiners.parameters import (
    DWAParameters,
    FAMOParameters,
    UncertaintyParameters,
)
from mtbench_builtins.combiners.rlw import RLW
from mtbench_builtins.combiners.uncertainty import Uncertainty, descend


def dwa(**parameters):
    return DWA(DWAParameters(**parameters))


def famo(**parameters):
    return FAMO(FAMOParameters(**parameters))


def uncertainty(**parameters):
    return Uncertainty(UncertaintyParameters(**parameters))


def logits(subject):
    return {task: values["value"] for task, values in subject.state_dict().items()}


@pytest.mark.parametrize(
    "make", [lambda: dwa(window=2, temperature=0.1), famo, lambda: RLW(Parameters())]
)
def test_the_weights_average_one_and_none_is_negative(given, make):
    subject = make()
    for step in range(9):
        losses = [5.0 / (step + 1), 2.0**step, 1.0]
        weights = subject.combine(given(losses=losses))
        assert weights.mean().item() == pytest.approx(1)
        assert weights.min() > 0
        if hasattr(subject, "observe"):
            before = dict(zip("abc", losses, strict=True))
            subject.observe(before, {task: loss / (1 + step) for task, loss in before.items()})


def step(subject, given, losses):
    """Take a step of some tasks, after which the losses are lower, each by its own factor."""
    subject.combine(given(losses=list(losses.values()), tasks="".join(losses)))
    if hasattr(subject, "observe"):
        subject.observe(losses, {task: x / i for i, (task, x) in enumerate(losses.items(), 2)})


@pytest.mark.parametrize("make", [lambda: dwa(window=2), famo, uncertainty])
def test_a_state_is_a_copy(given, make):
    subject, loaded = make(), make()
    for _ in range(3):
        step(subject, given, {"a": 4.0, "b": 3.0})
    state = subject.state_dict()
    kept = json.dumps(state)
    loaded.load_state_dict(state)
    for each in (subject, loaded):
        step(each, given, {"a": 1.0, "b": 2.0})
    assert json.dumps(state) == kept
    assert loaded.state_dict() == subject.state_dict() != state


@pytest.mark.parametrize("make", [famo, uncertainty])
def test_a_task_that_is_absent_keeps_what_was_learnt_of_it(given, make):
    subject = make()
    step(subject, given, {"a": 4.0, "b": 9.0})
    before = subject.state_dict()
    step(subject, given, {"b": 4.0, "c": 3.0})
    after = subject.state_dict()
    assert after["a"] == before["a"]
    assert after["b"] != before["b"]
    assert set(after) == {"a", "b", "c"}


# --- DWA --------------------------------------------------------------------------------------


def test_equation_7_worked_by_hand(given):
    subject = dwa(window=1)
    assert subject.combine(given(losses=[4.0, 1.0])).tolist() == [1, 1]
    assert subject.combine(given(losses=[2.0, 1.0])).tolist() == [1, 1]
    # r = (2 / 4, 1 / 1), T = 2: exp(1/4) against exp(1/2).
    low, high = exp(0.25), exp(0.5)
    assert subject.combine(given(losses=[9.0, 9.0])).tolist() == pytest.approx(
        [2 * low / (low + high), 2 * high / (low + high)]
    )
    # r = (9 / 2, 9 / 1).
    low, high = exp(4.5 / 2), exp(9 / 2)
    assert subject.combine(given(losses=[9.0, 9.0])).tolist() == pytest.approx(
        [2 * low / (low + high), 2 * high / (low + high)]
    )


def test_a_window_is_averaged(given):
    short, long = dwa(window=1), dwa(window=3)
    for mean in (4.0, 2.0):
        short.combine(given(losses=[mean, 1.0]))
        for part in (0.5, 1.0, 1.5):
            assert long.combine(given(losses=[part * mean, part])).tolist() == [1, 1]
    x = given(losses=[3.0, 1.0])
    expected = short.combine(x).tolist()
    for _ in range(3):
        assert long.combine(x).tolist() == pytest.approx(expected)
    assert long.combine(x).tolist() != pytest.approx(expected)


def test_a_window_holds_a_tasks_own_losses(given):
    """Steps without a task leave its window alone."""
    straight, broken = dwa(window=2), dwa(window=2)
    for a, b in [(4.0, 3.0), (2.0, 3.0), (1.0, 2.0), (2.0, 3.0)]:
        straight.combine(given(losses=[a, b], tasks="ab"))
        broken.combine(given(losses=[b], tasks="b"))
        broken.combine(given(losses=[a], tasks="a"))
    x = given(losses=[1.0, 1.0])
    assert straight.combine(x).tolist() == broken.combine(x).tolist() != [1, 1]


# --- FAMO -------------------------------------------------------------------------------------


def test_first_weights_are_inverse_losses_worked_by_hand(given):
    # z / L = (1/2, 1/4), c = 4/3: (2/3, 1/3), times 2 tasks.
    assert famo().combine(given(losses=[1.0, 2.0])).tolist() == pytest.approx([4 / 3, 2 / 3])
    # Above 0.5 the losses are (0.5, 1.5): (3/4, 1/4), times 2.
    subject = famo(min_loss=0.5)
    assert subject.combine(given(losses=[1.0, 2.0])).tolist() == pytest.approx([3 / 2, 1 / 2])
    # One at its bound takes the weight, and one below it is an error.
    assert famo().combine(given(losses=[0.0, 0.5])).tolist() == pytest.approx([2.0, 4e-8])
    with pytest.raises(ValueError, match=r"^the loss of 'b' is 0\.6, below min_loss = 0\.7$"):
        famo(min_loss=0.7).combine(given(losses=[1.0, 0.6]))


def test_what_fell_more_weighs_less_worked_by_hand(given):
    subject = famo(lr=0.5)
    # Falls of the logarithms (1, 0), gradient of the logits (1/4, -1/4): Adam's first step is
    # the learning rate, whatever the gradient's size.
    subject.observe({"a": e, "b": 1.0}, {"a": 1.0, "b": 1.0})
    assert logits(subject) == pytest.approx({"a": -0.5, "b": 0.5})
    share = exp(-0.5) / (exp(-0.5) + exp(0.5))
    assert subject.combine(given(losses=[1.0, 1.0])).tolist() == pytest.approx(
        [2 * share, 2 * (1 - share)]
    )


def test_the_logits_are_those_of_torchs_adam():
    subject = famo(lr=0.1, gamma=0.2)
    xi = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([xi], lr=0.1, weight_decay=0.2)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        before, after = torch.rand(2, 3, generator=generator, dtype=torch.float64) + 0.1
        subject.observe(
            dict(zip("abc", before.tolist(), strict=True)),
            dict(zip("abc", after.tolist(), strict=True)),
        )
        fall = before.log() - after.log()
        (xi.grad,) = torch.autograd.grad(xi.softmax(dim=0), xi, grad_outputs=fall)
        adam.step()
    assert list(logits(subject).values()) == pytest.approx(xi.tolist(), rel=1e-9)


def test_a_losss_scale_is_made_up_for(given):
    """The update is the same whatever unit a loss is in: the weight takes it out again."""
    one, other = famo(), famo()
    for subject, unit in ((one, 1.0), (other, 1000.0)):
        for _ in range(5):
            subject.observe({"a": 2.0, "b": 3.0 * unit}, {"a": 1.5, "b": 1.0 * unit})
    (a, b), (c, d) = (
        s.combine(given(losses=[2.0, 3.0 * u])).tolist() for s, u in ((one, 1.0), (other, 1000.0))
    )
    assert (d * 1000) / c == pytest.approx(b / a)


# --- uncertainty ------------------------------------------------------------------------------


def test_a_step_worked_by_hand(given):
    # s' = 0 + (1/2) (L exp(-s') - 1) with L = 2 (1 + 2 log 2) is solved by s' = log 2.
    loss = 2 * (1 + 2 * log(2))
    assert descend(0.0, loss, 0.5) == pytest.approx(log(2), rel=1e-12)
    # With lr = 1 and L = exp(-1/2) / 2, s' = L exp(-s') - 1 is solved by -1/2.
    assert descend(0.0, 0.5 * exp(-0.5), 1.0) == pytest.approx(-0.5, rel=1e-12)
    # The first weights are of before a step; a loss of 1 is where s = 0 is best, and one of 0
    # has no best.
    subject, x = uncertainty(lr=0.5), given(losses=[1.0, loss, 0.0])
    assert subject.combine(x).tolist() == [1, 1, 1]
    assert subject.combine(x).tolist() == pytest.approx([1, 1 / 2, 1])


@pytest.mark.parametrize("s", [-3.0, 0.0, 2.0])
@pytest.mark.parametrize("loss", [1e-3, 1.0, 50.0])
def test_a_small_step_goes_down_the_gradient(s, loss):
    gradient = 1 - loss * exp(-s)
    lr = 1e-6 / max(1, abs(gradient))
    assert (descend(s, loss, lr) - s) / lr == pytest.approx(-gradient, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("losses", [[0.3, 7.0], [e, 1e5], [1e-6, 1e-3]])
def test_where_it_settles_a_loss_times_its_weight_is_one(given, losses):
    subject = uncertainty(lr=0.1)
    for _ in range(1500):
        weights = subject.combine(given(losses=losses))
    assert (weights * given(losses=losses).losses).tolist() == pytest.approx([1, 1], rel=1e-4)


def test_a_huge_loss_throws_nothing_off():
    s, seen = 0.0, []
    for _ in range(300):
        s = descend(s, 1e12, 0.1)
        seen.append(s)
    assert seen == sorted(seen)
    assert s == pytest.approx(log(1e12), abs=1e-6)
