import pytest
import torch
from torch import nn

from mtbench.jacobian import BLOCK, as_matrix, gramian, set_parts, set_weighted_sum


def tensors(*values):
    return [None if value is None else torch.tensor(value) for value in values]


def test_gramian_sums_over_parameters_and_counts_a_missing_gradient_as_zero():
    gradients = [tensors([1.0, 2.0], None, 3.0), tensors([4.0, -1.0], [[5.0]], None)]
    assert gramian(gradients).tolist() == [[14.0, 2.0], [2.0, 42.0]]
    assert gramian(gradients).dtype == torch.float64


def test_gramian_of_a_task_that_uses_nothing_is_zero():
    assert gramian([tensors(None, None), tensors([1.0], None)]).tolist() == [[0, 0], [0, 1]]


def test_gramian_keeps_the_digits_of_a_long_float32_gradient():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(2, 100 * BLOCK + 7, generator=generator)
    exact = rows.double() @ rows.double().T
    error = (gramian([[rows[0]], [rows[1]]]) - exact).abs().max() / exact.max()
    assert error < 1e-7


def test_gramian_takes_gradients_of_any_layout():
    square = torch.arange(6.0).view(2, 3)
    assert gramian([[square.T], [square.T.contiguous()]]).tolist() == [[55, 55], [55, 55]]


def test_weighted_sum_is_formed_in_a_gradient_buffer():
    parameters = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))]
    gradients = [tensors([1.0, 2.0], None), tensors([3.0, 4.0], [5.0])]
    set_weighted_sum(parameters, gradients, torch.tensor([2.0, -1.0], dtype=torch.float64))
    assert [parameter.grad.tolist() for parameter in parameters] == [[-1.0, 0.0], [-5.0]]
    assert parameters[0].grad is gradients[0][0]
    assert parameters[1].grad is gradients[1][1]


def test_weighted_sum_leaves_an_unused_parameter_without_gradient():
    parameter = nn.Parameter(torch.zeros(2))
    set_weighted_sum([parameter], [[None], [None]], torch.ones(2))
    assert parameter.grad is None


def test_matrix_and_parts_are_inverse_where_a_parameter_is_used():
    parameters = [nn.Parameter(torch.zeros(shape)) for shape in ((2, 2), (3,), ())]
    gradients = [
        tensors([[1.0, 2.0], [3.0, 4.0]], None, 5.0),
        tensors([[6.0, 7.0], [8.0, 9.0]], None, None),
    ]
    matrix = as_matrix(parameters, gradients)
    assert matrix.tolist() == [[1, 2, 3, 4, 0, 0, 0, 5], [6, 7, 8, 9, 0, 0, 0, 0]]
    set_parts(parameters, gradients, matrix[0])
    assert parameters[0].grad.tolist() == [[1, 2], [3, 4]]
    assert parameters[1].grad is None
    assert parameters[2].grad.item() == 5


@pytest.mark.parametrize(
    "update",
    [
        torch.ones(4, dtype=torch.float64),
        torch.ones(1, dtype=torch.float64).expand(4),
        torch.ones(4, dtype=torch.float32),
    ],
)
def test_parts_share_no_memory_with_the_update(update):
    parameter = nn.Parameter(torch.zeros(2, 2, dtype=torch.float64))
    set_parts([parameter], [[torch.ones(2, 2)]], update)
    assert parameter.grad.dtype == torch.float64
    parameter.grad[0, 0] = 7
    assert update.tolist() == [1, 1, 1, 1]
    assert parameter.grad.tolist() == [[7, 1], [1, 1]]
