"""Combiners of gradients, beyond the table: draws, memory, random gradients, rounding."""

from itertools import product
from math import sqrt

import numpy as np
import pytest
import torch
from hypothesis import given as cases
from hypothesis import strategies as st

from mtbench.api import Parameters
from mtbench.testing import combine
from mtbench_builtins.combiners.cagrad import cagrad_weights
from mtbench_builtins.combiners.graddrop import GradDrop
from mtbench_builtins.combiners.gradvac import GradVac, turn
from mtbench_builtins.combiners.imtl_g import imtl_g_weights
from mtbench_builtins.combiners.min_norm import min_norm_weights, vectors
from mtbench_builtins.combiners.parameters import GradDropParameters, GradVacParameters
from mtbench_builtins.combiners.pcgrad import PCGrad, pcgrad_weights, project

A = torch.tensor([[1.0, 0.0], [-1.0, 1.0]], dtype=torch.float64)
B = torch.tensor([[1.0, 0.0], [-2.0, 1.0], [-2.0, -1.0]], dtype=torch.float64)
COSINE = -1 / sqrt(2)  # of A's two


def gradvac(**parameters):
    return GradVac(GradVacParameters(**parameters))


def graddrop(x, **parameters):
    return GradDrop(GradDropParameters(**parameters)).combine(x)


def products(rows):
    return (rows @ rows.T).tolist()


def random_rows(seed, m, n):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(m, n, generator=generator, dtype=torch.float64)


@st.composite
def jacobians(draw, most=12):
    """Gradients of small whole numbers: ties, zeros, opposites and linear dependence."""
    m, n = draw(st.integers(1, most)), draw(st.integers(1, 8))
    row = st.lists(st.integers(-3, 3).map(float), min_size=n, max_size=n)
    return torch.tensor(draw(st.lists(row, min_size=m, max_size=m)), dtype=torch.float64)


@pytest.mark.parametrize(
    "make",
    [lambda: PCGrad(Parameters()), gradvac, lambda: GradDrop(GradDropParameters())],
    ids=["pcgrad", "gradvac", "graddrop"],
)
def test_draws_differ_from_step_to_step_and_repeat_with_the_seed(given, make):
    def draws(seed):
        x = given(jacobian=B, generator=torch.Generator().manual_seed(seed))
        return [tuple(make().combine(x).tolist()) for _ in range(10)]

    assert draws(1) == draws(1) != draws(2)
    assert len(set(draws(1))) > 1


# --- PCGrad -----------------------------------------------------------------------------------


def test_every_set_of_orders_is_drawn(given):
    """Each of three tasks meets two others in one of two orders; fair draws miss none."""
    gramian = B @ B.T
    orders = product([[1, 2], [2, 1]], [[0, 2], [2, 0]], [[0, 1], [1, 0]])
    possible = {tuple(pcgrad_weights(gramian, each).tolist()) for each in orders}
    x = given(jacobian=B)
    seen = {tuple(PCGrad(Parameters()).combine(x).tolist()) for _ in range(200)}
    assert len(possible) > 1
    assert seen == possible


def test_gradients_of_zero_and_squares_that_underflow_are_no_conflict():
    gramian = torch.zeros(3, 3, dtype=torch.float64)
    gramian[:2, :2] = A @ A.T
    assert pcgrad_weights(gramian, [[2, 1], [2, 0], [0, 1]]).tolist() == [2, 1.5, 1]
    gramian = torch.tensor([[0.0, -1e-170], [-1e-170, 1.0]], dtype=torch.float64)
    assert pcgrad_weights(gramian, [[1], [0]]).tolist() == [1, 1 + 1e-170]


# --- GradVac ----------------------------------------------------------------------------------


