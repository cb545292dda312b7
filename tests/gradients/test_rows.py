from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from mtbench.gradients.rows import MULTIPLE, pad, padding, parts, unpad
from mtbench.gradients.segments import Segments
from mtbench.model.batching import ragged
from mtbench.protocols import Tokens


class Products(TorchDispatchMode):
    """Notes the sizes of all matrix products."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: set[int] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm):
            for x in args:
                self.sizes |= {*x.shape} if x.ndim == 2 else set()
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("sizes", [[1], [64], [65], [3, 64, 130], [0, 2]], ids=str)
def test_rows_come_back(sizes: list[int]) -> None:
    x = torch.randn(sum(sizes), 5)

    padded = pad(x, sizes, torch.bfloat16)

    assert padded.dtype == torch.bfloat16
    assert torch.equal(unpad(padded, sizes), x.bfloat16())
    for part, size in zip(parts(padded, sizes), sizes, strict=True):
        assert len(part) % MULTIPLE == 0
        assert 0 <= len(part) - size < MULTIPLE
        assert not part[size:].any()


@pytest.fixture
def layers() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 128), nn.Tanh(), nn.Linear(128, 64, bias=False))


def gradients(module: nn.Module, x: Tensor) -> list[Tensor]:
    """Return outputs under autocast, and the gradients of parameters and input."""
    given = x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = module(given)
    y.float().square().sum().backward()
    found = [y.detach().float(), given.grad, *(p.grad for p in module.parameters())]
    module.zero_grad(set_to_none=True)
    assert all(each is not None for each in found)
    return [each for each in found if each is not None]


def test_padded_layers_give_what_the_others_give(layers: nn.Module) -> None:
    x = torch.randn(77, 64)
    expected = gradients(layers, x)

    with padding(layers):
        found = gradients(layers, x)

    for value, exact in zip(found, expected, strict=True):
        assert value.dtype == exact.dtype
        assert (value - exact).norm() < 0.01 * exact.norm()


def test_no_product_has_another_number_of_rows(layers: nn.Module) -> None:
    with padding(layers), Products() as products:
        gradients(layers, torch.randn(77, 64))
    assert products.sizes == {64, 128}


def test_recorded_layers_pad_the_rows_of_each_task(layers: nn.Module) -> None:
    lengths = (30, 47, 100)
    batch = ragged([Tokens([1] * length, [0] * length) for length in lengths], [2, 1])
    x, segments = torch.randn(sum(lengths), 64), Segments(layers)
    segments.begin(["a", "b"])
    with Products() as products:
        with segments.recording(batch, ["a", "b"]), torch.autocast("cpu", torch.bfloat16):
            y = layers(x)
        y.float().square().sum().backward()
    assert products.sizes == {64, 128, 256}  # 77 rows and 100 became 128 each

    alone = [gradients(layers, part)[2:] for part in x.split([77, 100])]
    for record, expected in zip(segments.gradients(), zip(*alone, strict=True), strict=True):
        for found, exact in zip(record.gradients, expected, strict=True):
            assert found is not None
            assert (found - exact).norm() < 0.01 * exact.norm()


def test_without_autocast_nothing_is_padded(layers: nn.Module) -> None:
    x = torch.randn(77, 64)
    expected = layers(x)
    with padding(layers), Products() as products:
        assert torch.equal(layers(x), expected)
    assert 77 in products.sizes


def test_rows_may_have_several_dimensions_and_a_vector_is_none(layers: nn.Module) -> None:
    with padding(layers), torch.autocast("cpu", torch.bfloat16), Products() as products:
        assert layers(torch.randn(3, 7, 64)).shape == (3, 7, 64)
        assert layers(torch.randn(64)).shape == (64,)
    assert products.sizes - {1} == {64, 128}  # 21 rows became 64
    assert all("forward" not in vars(layer) for layer in layers.modules())
