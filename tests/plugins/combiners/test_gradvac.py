import json
from math import sqrt

import pytest
import torch
from hypothesis import given as cases
from hypothesis import strategies as st

from mtbench_builtins.combiners.gradvac import GradVac, turn
from mtbench_builtins.combiners.parameters import GradVacParameters
from mtbench_builtins.combiners.pcgrad import project

A = torch.tensor([[1.0, 0.0], [-1.0, 1.0]], dtype=torch.float64)
COSINE = -1 / sqrt(2)


def gradvac(**parameters):
    return GradVac(GradVacParameters(**parameters))


def products(rows):
    return (rows @ rows.T).tolist()


def test_targets_follow_the_cosines_worked_by_hand(given):
    subject = gradvac(beta=0.5)
    assert (subject.combine(given(jacobian=A)) @ A).tolist() == pytest.approx([0.5, 1.5])
    half = COSINE / 2
    targets = subject.state_dict()
    assert targets["a"]["b"] == pytest.approx(half)
    assert targets["b"]["a"] == pytest.approx(half)
    # Both cosines, -1 / sqrt 2, are raised to half of that. With t sqrt(1 - phi^2) = -1/4,
    # phi sqrt(1 - t^2) = -sqrt(7)/4 and sqrt(1 - t^2) = sqrt(7/8), task 1 gets
    # (sqrt(7) - 1)/4 / sqrt(7/8) / sqrt(2) of g_2, and task 2, the longer, twice that of g_1.
    part = (sqrt(7) - 1) / (2 * sqrt(7))
    assert subject.combine(given(jacobian=A)).tolist() == pytest.approx(
        [1 + 2 * part, 1 + part], rel=1e-12
    )


def test_a_cosine_as_usual_is_left_alone(given):
    subject = gradvac(beta=1.0)
    subject.combine(given(jacobian=A))
    assert subject.combine(given(jacobian=A)).tolist() == pytest.approx([1, 1], abs=1e-9)


@pytest.mark.parametrize("target", [-0.7, -0.3, 0.0, 0.5, 0.9, 0.999])
def test_the_cosine_becomes_the_target(target):
    coefficients, cosines = turn(products(A), 0, [1], [0.0, target])
    turned = torch.tensor(coefficients, dtype=torch.float64) @ A
    assert cosines == {1: pytest.approx(COSINE)}
    assert (turned @ A[1] / turned.norm() / A[1].norm()).item() == pytest.approx(target)


@st.composite
def jacobians(draw):
    m, n = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    row = st.lists(st.integers(-4, 4).map(float), min_size=n, max_size=n)
    rows = draw(st.lists(row, min_size=m, max_size=m))
    return torch.tensor(rows, dtype=torch.float64), draw(st.permutations(range(m)))


@cases(jacobians())
def test_with_targets_of_zero_it_is_pcgrad(case):
    rows, order = case
    for task in range(len(rows)):
        coefficients, _ = turn(products(rows), task, order, [0.0] * len(rows))
        expected = project(products(rows), task, order)
        got = torch.tensor(coefficients, dtype=torch.float64) @ rows
        torch.testing.assert_close(
            got, torch.tensor(expected, dtype=torch.float64) @ rows, rtol=0, atol=1e-9
        )


def test_targets_are_of_ordered_pairs_of_names(given):
    """Three tasks, of which each is absent once, in changing places."""
    rows = [[1.0, 0.0], [-2.0, 1.0], [-2.0, -1.0]]
    subject = gradvac(beta=1.0)
    subject.combine(given(jacobian=[rows[0], rows[1]], tasks="xy"))
    first = subject.state_dict()
    assert set(first["x"]) == {"y"}
    subject.combine(given(jacobian=[rows[2], rows[1]], tasks="zy"))
    after = subject.state_dict()
    assert after["x"] == first["x"]
    assert set(after["y"]) == {"x", "z"}
    # The same gradients under the same names in another order are as usual.
    weights = subject.combine(given(jacobian=[rows[1], rows[0]], tasks="yx"))
    assert weights.tolist() == pytest.approx([1, 1], abs=1e-9)


def test_a_gradient_that_vanished_is_not_turned(given):
    """Its cosine would be rounding over rounding."""
    third = [[1.0, 1.0], [-3.0, -3.0], [0.3, -0.7]]
    for _ in range(8):
        coefficients, cosines = turn(products(torch.tensor(third).double()), 0, [1, 2], [0.5] * 3)
        assert list(cosines) == [1]
        assert coefficients[2] == 0
    opposite = gradvac(beta=0.0)
    assert (
        opposite.combine(given(jacobian=third[:2])) @ torch.tensor(third[:2]).double()
    ).norm() < 1e-12


def test_identical_gradients_for_ever(given):
    """Targets come as near 1 as they can; what differs then is turned by a finite amount."""
    subject = gradvac(beta=1.0)
    subject.combine(given(jacobian=[[1.0, 2.0], [1.0, 2.0]]))
    weights = subject.combine(given(jacobian=A))
    assert weights.isfinite().all()
    assert weights.abs().max() < 1e4


def test_zero_gradients_have_no_cosine(given):
    subject = gradvac(beta=1.0)
    assert subject.combine(given(jacobian=[[0.0, 0.0], [1.0, 0.0]])).tolist() == [1, 1]
    assert subject.state_dict() == {"a": {}, "b": {}}


def test_orders_come_from_the_generator(given):
    rows = [[1.0, 0.0], [-2.0, 1.0], [-2.0, -1.0]]

    def draws(seed):
        generator = torch.Generator().manual_seed(seed)
        return [
            tuple(gradvac().combine(given(jacobian=rows, generator=generator)).tolist())
            for _ in range(10)
        ]

    assert draws(1) == draws(1) != draws(2)
    assert len(set(draws(1))) > 1


def test_the_state_comes_back(given):
    one, other = gradvac(), gradvac()
    one.combine(given(jacobian=A))
    other.load_state_dict(json.loads(json.dumps(one.state_dict())))
    assert other.combine(given(jacobian=A)).tolist() == one.combine(given(jacobian=A)).tolist()
    assert other.state_dict() == one.state_dict()
