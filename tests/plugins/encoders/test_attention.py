from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mtbench.api import RaggedBatch, Tokens
from mtbench.model.batching import ragged
from mtbench_builtins.encoders.attention import MULTIPLE, Layout, attend, nested
from mtbench_builtins.encoders.dropout import draw

HEADS, WIDTH = 2, 6  # of a head: 3

LENGTHS: dict[str, tuple[int, ...]] = {
    "mixed": (4, 1, 7, 2, 4, 4, 1, 3),
    "several groups": (9, 8, 17, 1, 16, 12, 8),
    "descending": (5, 4, 3, 2, 1),
    "one sequence": (6,),
    "one token": (1,),
    "one token each": (1, 1, 1),
    "equal": (3, 3, 3, 3),
}

# The path for other devices than the CPU; PyTorch calls its nested tensors a prototype.
PROTOTYPE = pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")

Path = Callable[[Tensor, Layout, float], Tensor]


def batch_of(lengths: Sequence[int]) -> RaggedBatch:
    return ragged([Tokens([1] * length, [0] * length) for length in lengths])


def numbers(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def parts(rows: Tensor, heads: int) -> tuple[Tensor, ...]:
    """Return a sequence's queries, keys and values [h, l, e], from rows [l, 3 d]."""
    return tuple(x.unflatten(1, (heads, -1)).transpose(0, 1) for x in rows.chunk(3, dim=1))


def joined(outputs: Tensor) -> Tensor:
    """Return the heads' outputs [h, l, e] as rows [l, d]."""
    return outputs.transpose(0, 1).flatten(1)


def one_by_one(qkv: Tensor, lengths: Sequence[int], heads: int = HEADS) -> Tensor:
    """Return the attention of each sequence by itself, by PyTorch's own function."""
    return torch.cat(
        [
            joined(F.scaled_dot_product_attention(*parts(rows, heads)))
            for rows in qkv.split(list(lengths))
        ]
    )


def explicit(
    qkv: Tensor, lengths: Sequence[int], masks: Sequence[Tensor], heads: int = HEADS
) -> Tensor:
    """Return the attention of each sequence by the equation, under given masks [h, l, l]."""
    outputs = []
    for rows, factors in zip(qkv.split(list(lengths)), masks, strict=True):
        q, k, v = parts(rows, heads)
        weights = (q @ k.mT / q.shape[2] ** 0.5).softmax(dim=2)
        outputs.append(joined((weights * factors) @ v))
    return torch.cat(outputs)


def with_gradient(
    compute: Callable[[Tensor], Tensor], qkv: Tensor, factors: Tensor
) -> tuple[Tensor, Tensor]:
    """Return outputs, and the gradient of their weighted sum."""
    given = qkv.detach().clone().requires_grad_()
    output = compute(given)
    (gradient,) = torch.autograd.grad((output * factors).sum(), given)
    return output.detach(), gradient


# --- without dropout --------------------------------------------------------------------------


@PROTOTYPE
@pytest.mark.parametrize("path", [attend, nested])
@pytest.mark.parametrize("heads", [1, 2, 6])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_equals_pytorchs_attention_sequence_by_sequence(
    lengths: tuple[int, ...], heads: int, path: Path
) -> None:
    qkv, factors = numbers(sum(lengths), 3 * WIDTH), numbers(sum(lengths), WIDTH)
    layout = Layout(batch_of(lengths), heads)
    found = with_gradient(lambda x: path(x, layout, 0.0), qkv, factors)
    expected = with_gradient(lambda x: one_by_one(x, lengths, heads), qkv, factors)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    if max(lengths) > 1:
        assert found[1][:, :WIDTH].abs().max() > 1e-3  # of the queries


@pytest.mark.parametrize("lengths", [(2, 1, 3, 2), (4,)], ids=["mixed", "one sequence"])
def test_the_gradient_is_that_of_small_differences(lengths: tuple[int, ...]) -> None:
    qkv = numbers(sum(lengths), 3 * WIDTH).requires_grad_()
    layout = Layout(batch_of(lengths), HEADS)
    assert torch.autograd.gradcheck(lambda x: attend(x, layout, 0.0), (qkv,))


def test_a_pinned_output() -> None:
    # Scores 0 and ln 3: the first token takes a quarter of itself and three of the second.
    # With scores 0 and 0, the second token takes half of each.
    ln3 = torch.log(torch.tensor(3.0)).item()
    qkv = torch.tensor([[1.0, 0.0, 8.0], [0.0, ln3, 4.0], [5.0, 5.0, 7.0]])
    output = attend(qkv, Layout(batch_of((2, 1)), 1), 0.0)
    assert output.flatten().tolist() == pytest.approx([5, 6, 7])


@PROTOTYPE
@pytest.mark.parametrize("path", [attend, nested])
def test_large_scores_overflow_nowhere(path: Path) -> None:
    lengths = LENGTHS["mixed"]
    qkv = 100 * numbers(sum(lengths), 3 * WIDTH).float()
    found = with_gradient(
        lambda x: path(x, Layout(batch_of(lengths), HEADS), 0.0), qkv, numbers(26, WIDTH).float()
    )
    assert all(value.isfinite().all() for value in found)


@PROTOTYPE
@pytest.mark.parametrize("path", [attend, nested])
def test_bfloat16(path: Path) -> None:
    lengths = LENGTHS["mixed"]
    qkv, factors = numbers(sum(lengths), 3 * WIDTH), numbers(sum(lengths), WIDTH)
    expected = with_gradient(lambda x: one_by_one(x, lengths), qkv, factors)
    layout = Layout(batch_of(lengths), HEADS)
    found = with_gradient(lambda x: path(x, layout, 0.0), qkv.bfloat16(), factors.bfloat16())
    for value, exact in zip(found, expected, strict=True):
        assert value.dtype == torch.bfloat16
        assert (value - exact).norm() < 0.02 * exact.norm()


def test_no_sequence_sees_another() -> None:
    lengths = (3, 11, 8)
    qkv = numbers(sum(lengths), 3 * WIDTH)
    output = attend(qkv, Layout(batch_of(lengths), HEADS), 0.0)
    qkv[:3] *= 1e200
    assert torch.equal(attend(qkv, Layout(batch_of(lengths), HEADS), 0.0)[3:], output[3:])


def test_the_result_is_a_stream_of_its_own() -> None:
    lengths = LENGTHS["mixed"]
    qkv = numbers(sum(lengths), 3 * WIDTH)
    before = qkv.clone()
    output = attend(qkv, Layout(batch_of(lengths), HEADS), 0.5)
    assert output.shape == (sum(lengths), WIDTH)
    assert output.is_contiguous()
    assert torch.equal(qkv, before)


def test_one_layout_serves_all_layers() -> None:
    lengths = LENGTHS["mixed"]
    layout, qkv = Layout(batch_of(lengths), HEADS), numbers(sum(lengths), 3 * WIDTH)
    first = attend(qkv, layout, 0.0)
    attend(2 * qkv, layout, 0.5)
    assert torch.equal(attend(qkv, layout, 0.0), first)


# --- with dropout -----------------------------------------------------------------------------


def padded(length: int) -> int:
    return -(-length // MULTIPLE) * MULTIPLE


def masks_of(factors: Tensor, lengths: Sequence[int], heads: int) -> list[Tensor]:
    """Cut a mask for a batch into one a sequence [h, l, l], in the caller's order.

    What is drawn goes to the sequences in ascending order of length, and then as given, and is
    for what pads them too.
    """
    masks: dict[int, Tensor] = {}
    start = 0
    for index in sorted(range(len(lengths)), key=lambda index: lengths[index]):
        length, rows = lengths[index], padded(lengths[index])
        size = heads * rows**2
        masks[index] = factors[start : start + size].view(heads, rows, rows)[:, :length, :length]
        start += size
    assert start == len(factors)
    return [masks[index] for index in range(len(lengths))]


def attend_seeded(qkv: Tensor, layout: Layout) -> Tensor:
    """Return attention under the mask that ``draw`` gives first after the same seed."""
    torch.manual_seed(7)
    return attend(qkv, layout, 0.25)


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_dropout_equals_the_explicit_computation_under_the_same_mask(
    lengths: tuple[int, ...], heads: int
) -> None:
    qkv, factors = numbers(sum(lengths), 3 * WIDTH), numbers(sum(lengths), WIDTH)
    layout = Layout(batch_of(lengths), heads)
    found = with_gradient(lambda x: attend_seeded(x, layout), qkv, factors)

    torch.manual_seed(7)
    drawn = draw(heads * sum(padded(length) ** 2 for length in lengths), 0.25, torch.float64)
    masks = masks_of(drawn, lengths, heads)
    expected = with_gradient(lambda x: explicit(x, lengths, masks, heads), qkv, factors)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def test_the_gradient_under_a_mask_is_that_of_small_differences() -> None:
    layout = Layout(batch_of((2, 1, 3, 2)), HEADS)
    qkv = numbers(8, 3 * WIDTH).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: attend_seeded(x, layout), (qkv,))


def test_without_dropout_nothing_is_drawn() -> None:
    state = torch.get_rng_state()
    attend(numbers(3, 3 * WIDTH), Layout(batch_of((2, 1)), HEADS), 0.0)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_mask_follows_the_global_generator() -> None:
    lengths = LENGTHS["mixed"]
    layout, qkv = Layout(batch_of(lengths), HEADS), numbers(sum(lengths), 3 * WIDTH)
    outputs = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        outputs.append(attend(qkv, layout, 0.5))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


# --- other devices ----------------------------------------------------------------------------


@PROTOTYPE
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
def test_cuda_gives_what_the_cpu_gives(lengths: tuple[int, ...]) -> None:
    heads, width = 2, 32
    qkv = numbers(sum(lengths), 3 * width).float()
    factors = numbers(sum(lengths), width).float()
    sequences = [Tokens([1] * length, [0] * length) for length in lengths]
    on_cpu, on_cuda = (
        with_gradient(
            lambda x, device=device: attend(
                x, Layout(ragged(sequences, None, device), heads), 0.0
            ),
            qkv.to(device),
            factors.to(device),
        )
        for device in ("cpu", "cuda")
    )
    for found, expected in zip(on_cuda, on_cpu, strict=True):
        assert found.device.type == "cuda"
        torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=1e-4)