def test_targets_follow_the_cosines_worked_by_hand(given):
    subject = gradvac(beta=0.5)
    assert (subject.combine(given(jacobian=A)) @ A).tolist() == pytest.approx([0.5, 1.5])
    half = {"a": {"b": pytest.approx(COSINE / 2)}, "b": {"a": pytest.approx(COSINE / 2)}}
    assert subject.state_dict() == half
    # Both cosines, -1 / sqrt 2, are raised to half of that. With t sqrt(1 - phi^2) = -1/4,
    # phi sqrt(1 - t^2) = -sqrt(7)/4 and sqrt(1 - t^2) = sqrt(7/8), task 1 gets
    # (sqrt(7) - 1)/4 / sqrt(7/8) / sqrt(2) of g_2, and task 2, the longer, twice that of g_1.
    part = (sqrt(7) - 1) / (2 * sqrt(7))
    assert subject.combine(given(jacobian=A)).tolist() == pytest.approx(
        [1 + 2 * part, 1 + part], rel=1e-12
    )


def test_targets_forget_at_their_rate(given):
    subject = gradvac(beta=0.25)
    for _ in range(2):
        subject.combine(given(jacobian=A))
    assert subject.state_dict()["a"]["b"] == pytest.approx((0.75 * 0.25 + 0.25) * COSINE)


@pytest.mark.parametrize("target", [-0.7, -0.3, 0.0, 0.5, 0.9, 0.999])
def test_the_cosine_becomes_the_target(target):
    coefficients, cosines = turn(products(A), 0, [1], [0.0, target])
    turned = torch.tensor(coefficients, dtype=torch.float64) @ A
    assert cosines == {1: pytest.approx(COSINE)}
    assert (turned @ A[1] / turned.norm() / A[1].norm()).item() == pytest.approx(target)


@cases(jacobians(most=4), st.permutations(range(4)))
def test_with_targets_of_zero_it_is_pcgrad(rows, order):
    order = [task for task in order if task < len(rows)]
    for task in range(len(rows)):
        coefficients, _ = turn(products(rows), task, order, [0.0] * len(rows))
        turned, projected = (
            torch.tensor(each, dtype=torch.float64) @ rows
            for each in (coefficients, project(products(rows), task, order))
        )
        torch.testing.assert_close(turned, projected, rtol=0, atol=1e-9)


def test_targets_are_of_ordered_pairs_of_names(given):
    """Three tasks, of which each is absent once, in changing places."""
    subject = gradvac(beta=1.0)
    subject.combine(given(jacobian=B[:2], tasks="xy"))
    first = subject.state_dict()
    assert set(first["x"]) == {"y"}
    subject.combine(given(jacobian=B[[2, 1]], tasks="zy"))
    after = subject.state_dict()
    assert after["x"] == first["x"]
    assert set(after["y"]) == {"x", "z"}
    # The same gradients under the same names in another order are as usual, and left alone.
    weights = subject.combine(given(jacobian=B[[1, 0]], tasks="yx"))
    assert weights.tolist() == pytest.approx([1, 1], abs=1e-9)


def test_a_gradient_that_vanished_is_not_turned(given):
    """Its cosine would be rounding over rounding; one of zero has none."""
    rows = torch.tensor([[1.0, 1.0], [-3.0, -3.0], [0.3, -0.7]]).double()
    coefficients, cosines = turn(products(rows), 0, [1, 2], [0.5] * 3)
    assert list(cosines) == [1]
    assert coefficients[2] == 0
    subject = gradvac(beta=1.0)
    assert subject.combine(given(jacobian=[[0.0, 0.0], [1.0, 0.0]])).tolist() == [1, 1]
    assert subject.state_dict() == {"a": {}, "b": {}}


def test_identical_gradients_for_ever(given):
    """Targets come as near 1 as they can; what differs then is turned by a finite amount."""
    subject = gradvac(beta=1.0)
    subject.combine(given(jacobian=[[1.0, 2.0], [1.0, 2.0]]))
    weights = subject.combine(given(jacobian=A))
    assert weights.isfinite().all()
    assert weights.abs().max() < 1e4


# --- the point of least length, MGDA and CAGrad -----------------------------------------------


