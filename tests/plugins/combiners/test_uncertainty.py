from math import e, exp, log

import pytest

from mtbench_builtins.combiners.parameters import UncertaintyParameters
from mtbench_builtins.combiners.uncertainty import Uncertainty, descend


def uncertainty(**parameters):
    return Uncertainty(UncertaintyParameters(**parameters))


def test_a_step_worked_by_hand():
    # s' = 0 + (1/2) (L exp(-s') - 1) with L = 2 (1 + 2 log 2) is solved by s' = log 2.
    assert descend(0.0, 2 * (1 + 2 * log(2)), 0.5) == pytest.approx(log(2), rel=1e-12)
    # With lr = 1 and L = exp(-1/2) / 2, s' = L exp(-s') - 1 is solved by -1/2.
    assert descend(0.0, 0.5 * exp(-0.5), 1.0) == pytest.approx(-0.5, rel=1e-12)


@pytest.mark.parametrize("s", [-3.0, 0.0, 2.0])
@pytest.mark.parametrize("loss", [1e-3, 1.0, 50.0])
def test_a_small_step_goes_down_the_gradient(s, loss):
    gradient = 1 - loss * exp(-s)
    lr = 1e-6 / max(1, abs(gradient))
    assert (descend(s, loss, lr) - s) / lr == pytest.approx(-gradient, rel=1e-3, abs=1e-3)


def test_the_first_step_is_the_sum_and_the_next_has_learned(given):
    subject = uncertainty(lr=0.5)
    x = given(losses=[1.0, 2 * (1 + 2 * log(2))])
    assert subject.combine(x).tolist() == [1, 1]
    assert subject.combine(x).tolist() == pytest.approx([1, 1 / 2])
    assert subject.state_dict()["a"] == 0  # a loss of 1 is where s = 0 is best


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


def test_a_loss_of_zero_changes_nothing(given):
    subject = uncertainty()
    for _ in range(3):
        assert subject.combine(given(losses=[0.0, 1.0])).tolist() == [1, 1]


def test_a_task_that_is_absent_keeps_its_variance(given):
    subject = uncertainty(lr=0.5)
    subject.combine(given(losses=[4.0, 9.0], tasks="ab"))
    before = subject.state_dict()
    subject.combine(given(losses=[4.0], tasks="b"))
    after = subject.state_dict()
    assert after["a"] == before["a"]
    assert after["b"] != before["b"]


def test_the_state_comes_back(given):
    one, other = uncertainty(), uncertainty()
    one.combine(given(losses=[4.0, 0.1]))
    state = one.state_dict()
    other.load_state_dict(state)
    x = given(losses=[2.0, 3.0])
    assert other.combine(x).tolist() == one.combine(x).tolist()
    assert other.state_dict() == one.state_dict() != state
