import json
from math import e, exp

import pytest
import torch

from mtbench_builtins.combiners.famo import FAMO, Logit
from mtbench_builtins.combiners.parameters import FAMOParameters


def famo(**parameters):
    return FAMO(FAMOParameters(**parameters))


def logits(subject):
    return {task: values["value"] for task, values in subject.state_dict().items()}


def test_first_weights_are_inverse_losses_worked_by_hand(given):
    # z / L = (1/2, 1/4), c = 4/3: (2/3, 1/3), times 2 tasks.
    assert famo().combine(given(losses=[1.0, 2.0])).tolist() == pytest.approx([4 / 3, 2 / 3])
    # Above 0.5 the losses are (0.5, 1.5): (3/4, 1/4), times 2.
    subject = famo(min_loss=0.5)
    assert subject.combine(given(losses=[1.0, 2.0])).tolist() == pytest.approx([3 / 2, 1 / 2])


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


def test_the_decay_pulls_logits_together():
    spread = {}
    for gamma in (0.0, 10.0):
        subject = famo(gamma=gamma)
        for _ in range(200):
            subject.observe({"a": 2.0, "b": 1.0}, {"a": 1.0, "b": 1.0})
        spread[gamma] = logits(subject)["b"] - logits(subject)["a"]
    assert 0 < spread[10.0] < spread[0.0] / 10


def test_the_weights_average_one(given):
    subject = famo()
    for step in range(5):
        losses = [1.0 + step, 0.2, 7.0]
        assert subject.combine(given(losses=losses)).mean().item() == pytest.approx(1)
        before = dict(zip("abc", losses, strict=True))
        subject.observe(before, {task: loss / (1 + step) for task, loss in before.items()})


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


@pytest.mark.parametrize("losses", [[0.0, 1.0], [0.0, 0.0], [1e-30, 1e30]])
def test_weights_are_finite_whatever_the_losses(given, losses):
    subject = famo()
    for _ in range(3):
        assert subject.combine(given(losses=losses)).isfinite().all()
        subject.observe(dict(zip("ab", losses, strict=True)), {"a": 0.0, "b": 0.5})
    assert subject.combine(given(losses=losses)).isfinite().all()


def test_a_task_that_is_absent_keeps_its_logit(given):
    subject = famo()
    subject.observe({"a": 2.0, "b": 1.0}, {"a": 1.0, "b": 1.0})
    before = subject.state_dict()
    assert subject.combine(given(losses=[5.0], tasks="b")).tolist() == [1]
    subject.observe({"b": 1.0, "c": 3.0}, {"b": 2.0, "c": 2.0})
    after = subject.state_dict()
    assert after["a"] == before["a"]
    assert (after["b"]["steps"], after["c"]["steps"]) == (2, 1)


def test_the_state_comes_back(given):
    one, other = famo(), famo()
    one.observe({"a": 2.0, "b": 1.0}, {"a": 1.0, "b": 1.0})
    other.load_state_dict(json.loads(json.dumps(one.state_dict())))
    for subject in (one, other):
        subject.observe({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 0.7})
    x = given(losses=[2.0, 3.0])
    assert other.combine(x).tolist() == one.combine(x).tolist()
    assert other.state_dict() == one.state_dict()


def test_adams_first_two_steps_worked_by_hand():
    logit = Logit()
    logit.step(2.0, 0.1)
    assert logit.value == pytest.approx(-0.1)
    # Moments 0.9 * 0.2 - 0.2 = -0.02 and 0.999 * 0.004 + 0.004 = 0.007996, over 0.19 and 0.001999.
    logit.step(-2.0, 0.1)
    assert logit.value == pytest.approx(-0.1 + 0.1 * (0.02 / 0.19) / 2)


def test_a_loss_below_its_bound_is_an_error(given):
    with pytest.raises(ValueError, match=r"^the loss of 'b' is 0\.6, below min_loss = 0\.7$"):
        famo(min_loss=0.7).combine(given(losses=[1.0, 0.6]))


def test_a_loss_at_its_bound_takes_the_weight(given):
    assert famo().combine(given(losses=[0.0, 0.5])).tolist() == pytest.approx([2.0, 4e-8])