@cases(jacobians())
def test_the_point_of_least_length(rows):
    """No vertex of the hull is nearer along the point: the condition for the least norm."""
    gramian = rows @ rows.T
    points = vectors(gramian)
    scale = gramian.diagonal().mean().item() or 1.0
    tolerance = 1e-12 * scale * len(rows)
    assert scale * points.T @ points == pytest.approx(gramian.numpy(), abs=tolerance)
    weights = min_norm_weights(points)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    point = points @ weights
    assert (points.T @ point).min() >= point @ point - 1e-9


@pytest.mark.parametrize("factor", [1e-8, 1e-3, 1e6])
def test_the_point_at_any_scale_and_of_zeros(factor):
    assert min_norm_weights(factor * A.T.numpy()).tolist() == pytest.approx([3 / 5, 2 / 5])
    assert min_norm_weights(np.zeros((2, 4))).tolist() == [1 / 4] * 4


def test_without_a_ball_cagrad_is_the_mean_and_with_a_large_one_mgda():
    assert combine("cagrad", A, c=0).tolist() == [0, 0.5]
    update, shortest = combine("cagrad", A, c=1e3), combine("mgda", A)
    assert torch.cosine_similarity(update, shortest, dim=0).item() == pytest.approx(1, abs=1e-6)


def test_cagrad_between_the_tasks_worked_by_hand():
    # Radius 2/5. Both are served alike, x = y - x, at the edge: x^2 + (2x - 1/2)^2 = 4/25.
    x = (2 + sqrt(2.2)) / 10
    update = 1.8 * combine("cagrad", A, c=0.8)
    assert update.tolist() == pytest.approx([x, 2 * x], rel=1e-12)
    # The first two can only agree on what lies across them: the mean (1/10, 1/3) without its
    # first number, over 7/5.
    update = combine("cagrad", [[1.0, 0.0], [-1.0, 0.0], [0.3, 1.0]])
    assert update.tolist() == pytest.approx([0.0, 5 / 21], abs=1e-12)


@cases(st.integers(1, 12), st.integers(1, 8), st.integers(0, 2**30), st.floats(0.01, 0.99))
def test_no_update_in_cagrads_ball_is_better_for_the_worst_off(m, n, seed, c):
    """The worst-off task's gain is that of the dual, at the w that the update is made of.

    Any w bounds what any d can reach; where both are equal, both are best.
    """
    rows = random_rows(seed, m, n)
    gradients = vectors(rows @ rows.T)
    mean = gradients.mean(axis=1)
    radius = c * np.linalg.norm(mean)
    weights = cagrad_weights(gradients, c)
    d = gradients @ weights
    detour = weights - 1 / m
    assert detour.min() >= -1e-12
    w = detour / detour.sum()
    dual = gradients @ w @ mean + radius * np.linalg.norm(gradients @ w)
    assert np.linalg.norm(d - mean) <= radius * (1 + 1e-9)
    terms = np.linalg.norm(gradients, axis=0) @ w
    if np.linalg.norm(gradients @ w) > 1e-3 * terms:
        assert (gradients.T @ d).min() == pytest.approx(dual, abs=1e-9)


@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-3])
def test_float32_gradients_that_nearly_balance_out_give_cagrad_no_long_update(noise):
    generator = torch.Generator().manual_seed(0)
    one, off, third = torch.randn(3, 20_000, generator=generator)
    rows = torch.stack([one, noise * off - one, third])
    mean = rows.mean(dim=0)
    update = combine("cagrad", rows)
    assert (1.4 * update - mean).norm() <= 0.41 * mean.norm()


@pytest.mark.parametrize("length", [1e-3, 1e-5, 1e-6])
def test_cagrad_serves_a_short_gradient_too(length):
    """Of (length, 0) and (0, 1), the first gains most at the ball's edge, but for the second."""
    update = 1.4 * combine("cagrad", [[length, 0.0], [0.0, 1.0]])
    # The mean is (length / 2, 1/2); almost all of the radius 1/5 goes along the first axis.
    assert update[0].item() == pytest.approx(0.2, rel=1e-2)


