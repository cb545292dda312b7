"""The golden cases of gradient combining, worked by hand from the papers."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mtbench.gradients.oracle import GradientOracle, Portion
from mtbench.parameters import Parameters
from mtbench.testing import combine
from mtbench_builtins.combiners.pcgrad import PCGrad, pcgrad_weights, project

A = [[1.0, 0.0], [-1.0, 1.0]]
B = [[1.0, 0.0], [-2.0, 1.0], [-2.0, -1.0]]

OF_GRADIENTS = ["pcgrad", "gradvac", "cagrad", "mgda", "imtl-g", "graddrop"]


def matrix(rows):
    return torch.tensor(rows, dtype=torch.float64)


def update(rows, orders):
    """PCGrad's update of a Jacobian, by way of the Gramian."""
    jacobian = matrix(rows)
    return pcgrad_weights(jacobian @ jacobian.T, orders) @ jacobian


def projected(rows, task, order):
    jacobian = matrix(rows)
    return matrix(project((jacobian @ jacobian.T).tolist(), task, order)) @ jacobian


def close(vector, expected, tolerance=1e-12):
    torch.testing.assert_close(vector, matrix(expected), rtol=0, atol=tolerance)


def pcgrad_step(forward, shared, private=(), portions=("1", "2")):
    """One step of PCGrad by the oracle; portions may be tasks of one portion each."""
    if not isinstance(portions, dict):
        portions = {task: [Portion(None, 1.0)] for task in portions}
    oracle = GradientOracle(
        PCGrad(Parameters()), "gramian", shared, private, torch.Generator().manual_seed(0)
    )
    oracle.step(forward, portions, step=0, total_steps=1)


def linear(point):
    """Return a forward whose tasks' batches are gradients at the point."""
    return lambda batches, _: {task: matrix(g) @ point for task, g in batches.items()}


def zeros(n):
    return nn.Parameter(torch.zeros(n, dtype=torch.float64))


@st.composite
def jacobians(draw):
    """A Jacobian of up to 5 tasks with a few small whole numbers, and PCGrad's orders."""
    m = draw(st.integers(1, 5))
    n = draw(st.integers(1, 6))
    rows = draw(
        st.lists(
            st.lists(st.integers(-4, 4).map(float), min_size=n, max_size=n),
            min_size=m,
            max_size=m,
        )
    )
    orders = [draw(st.permutations([j for j in range(m) if j != i])) for i in range(m)]
    return rows, orders


def test_a_pcgrad_of_two_tasks():
    """A. pc1 = (1/2, 1/2), pc2 = (0, 1); the sum is (1/2, 3/2), the weights are (2, 3/2)."""
    close(projected(A, 0, [1]), [0.5, 0.5])
    close(projected(A, 1, [0]), [0.0, 1.0])
    close(update(A, [[1], [0]]), [0.5, 1.5])
    jacobian = matrix(A)
    close(pcgrad_weights(jacobian @ jacobian.T, [[1], [0]]), [2.0, 1.5])


@pytest.mark.parametrize("seed", range(3))
def test_a_pcgrad_by_name(seed):
    """A, through the registry and the oracle; with two tasks there is one order only."""
    close(combine("pcgrad", A, seed=seed), [0.5, 1.5])
    single = combine("pcgrad", torch.tensor(A), seed=seed)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, torch.tensor([0.5, 1.5]))


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        ([[1, 2], [0, 2], [0, 1]], [-23 / 25, 6 / 25]),
        ([[2, 1], [2, 0], [1, 0]], [-3 / 25, -6 / 25]),
    ],
)
def test_b_pcgrad_depends_on_the_order(orders, expected):
    """B. Two sets of orders, two updates: (-23/25, 6/25) and (-3/25, -6/25)."""
    close(update(B, orders), expected)


def test_b_the_order_comes_from_the_seed():
    """B. The same seed draws the same order; among a few seeds there is more than one."""
    updates = [tuple(combine("pcgrad", B, seed=seed).tolist()) for seed in range(8)]
    assert updates == [tuple(combine("pcgrad", B, seed=seed).tolist()) for seed in range(8)]
    assert len(set(updates)) > 1


@pytest.mark.parametrize("order", [[1, 2], [1, 2, 0]])
def test_c_a_task_is_never_projected_on_itself(order):
    """C. With B's gradients pc1 = (-3/25, 6/25), also if task 1 is met in its own order."""
    close(projected(B, 0, order), [-3 / 25, 6 / 25])


def test_d_heads_are_not_shared():
    """D. L1 = x + 2 h1, L2 = -x + y + h2: shared (1/2, 3/2), heads 2 and 1."""
    x, y, h1, h2 = (zeros(()) for _ in range(4))

    def forward(batches, _):
        losses = {"1": lambda: x + 2 * h1, "2": lambda: -x + y + h2}
        return {task: losses[task]() for task in batches}

    pcgrad_step(forward, [x, y], [h1, h2])
    assert x.grad.item() == pytest.approx(0.5)
    assert y.grad.item() == pytest.approx(1.5)
    assert (h1.grad.item(), h2.grad.item()) == (2, 1)


