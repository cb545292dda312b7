import torch

from mtbench.api import CombineInput, Parameters
from mtbench_builtins.combiners.pcgrad import PCGrad, pcgrad_weights, project

JACOBIAN = torch.tensor([[1.0, 0.0], [-2.0, 1.0], [-2.0, -1.0]], dtype=torch.float64)
GRAMIAN = JACOBIAN @ JACOBIAN.T


def weights(gramian, generator):
    x = CombineInput(
        tasks=tuple("abcde"[: len(gramian)]),
        losses=torch.ones(len(gramian), dtype=torch.float64),
        gramian=gramian,
        jacobian=None,
        step=0,
        total_steps=1,
        generator=generator,
    )
    return PCGrad(Parameters()).combine(x)


def test_a_projected_gradient_is_a_combination_of_the_original_ones():
    # <g1, g2> = -2 takes 2/5 of g2; what is left has -4/5 with g3 and takes 4/25 of it.
    assert torch.allclose(
        torch.tensor(project(GRAMIAN.tolist(), 0, [1, 2])), torch.tensor([1, 2 / 5, 4 / 25])
    )


def test_one_task_keeps_its_gradient():
    assert weights(torch.tensor([[4.0]]), torch.Generator()).tolist() == [1]


def test_a_task_with_a_zero_gradient_changes_nothing():
    gramian = torch.zeros(3, 3, dtype=torch.float64)
    gramian[:2, :2] = torch.tensor([[1.0, -1.0], [-1.0, 2.0]])
    assert pcgrad_weights(gramian, [[2, 1], [2, 0], [0, 1]]).tolist() == [2, 1.5, 1]


def test_a_gradient_whose_square_underflows_counts_as_zero():
    gramian = torch.tensor([[0.0, -1e-170], [-1e-170, 1.0]], dtype=torch.float64)
    assert pcgrad_weights(gramian, [[1], [0]]).tolist() == [1, 1 + 1e-170]


def test_the_gramian_is_left_as_it_was():
    gramian = GRAMIAN.clone()
    weights(gramian, torch.Generator())
    assert torch.equal(gramian, GRAMIAN)


def test_orders_come_from_the_generator_and_change_from_step_to_step():
    def draws(seed):
        generator = torch.Generator().manual_seed(seed)
        return [tuple(weights(GRAMIAN, generator).tolist()) for _ in range(20)]

    assert draws(1) == draws(1)
    assert draws(1) != draws(2)
    # Each of three tasks meets two others in one of two orders: 2^3 sets of orders, and all
    # of them occur in 200 draws (a fair draw misses one with probability 2e-11).
    generator = torch.Generator().manual_seed(0)
    seen = {tuple(weights(GRAMIAN, generator).tolist()) for _ in range(200)}
    orders = [[[1, 2], [2, 1]], [[0, 2], [2, 0]], [[0, 1], [1, 0]]]
    possible = {
        tuple(pcgrad_weights(GRAMIAN, [first, second, third]).tolist())
        for first in orders[0]
        for second in orders[1]
        for third in orders[2]
    }
    assert len(possible) > 1
    assert seen == possible