# --- IMTL-G -----------------------------------------------------------------------------------


def closed_form(rows):
    """The paper's: alpha of tasks 2 to m is g_1 U^T (D U^T)^-1, task 1 has the rest."""
    units = rows / rows.norm(dim=1, keepdim=True)
    differences, directions = rows[0] - rows[1:], units[0] - units[1:]
    others = rows[0] @ directions.T @ torch.linalg.inv(differences @ directions.T)
    return [1 - others.sum().item(), *others.tolist()]


@pytest.mark.parametrize("m", [2, 3, 5, 12])
def test_projections_are_equal_and_weights_those_of_the_closed_form(m):
    rows = random_rows(m, m, 30)
    assert imtl_g_weights(rows @ rows.T).tolist() == pytest.approx(closed_form(rows), rel=1e-8)
    rows *= torch.logspace(-3, 3, m, dtype=torch.float64)[:, None]
    weights = imtl_g_weights(rows @ rows.T)
    projections = rows @ (weights @ rows) / rows.norm(dim=1)
    assert weights.sum().item() == pytest.approx(1)
    assert projections.tolist() == pytest.approx([projections[0].item()] * m, rel=1e-9)


@pytest.mark.parametrize(
    ("rows", "weights"),
    [
        ([[1.0, 0.0], [-2.0, 0.0]], [2 / 3, 1 / 3]),
        ([[1.0, 0.0], [0.0, 0.0]], [1.0, 0.0]),
        ([[0.0, 0.0], [0.0, 0.0]], [1 / 2, 1 / 2]),
        ([[1.0, 2.0]] * 12, [1 / 12] * 12),
        # Units u, v and their mean t = (u + v) / sqrt(2): equal projections take a = (1, 1) b on
        # the first and -sqrt(2) b on the third, and nothing else; with lengths 1, 1 and
        # 1 / sqrt(2) the weights are b (1, 1, -2), of which no multiple adds up to 1.
        ([[1.0, 0.0], [0.0, 1.0], [1 / 2, 1 / 2]], [1 / 3] * 3),
    ],
    ids=["opposite", "zero", "zeros", "twelve", "without a sum"],
)
def test_weights_where_the_cosines_are_singular(rows, weights):
    rows = torch.tensor(rows, dtype=torch.float64)
    assert imtl_g_weights(rows @ rows.T).tolist() == pytest.approx(weights, abs=1e-6)


# --- GradDrop ---------------------------------------------------------------------------------


def test_a_sign_is_as_likely_as_its_share(given):
    # P = (1 + (1 - 3) / 4) / 2 = 1/4, for each of many numbers.
    n = 40_000
    update = graddrop(given(jacobian=torch.tensor([[1.0], [-3.0]]).expand(2, n)))
    assert sorted(set(update.tolist())) == [-3, 1]
    # Standard deviation of the share: sqrt(3/16 / 40000) = 0.0022.
    assert (update > 0).double().mean().item() == pytest.approx(1 / 4, abs=0.011)
    # Numbers are drawn each by itself.
    both = ((update[:-1] > 0) & (update[1:] > 0)).double().mean().item()
    assert both == pytest.approx(1 / 16, abs=0.008)


def test_the_leak_lets_through_what_is_dropped(given):
    x = given(jacobian=[[1.0, -2.0], [-3.0, 5.0]])
    for seed in range(10):
        found = []
        for leak in (0.0, 0.25, 1.0):
            x.generator.manual_seed(seed)
            found.append(graddrop(x, leak=leak))
        dropped = torch.tensor([-2.0, 3.0], dtype=torch.float64) - found[0]
        assert found[1].tolist() == (found[0] + 0.25 * dropped).tolist()
        assert found[2].tolist() == [-2, 3]  # the sum


def test_the_type_of_the_jacobian_is_kept():
    assert combine("graddrop", A.float()).dtype == torch.float32
