import pytest
import torch
from torch import nn

from mtbench.gradients.jacobian import (
    BLOCK,
    ParameterGradients,
    as_matrix,
    gramian,
    set_parts,
    set_weighted_sum,
)

# Which kernel sums a block decides how many: below 0.9 on some processors, 1.5 on another.
FEW_LAST_DIGITS = 4 * torch.finfo(torch.float32).eps


def record(*gradients, **known):
    """One parameter's gradients, of zeros in the shape of the first that is there."""
    found = [None if g is None else torch.as_tensor(g) for g in gradients]
    like = next((g for g in found if g is not None), torch.zeros(2))
    return ParameterGradients(nn.Parameter(torch.zeros_like(like)), found, **known)


def stacked(gradients):
    """The gradients [m, ...] of a parameter that lie in one tensor."""
    return record(*gradients, stacked=gradients)


def apart(gradients):
    """The same, each in memory of its own."""
    return record(*(gradient.clone() for gradient in gradients))


LAYOUTS = pytest.mark.parametrize("layout", [stacked, apart])


def noise(*shape, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype)


# --- the Gramian ------------------------------------------------------------------------------


def test_gramian_sums_over_parameters_and_counts_a_missing_gradient_as_zero():
    records = [record([1.0, 2.0], [4.0, -1.0]), record(None, [[5.0]]), record(3.0, None)]
    assert gramian(records).tolist() == [[14.0, 2.0], [2.0, 42.0]]
    assert gramian(records).dtype == torch.float64


def test_gramian_of_a_task_that_uses_nothing_is_zero():
    records = [record(None, [1.0]), record(None, None), record(None, [2.0])]
    assert gramian(records).tolist() == [[0, 0], [0, 5]]


def test_a_missing_gradient_is_zero_beside_long_ones():
    long = noise(2 * BLOCK + 3, dtype=torch.float64)
    products = gramian([record(None, long, 2 * long), record(1.0, None, 1.0)])
    square = (long @ long).item()
    expected = [[1, 0, 1], [0, square, 2 * square], [1, 2 * square, 4 * square + 1]]
    assert products.tolist() == [pytest.approx(row, rel=1e-12) for row in expected]


@LAYOUTS
@pytest.mark.parametrize(
    ("size", "parameters"),
    [(100 * BLOCK + 7, 1), (BLOCK, 20), (BLOCK - 1, 100), (12, 300)],
    ids=["long", "a block", "just below", "short"],
)
def test_gramian_keeps_the_digits_of_float32(layout, size, parameters):
    rows = noise(parameters, 2, size)
    exact = rows.double().movedim(1, 0).flatten(1)
    exact = exact @ exact.T
    error = (gramian([layout(of_one) for of_one in rows]) - exact).abs().max() / exact.max()
    assert error < FEW_LAST_DIGITS


@LAYOUTS
def test_what_blocks_sum_to_is_added_in_float64(layout):
    """In float32, the neighbours of 1e8 are 8 away."""
    row = torch.zeros(5, BLOCK)
    row[:, 0] = torch.tensor([1e4, 1.0, 1.0, 1.0, 1.0])
    assert gramian([layout(row.flatten().expand(2, -1))])[0, 1] == 1e8 + 4


