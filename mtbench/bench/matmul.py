"""Matrix products: how many a piece of work asks for, and how fast this machine does them."""

import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from mtbench import devices

aten = torch.ops.aten


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query, key, value))


def _attention_backward(
    gradient: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any
) -> int:
    return int(sdpa_backward_flop_count(gradient, query, key, value))


ATTENTION_ON_CPU = {
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
}
"""What torch's counter leaves out on a CPU, and counts on a GPU."""


def _added(_: Any, left: Any, right: Any, *__: Any, **___: Any) -> int:
    return int(2 * math.prod(left) * right[-1])


IN_PLACE = {aten.addmm_: _added, aten.baddbmm_: _added}
"""What torch's counter leaves out everywhere: its table has the functional forms only."""

PRODUCTS = (aten.mm, aten.addmm, aten.addmm_)

REPETITIONS = {devices.CPU: 1, devices.CUDA: 16}
"""Times that a product is done on the clock; a single one on a GPU is mostly launch and wait."""


@dataclass
class Products:
    """The matrix products of a piece of work.

    Attributes:
        flops: floating-point operations in them, attention's among them.
        types: how often the two-dimensional ones came in each type.
    """

    flops: int
    types: Counter[torch.dtype]


class _Types(TorchDispatchMode):
    """Notes the types in which two-dimensional products are computed, autocast seen."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: Counter[torch.dtype] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        if func.overloadpacket in PRODUCTS:
            self.seen[args[-1].dtype] += 1
        return func(*args, **(kwargs or {}))


@contextmanager
def counting() -> Iterator[Products]:
    """Count the matrix products inside; what is there afterwards is the count."""
    products = Products(0, Counter())
    counter = FlopCounterMode(display=False, custom_mapping=ATTENTION_ON_CPU | IN_PLACE)
    types = _Types()
    with counter, types:
        yield products
    products.flops, products.types = counter.get_total_flops(), types.seen


def distinct_weights(module: nn.Module) -> list[Tensor]:
    """Return one weight [out, in] for each shape among a module's linear layers."""
    weights = {
        (tuple(layer.weight.shape), layer.weight.requires_grad): layer.weight
        for layer in module.modules()
        if isinstance(layer, nn.Linear)
    }
    return list(weights.values())


def multiply(weights: Sequence[Tensor], tokens: int, dtype: torch.dtype) -> tuple[int, float]:
    """Do the products of training once for each weight: x W^T, g W and g^T x.

    A frozen weight has the first of them only. Each product is done once before it is timed: the
    first time finds its operands in no cache. On a GPU a batch of repetitions is timed as one.

    Args:
        weights: [out, in] each.
        tokens: rows of x [tokens, in] and g [tokens, out].
        dtype: of all of them.

    Returns:
        floating-point operations, and the seconds they took.
    """
    flops, seconds = 0, 0.0
    for weight in weights:
        w = weight.detach().to(dtype)
        x = torch.randn(tokens, w.shape[1], device=w.device, dtype=dtype)
        g = torch.randn(tokens, w.shape[0], device=w.device, dtype=dtype)
        pairs = [(x, w.t()), (g, w), (g.t(), x)] if weight.requires_grad else [(x, w.t())]
        for left, right in pairs:
            out = left @ right
            synchronise(w.device)
            repetitions = REPETITIONS[w.device.type]
            started = time.perf_counter()
            for _ in range(repetitions):
                torch.mm(left, right, out=out)
            synchronise(w.device)
            seconds += time.perf_counter() - started
            flops += repetitions * 2 * left.shape[0] * left.shape[1] * right.shape[1]
    return flops, seconds


def synchronise(device: torch.device) -> None:
    """Wait until a device has done what it was given; a CPU has when the call is back."""
    if device.type == devices.CUDA:
        torch.cuda.synchronize(device)