def test_e_none_is_not_zero():
    """E. A parameter that no task used has no gradient, and weight decay leaves it alone."""
    used, unused = (nn.Parameter(torch.ones(1)) for _ in range(2))
    optimizer = torch.optim.AdamW([used, unused], lr=0.1, weight_decay=0.1)
    pcgrad_step(lambda batches, _: {task: used.sum() for task in batches}, [used, unused])
    assert unused.grad is None
    optimizer.step()
    assert unused.item() == 1.0
    assert used.item() == pytest.approx(0.99 - 0.1)


def test_f_clip_after_combining():
    """F. (3/2, 5/2), clipped to norm 1: (1.5, 2.5) / sqrt(8.5) = (0.5145, 0.8575)."""
    point = zeros(2)
    rows = {"1": [3.0, 0.0], "2": [-1.0, 1.0]}
    portions = {task: [Portion(row, 1.0)] for task, row in rows.items()}
    pcgrad_step(linear(point), [point], portions=portions)
    close(point.grad, [1.5, 2.5])
    nn.utils.clip_grad_norm_([point], 1.0)
    close(point.grad, [1.5 / 8.5**0.5, 2.5 / 8.5**0.5], tolerance=1e-6)


def test_g_accumulate_before_combining():
    """G. Two micro-batches, A's and g1 = (1, 0), g2 = (1, 1): combined of the mean, (1, 1)."""
    point = zeros(2)
    rows = {"1": ([1.0, 0.0], [1.0, 0.0]), "2": ([-1.0, 1.0], [1.0, 1.0])}
    portions = {task: [Portion(row, 0.5) for row in pair] for task, pair in rows.items()}
    pcgrad_step(linear(point), [point], portions=portions)
    close(point.grad, [1.0, 1.0])


def test_h_no_conflict_no_change():
    """H. Where no inner product is negative, PCGrad is the sum, exactly."""
    rows = [[1.0, 0.0, 0.3], [0.0, 2.0, 0.1], [0.7, 0.0, 0.0]]
    jacobian = matrix(rows)
    gramian = jacobian @ jacobian.T
    assert pcgrad_weights(gramian, [[1, 2], [0, 2], [0, 1]]).tolist() == [1, 1, 1]
    assert torch.equal(combine("pcgrad", jacobian), combine("sum", jacobian))


@given(jacobians())
@settings(deadline=None, database=None)
def test_h_the_last_projection_holds(case):
    """H. Each pc_i has a non-negative inner product with the last task of its order."""
    rows, orders = case
    for task, order in enumerate(orders):
        if order:
            inner = projected(rows, task, order) @ matrix(rows[order[-1]])
            assert inner > -1e-9


@pytest.mark.parametrize("c", [1e-3, 1e-6, 1e3])
@pytest.mark.parametrize("rows", [A, B])
@pytest.mark.parametrize("name", OF_GRADIENTS)
def test_i_scale(name, rows, c):
    """I. f(c J) = c f(J): there is no absolute epsilon."""
    expected = combine(name, matrix(rows), seed=1)
    torch.testing.assert_close(
        combine(name, c * matrix(rows), seed=1) / c, expected, rtol=1e-9, atol=1e-9
    )
    single, scaled = (combine(name, f * torch.tensor(rows), seed=1) / f for f in (1, c))
    torch.testing.assert_close(scaled, single, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [*OF_GRADIENTS, "sum", "uncertainty", "dwa", "rlw", "famo"])
def test_j_global_generators_stand_still(name):
    """J. Combining advances neither torch's nor numpy's nor Python's global generator."""

    def states():
        return torch.get_rng_state().tolist(), repr(np.random.get_state()), random.getstate()

    before = states()
    for seed in range(3):
        combine(name, B, seed=seed)
    assert states() == before


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mgda", [0.2, 0.4]),
        ("imtl-g", [3 - 2 * 2**0.5, 2**0.5 - 1]),
        ("gradvac", [0.5, 1.5]),  # of the first step
    ],
)
def test_other_combiners_on_the_pair_of_a(name, expected):
    """The values at the end of the list, worked by hand."""
    close(combine(name, A), expected)


def surgery_by_vectors(rows, orders):
    """Algorithm 1 of the paper as it is written there, on the gradients themselves."""
    gradients = [np.array(row) for row in rows]
    total = np.zeros_like(gradients[0])
    for task, order in enumerate(orders):
        pc = gradients[task].copy()
        for other in order:
            g = gradients[other]
            if pc @ g < 0:
                pc -= (pc @ g) / (g @ g) * g
        total += pc
    return total


@given(jacobians())
@settings(deadline=None, database=None)
def test_pcgrad_by_gramian_equals_pcgrad_by_vectors(case):
    """For any Jacobian and any orders."""
    rows, orders = case
    assert update(rows, orders).numpy() == pytest.approx(
        surgery_by_vectors(rows, orders), rel=1e-9, abs=1e-9
    )


def test_sum_is_the_sum():
    """The sum of A's gradients, whatever the losses are."""
    close(combine("sum", A), [0.0, 1.0])
    close(combine("sum", A, losses=[3.0, 0.1]), [0.0, 1.0])