@LAYOUTS
def test_gramian_is_the_matrix_times_itself(layout):
    shapes = [(3,), (BLOCK + 5,), (64, 64), (), (2, 3, 4)]
    records = [layout(noise(4, *shape, dtype=torch.float64)) for shape in shapes]
    products, matrix = gramian(records), as_matrix(records)
    torch.testing.assert_close(products, matrix @ matrix.T, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("size", [3, BLOCK])
def test_products_that_are_known_are_taken_as_they_are(size):
    known = torch.tensor([[7.0, -1.0], [-1.0, 5.0]], dtype=torch.float64)
    gradients = torch.ones(2, size)
    one = record(*gradients, stacked=gradients, products=known)
    assert gramian([one, record([2.0], [3.0]), one]).tolist() == [[18, 4], [4, 19]]


def test_gramian_takes_long_gradients_of_any_layout():
    square = noise(70, 80, dtype=torch.float64)
    products = gramian([record(square.T, square.T.contiguous())])
    expected = square.square().sum().expand(2, 2)
    torch.testing.assert_close(products, expected, rtol=1e-12, atol=0)


# --- the weighted sum -------------------------------------------------------------------------


def test_weighted_sum_is_formed_in_a_gradient_buffer():
    records = [record([1.0, 2.0], [3.0, 4.0]), record(None, [5.0])]
    set_weighted_sum(records, torch.tensor([2.0, -1.0], dtype=torch.float64))
    assert [r.parameter.grad.tolist() for r in records] == [[-1.0, 0.0], [-5.0]]
    assert records[0].parameter.grad is records[0].gradients[0]
    assert records[1].parameter.grad is records[1].gradients[1]


def test_a_weight_of_zero_leaves_a_gradient_of_zeros():
    one = record([1.0, 2.0], None)
    set_weighted_sum([one], torch.tensor([0.0, 1.0]))
    assert one.parameter.grad.tolist() == [0, 0]


def test_weighted_sum_leaves_an_unused_parameter_without_gradient():
    unused = record(None, None)
    unused.parameter.grad = torch.ones(2)  # of an earlier step
    set_weighted_sum([unused], torch.ones(2))
    assert unused.parameter.grad is None


# --- the matrix and its parts -----------------------------------------------------------------


def test_matrix_and_parts_are_inverse_where_a_parameter_is_used():
    records = [
        record([[1.0, 2.0], [3.0, 4.0]], [[6.0, 7.0], [8.0, 9.0]]),
        ParameterGradients(nn.Parameter(torch.zeros(3)), [None, None]),
        record(5.0, None),
    ]
    matrix = as_matrix(records)
    assert matrix.tolist() == [[1, 2, 3, 4, 0, 0, 0, 5], [6, 7, 8, 9, 0, 0, 0, 0]]
    set_parts(records, matrix[0])
    first, second, third = (r.parameter.grad for r in records)
    assert first.tolist() == [[1, 2], [3, 4]]
    assert second is None
    assert third.item() == 5


@pytest.mark.parametrize(
    "update",
    [
        torch.ones(4, dtype=torch.float64),
        torch.ones(1, dtype=torch.float64).expand(4),
        torch.ones(4, dtype=torch.float32),
    ],
)
def test_parts_share_no_memory_with_the_update(update):
    one = record(torch.ones(2, 2, dtype=torch.float64))
    set_parts([one], update)
    gradient = one.parameter.grad
    assert gradient.dtype == torch.float64
    gradient[0, 0] = 7
    assert update.tolist() == [1, 1, 1, 1]
    assert gradient.tolist() == [[7, 1], [1, 1]]


# --- rows of an embedding table ---------------------------------------------------------------

VOCABULARY = 40


def table(width, *, rows=(2, 3, 17, 39), seed=0):
    """A table's gradients of 3 tasks, as rows alone and as a whole."""
    values = noise(3, len(rows), width, seed=seed, dtype=torch.float64)
    whole = torch.zeros(3, VOCABULARY, width, dtype=torch.float64)
    whole[:, rows] = values
    parameters = [nn.Parameter(torch.zeros(VOCABULARY, width).double()) for _ in range(2)]
    of_rows = ParameterGradients(
        parameters[0],
        list(values),
        stacked=values,
        rows=torch.tensor(rows),
        dense=torch.zeros_like(parameters[0]),
    )
    return of_rows, ParameterGradients(parameters[1], list(whole))


@pytest.mark.parametrize("width", [3, BLOCK // 4 + 1], ids=["short", "long"])
def test_rows_are_as_the_whole(width):
    """A combiner of Jacobians may move rows that no task used."""
    records = of_rows, whole = table(width)
    beside = apart(noise(3, 5, dtype=torch.float64))

    torch.testing.assert_close(gramian([of_rows]), gramian([whole]), rtol=1e-12, atol=1e-12)
    matrices = [as_matrix([beside, one, beside]) for one in records]
    assert matrices[0].shape == (3, 5 + VOCABULARY * width + 5)
    assert torch.equal(*matrices)
    update = noise(2 * VOCABULARY * width, dtype=torch.float64)
    set_parts(records, update)
    for one, part in zip(records, update.chunk(2), strict=True):
        assert torch.equal(one.parameter.grad, part.view(VOCABULARY, width))
    assert of_rows.dense.count_nonzero() == 0
    set_weighted_sum(records, torch.tensor([0.5, 1.0, -2.0], dtype=torch.float64))
    sums = [one.parameter.grad for one in records]
    assert sums[0].count_nonzero() == 4 * width
    assert torch.equal(*sums)


def test_a_weighted_sum_of_rows_lies_in_the_dense_gradient_and_leaves_its_other_rows():
    of_rows, _ = table(3)
    of_rows.dense[0] = 7  # to be seen: what is there is neither cleared nor copied
    values = of_rows.stacked.clone()
    set_weighted_sum([of_rows], torch.tensor([1.0, 1.0, 3.0]))
    assert of_rows.parameter.grad is of_rows.dense
    torch.testing.assert_close(of_rows.dense[of_rows.rows], values[0] + values[1] + 3 * values[2])
    others = sorted(set(range(1, VOCABULARY)) - set(of_rows.rows.tolist()))
    assert of_rows.dense[0].tolist() == [7, 7, 7]
    assert of_rows.dense[others].count_nonzero() == 0
