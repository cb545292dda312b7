from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from torch import Tensor, nn

from mtbench.gradients.accumulators import Accumulator, Accumulators, BrokenSegments
from mtbench.gradients.jacobian import ParameterGradients
from mtbench.gradients.layers import TaskRows, embedding, linear, norm
from mtbench.model.batching import ragged
from mtbench.protocols import RaggedBatch, Tokens

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


# --- lower precision --------------------------------------------------------------------------


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
