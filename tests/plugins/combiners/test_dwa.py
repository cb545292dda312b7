from math import exp

import pytest

from mtbench_builtins.combiners.dwa import DWA
from mtbench_builtins.combiners.parameters import DWAParameters


def dwa(**parameters):
    return DWA(DWAParameters(**parameters))


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


def test_the_weights_average_one(given):
    subject = dwa(window=2, temperature=0.1)
    for step in range(9):
        weights = subject.combine(given(losses=[5.0 / (step + 1), 2.0**step, 1.0]))
        assert weights.mean().item() == pytest.approx(1)


def test_a_high_temperature_makes_even_weights(given):
    weights = []
    for temperature in (0.5, 2.0, 1e9):
        subject = dwa(window=1, temperature=temperature)
        for losses in ([4.0, 1.0], [2.0, 1.0], [2.0, 1.0]):
            last = subject.combine(given(losses=losses))
        weights.append(last[0].item())
    assert weights[0] < weights[1] < weights[2] == pytest.approx(1)


@pytest.mark.parametrize("losses", [[0.0, 1.0], [1e30, 1.0]])
def test_weights_are_finite_whatever_the_losses(given, losses):
    subject = dwa(window=1)
    for values in ([0.0, 1.0], losses, losses[::-1], losses):
        assert subject.combine(given(losses=values)).isfinite().all()


def test_a_window_holds_a_tasks_own_losses(given):
    """Steps without a task leave its window alone."""
    straight, broken = dwa(window=2), dwa(window=2)
    for a, b in [(4.0, 3.0), (2.0, 3.0), (1.0, 2.0), (2.0, 3.0)]:
        straight.combine(given(losses=[a, b], tasks="ab"))
        broken.combine(given(losses=[b], tasks="b"))
        broken.combine(given(losses=[a], tasks="a"))
    x = given(losses=[1.0, 1.0])
    assert straight.combine(x).tolist() == broken.combine(x).tolist() != [1, 1]


def test_the_state_comes_back(given):
    one, other = dwa(window=2), dwa(window=2)
    for step in range(5):
        one.combine(given(losses=[1.0 + step, 2.0 - 0.1 * step]))
    state = one.state_dict()
    assert (state["sums"], state["counts"]) == ({"a": 5.0, "b": 1.6}, {"a": 1, "b": 1})
    other.load_state_dict(state)
    for losses in ([2.0, 3.0], [4.0, 5.0], [1.0, 1.0]):
        assert (
            other.combine(given(losses=losses)).tolist()
            == one.combine(given(losses=losses)).tolist()
        )
    assert (state["sums"], state["counts"]) == ({"a": 5.0, "b": 1.6}, {"a": 1, "b": 1})  # a copy
