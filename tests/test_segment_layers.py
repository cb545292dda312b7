from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from torch import Tensor, nn

from mtbench.batching import ragged
from mtbench.jacobian import BLOCK, ParameterGradients
from mtbench.protocols import RaggedBatch, Tokens
from mtbench.segment_layers import (
    Accumulator,
    Accumulators,
    BrokenSegments,
    TaskRows,
    embedding,
    linear,
    norm,
)

LENGTHS = ((3, 1, 4), (2,), (5, 2))
"""Of each task's sequences: 8, 2 and 7 tokens."""

Layer = Callable[[nn.Module, TaskRows, Accumulators, Tensor], Tensor]


def batch_of(lengths: Sequence[Sequence[int]] = LENGTHS) -> RaggedBatch:
    sequences = [Tokens([1] * n, [0] * n) for of_task in lengths for n in of_task]
    return ragged(sequences, [len(of_task) for of_task in lengths])


def rows_of_tasks(lengths: Sequence[Sequence[int]], *, of: str) -> list[int]:
    return [sum(task) if of == "tokens" else len(task) for task in lengths]


def numbers(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def ids_of(*shape: int) -> Tensor:
    """Return ids from 0 to 4; of so few, some recur within a task and between tasks."""
    return torch.arange(torch.Size(shape).numel()).square().remainder(5).view(shape)


def whole(record: ParameterGradients, task: int) -> Tensor | None:
    """Return a task's gradient in the parameter's shape."""
    found = record.gradients[task]
    if found is None or record.rows is None:
        return found
    return torch.zeros_like(record.parameter).index_copy(0, record.rows, found)


def accumulators_of(module: nn.Module) -> Accumulators:
    return {parameter: Accumulator(parameter) for parameter in trained(module)}


def trained(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def alone(
    module: nn.Module, x: Tensor, sizes: Sequence[int], factors: Tensor
) -> Iterator[tuple[Tensor, ...]]:
    """Yield, task by task, what autograd gives for the task's rows alone, the input's last."""
    for x_rows, factor in zip(x.split(sizes), factors.split(sizes), strict=True):
        rows = x_rows.detach().requires_grad_(x.is_floating_point())
        leaves = [*trained(module), *([rows] if rows.requires_grad else [])]
        yield torch.autograd.grad((module(rows) * factor).sum(), leaves)


def norm_of(*shape: int) -> nn.LayerNorm:
    module = nn.LayerNorm(shape)
    with torch.no_grad():
        module.weight.copy_(1 + numbers(*shape) / 4)
        module.bias.copy_(numbers(*shape))
    return module


def frozen(module: nn.Module, name: str) -> nn.Module:
    module.get_parameter(name).requires_grad_(False)
    return module


CASES: dict[str, tuple[Layer, Callable[[], nn.Module], Callable[[int], Tensor]]] = {
    "linear": (linear, lambda: nn.Linear(4, 3), lambda rows: numbers(rows, 4)),
    "linear without bias": (
        linear,
        lambda: nn.Linear(4, 3, bias=False),
        lambda rows: numbers(rows, 4),
    ),
    "linear on three dimensions": (
        linear,
        lambda: nn.Linear(4, 3),
        lambda rows: numbers(rows, 2, 4),
    ),
    "linear on four dimensions": (
        linear,
        lambda: nn.Linear(4, 3, bias=False),
        lambda rows: numbers(rows, 2, 3, 4),
    ),
    "linear on a view": (
        linear,
        lambda: nn.Linear(4, 3),
        lambda rows: numbers(4, rows).T,
    ),
    "linear with frozen weight": (
        linear,
        lambda: frozen(nn.Linear(4, 3), "weight"),
        lambda rows: numbers(rows, 4),
    ),
    "linear with frozen bias": (
        linear,
        lambda: frozen(nn.Linear(4, 3), "bias"),
        lambda rows: numbers(rows, 4),
    ),
    "norm": (norm, lambda: norm_of(6), lambda rows: numbers(rows, 6)),
    "norm of each of several": (norm, lambda: norm_of(6), lambda rows: numbers(rows, 2, 6)),
    "norm over two dimensions": (norm, lambda: norm_of(2, 6), lambda rows: numbers(rows, 2, 6)),
    "norm without bias": (
        norm,
        lambda: nn.LayerNorm(6, bias=False),
        lambda rows: numbers(rows, 6),
    ),
    "norm with frozen weight": (
        norm,
        lambda: frozen(norm_of(6), "weight"),
        lambda rows: numbers(rows, 6),
    ),
    "norm with frozen bias": (
        norm,
        lambda: frozen(norm_of(6), "bias"),
        lambda rows: numbers(rows, 6),
    ),
    "embedding": (embedding, lambda: nn.Embedding(7, 3), ids_of),
    "embedding with padding": (embedding, lambda: nn.Embedding(7, 3, padding_idx=1), ids_of),
    "embedding of pairs": (embedding, lambda: nn.Embedding(7, 3), lambda rows: ids_of(rows, 2)),
}


# --- one gradient a task ----------------------------------------------------------------------


@pytest.mark.parametrize("of", ["tokens", "sequences"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_gradients_are_those_of_autograd_on_each_task_alone(
    case: tuple[Layer, Callable[[], nn.Module], Callable[[int], Tensor]], of: str
) -> None:
    layer, make, given = case
    sizes = rows_of_tasks(LENGTHS, of=of)
    module, x = make().double(), given(sum(sizes))
    x.requires_grad_(x.is_floating_point())
    # The batch's parts are the step's tasks 2, 0 and 1.
    accumulators, rows = accumulators_of(module), TaskRows(batch_of(), (2, 0, 1))
    for accumulator in accumulators.values():
        accumulator.begin(3)

    y = layer(module, rows, accumulators, x)
    factors = numbers(*y.shape)
    (y * factors).sum().backward()

    assert torch.equal(y, module(x))
    records = [accumulator.gradients() for accumulator in accumulators.values()]
    assert [record.parameter for record in records] == trained(module)
    of_x = []
    for place, (*expected, last) in zip((2, 0, 1), alone(module, x, sizes, factors), strict=True):
        if x.requires_grad:
            of_x.append(last)
        else:
            expected.append(last)
        for record, value in zip(records, expected, strict=True):
            torch.testing.assert_close(whole(record, place), value, rtol=0, atol=1e-12)
            assert value.abs().max() > 0.1
    if of_x:
        torch.testing.assert_close(x.grad, torch.cat(of_x), rtol=0, atol=1e-12)
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize("name", ["linear", "norm", "embedding"])
def test_sequences_of_one_token_each(name: str) -> None:
    layer, make, given = CASES[name]
    module, lengths = make().double(), ((1, 1, 1), (1,))
    x, accumulators = given(4), accumulators_of(module)
    for accumulator in accumulators.values():
        accumulator.begin(2)

    y = layer(module, TaskRows(batch_of(lengths), (0, 1)), accumulators, x)
    y.square().sum().backward()

    for task, rows in enumerate((x[:3], x[3:])):
        expected = torch.autograd.grad(module(rows).square().sum(), trained(module))
        for accumulator, value in zip(accumulators.values(), expected, strict=True):
            found = whole(accumulator.gradients(), task)
            torch.testing.assert_close(found, value, rtol=0, atol=1e-12)


def test_an_input_without_gradient_gets_none() -> None:
    for name in ("linear", "norm"):
        layer, make, given = CASES[name]
        module, x = make().double(), given(17)
        accumulators = accumulators_of(module)
        for accumulator in accumulators.values():
            accumulator.begin(3)
        layer(module, TaskRows(batch_of(), (0, 1, 2)), accumulators, x).sum().backward()
        assert x.grad is None
        assert accumulators[module.bias].gradients().gradients[1].sum() > 0  # of the bias


def test_padding_alone_leaves_zeros() -> None:
    module = nn.Embedding(4, 2, padding_idx=0)
    accumulators = accumulators_of(module)
    accumulators[module.weight].begin(3)
    ids = torch.zeros(17, dtype=torch.int64)

    y = embedding(module, TaskRows(batch_of(), (0, 1, 2)), accumulators, ids)
    y.sum().backward()

    record = accumulators[module.weight].gradients()
    assert [whole(record, task).abs().max().item() for task in range(3)] == [0, 0, 0]


# --- lower precision --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["linear", "linear without bias", "norm", "embedding"])
def test_under_autocast_gradients_are_near_and_of_the_parameters_type(name: str) -> None:
    layer, make, given = CASES[name]
    module, sizes = make(), rows_of_tasks(LENGTHS, of="tokens")
    x = given(17)
    if x.is_floating_point():
        x = x.float()
    accumulators = accumulators_of(module)
    for accumulator in accumulators.values():
        accumulator.begin(3)

    with torch.autocast("cpu", torch.bfloat16):
        y = layer(module, TaskRows(batch_of(), (0, 1, 2)), accumulators, x)
        assert y.dtype == module(x).dtype == (torch.bfloat16 if layer is linear else torch.float32)
        torch.testing.assert_close(y, module(x), rtol=0, atol=0)
    factors = numbers(*y.shape).float()
    (y * factors).sum().backward()

    for task, gradients in enumerate(alone(module, x, sizes, factors)):
        for accumulator, value in zip(accumulators.values(), gradients, strict=False):
            found = whole(accumulator.gradients(), task)
            assert found.dtype == torch.float32
            assert (found - value).norm() < 0.02 * value.norm()


def test_a_norm_gives_what_autocast_makes_of_it() -> None:
    module, x = norm_of(4).float(), numbers(17, 4).bfloat16()
    accumulators = accumulators_of(module)
    for accumulator in accumulators.values():
        accumulator.begin(3)

    with torch.autocast("cpu", torch.bfloat16):
        y = norm(module, TaskRows(batch_of(), (0, 1, 2)), accumulators, x)
        torch.testing.assert_close(y, module(x), rtol=0, atol=0)
    y.sum().backward()

    assert [
        g.dtype for accumulator in accumulators.values() for g in accumulator.gradients().gradients
    ] == [torch.float32] * 6


def test_a_layer_of_a_low_precision_sums_in_place() -> None:
    module = nn.Linear(4, 3, dtype=torch.bfloat16)
    accumulators, x = accumulators_of(module), numbers(17, 4).bfloat16()
    for accumulator in accumulators.values():
        accumulator.begin(3)

    linear(module, TaskRows(batch_of(), (0, 1, 2)), accumulators, x).sum().backward()

    for task, rows in enumerate(x.split([8, 2, 7])):
        expected = torch.autograd.grad(module(rows).sum(), trained(module))
        for accumulator, value in zip(accumulators.values(), expected, strict=True):
            found = whole(accumulator.gradients(), task)
            torch.testing.assert_close(found, value, rtol=0.02, atol=0.02)


# --- rows -------------------------------------------------------------------------------------


def test_rows_are_split_by_task() -> None:
    rows = TaskRows(batch_of(), (2, 0, 1))
    tokens, sequences = torch.arange(17), torch.arange(6)

    assert [(task, a.tolist(), len(b)) for task, a, b in rows.split(tokens, tokens)] == [
        (2, [0, 1, 2, 3, 4, 5, 6, 7], 8),
        (0, [8, 9], 2),
        (1, [10, 11, 12, 13, 14, 15, 16], 7),
    ]
    assert [(task, a.tolist()) for task, a in rows.split(sequences)] == [
        (2, [0, 1, 2]),
        (0, [3]),
        (1, [4, 5]),
    ]


@pytest.mark.parametrize("shape", [(16, 2), (1, 17), ()])
def test_rows_of_neither_tokens_nor_sequences(shape: tuple[int, ...]) -> None:
    rows = TaskRows(batch_of(), (0, 1, 2))
    with pytest.raises(BrokenSegments) as caught:
        list(rows.split(torch.zeros(shape)))
    assert str(caught.value) == (
        f"the encoder declares segments, and applies a layer to shape {list(shape)}, whose first "
        "dimension is neither the batch's tokens nor its sequences"
    )


# --- accumulators -----------------------------------------------------------------------------


def test_what_is_added_again_is_summed() -> None:
    parameter = nn.Parameter(torch.zeros(2, 2))
    accumulator = Accumulator(parameter)
    accumulator.begin(2)
    a, b = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[0.0, 1.0], [1.0, 1.0]])

    accumulator.add_product(1, a, b)  # [[2, 3], [4, 7]]
    accumulator.add(1, a)
    accumulator.add_product(1, a, b)

    record = accumulator.gradients()
    assert record.parameter is parameter
    assert record.gradients[0] is None
    assert record.gradients[1].tolist() == [[5, 8], [11, 18]]
    assert record.stacked is None  # of one task only


def test_products_of_another_type_are_added_too() -> None:
    accumulator = Accumulator(nn.Parameter(torch.zeros(1, 1)))
    accumulator.begin(1)
    a = torch.tensor([[2.0]], dtype=torch.bfloat16)

    accumulator.add_product(0, a, a)
    accumulator.add_product(0, a, a)

    assert accumulator.gradients().gradients[0].tolist() == [[8]]
    assert accumulator.gradients().gradients[0].dtype == torch.float32


def test_what_all_tasks_use_is_stacked_in_one_buffer() -> None:
    accumulator = Accumulator(nn.Parameter(torch.zeros(3)))
    accumulator.begin(2)
    for task in (1, 0):
        accumulator.add(task, torch.full((3,), task + 1.0))

    record = accumulator.gradients()

    assert record.stacked.tolist() == [[1, 1, 1], [2, 2, 2]]
    assert [g.data_ptr() for g in record.gradients] == [g.data_ptr() for g in record.stacked]


def test_a_buffer_serves_every_step_that_it_is_large_enough_for() -> None:
    accumulator = Accumulator(nn.Parameter(torch.zeros(3)))
    places = []
    for tasks in (2, 1, 2, 3, 1, 3):
        accumulator.begin(tasks)
        assert accumulator.gradients().gradients == [None] * tasks
        for task in range(tasks):
            accumulator.add(task, torch.full((3,), float(10 * tasks + task)))
        record = accumulator.gradients()
        assert record.stacked[:, 0].tolist() == [10 * tasks + task for task in range(tasks)]
        places.append(record.stacked.data_ptr())
    assert len(set(places[:3])) == len(set(places[3:])) == 1
    assert record.stacked.shape == (3, 3)


def test_rows_are_summed_where_they_recur() -> None:
    accumulator = Accumulator(nn.Parameter(torch.zeros(6, 1)))
    accumulator.begin(3)
    accumulator.add_rows(0, torch.tensor([4, 1, 4]), torch.tensor([[1.0], [2.0], [4.0]]))
    accumulator.add_rows(2, torch.tensor([3]), torch.tensor([[8.0]]))
    accumulator.add_rows(0, torch.tensor([3, 1]), torch.tensor([[16.0], [32.0]]))

    record = accumulator.gradients()

    assert record.rows.tolist() == [1, 3, 4]
    assert record.stacked.squeeze(2).tolist() == [[34, 16, 5], [0, 0, 0], [0, 8, 0]]
    assert record.dense.tolist() == [[0]] * 6


def test_the_dense_gradient_is_zero_again_where_no_row_occurs() -> None:
    accumulator = Accumulator(nn.Parameter(torch.zeros(4, 1)))
    filled = []
    for rows in ([0, 2], [2, 3], [], [1]):
        accumulator.begin(1)
        if rows:
            accumulator.add_rows(0, torch.tensor(rows), torch.ones(len(rows), 1))
        record = accumulator.gradients()
        if record.rows is not None:
            assert record.full(record.gradients[0]) is record.dense
            filled.append(record.dense.flatten().tolist())
    assert filled == [[1, 0, 1, 0], [0, 0, 1, 1], [0, 1, 0, 0]]


def test_a_table_may_not_be_used_in_another_way_too() -> None:
    accumulator = Accumulator(nn.Parameter(torch.zeros(4, 1)))
    accumulator.begin(1)
    accumulator.add_rows(0, torch.tensor([1]), torch.ones(1, 1))
    accumulator.add(0, torch.ones(4, 1))
    with pytest.raises(BrokenSegments, match="one parameter as an embedding table and in another"):
        accumulator.gradients()


# --- inner products ---------------------------------------------------------------------------


def product_of(accumulator: Accumulator, *, tasks: Sequence[int] = (0, 1)) -> Tensor | None:
    for task in tasks:
        accumulator.add(task, numbers(BLOCK + task)[:BLOCK])
        accumulator.end_pass()
    return accumulator.gradients().products


def test_inner_products_are_taken_once_all_tasks_are_there() -> None:
    accumulator = Accumulator(nn.Parameter(torch.zeros(BLOCK, dtype=torch.float64)))
    accumulator.begin(2, take_products=True)
    assert product_of(accumulator, tasks=[1]) is None
    products = product_of(accumulator)
    rows = accumulator.gradients().stacked
    torch.testing.assert_close(products, rows @ rows.T, rtol=0, atol=1e-9)
    assert products.dtype == torch.float64


def test_inner_products_of_later_sums_are_taken_anew() -> None:
    accumulator = Accumulator(nn.Parameter(torch.zeros(BLOCK, dtype=torch.float64)))
    accumulator.begin(2, take_products=True)
    once = product_of(accumulator)
    torch.testing.assert_close(product_of(accumulator), 4 * once, rtol=1e-12, atol=0)
    accumulator.begin(2, take_products=True)
    assert accumulator.gradients().products is None


@pytest.mark.parametrize(("size", "take_products"), [(BLOCK, False), (BLOCK - 1, True)])
def test_inner_products_are_left_to_others(size: int, take_products: bool) -> None:
    accumulator = Accumulator(nn.Parameter(torch.zeros(size, dtype=torch.float64)))
    accumulator.begin(1, take_products=take_products)
    accumulator.add(0, numbers(size))
    accumulator.end_pass()
    assert accumulator.gradients().products is None
