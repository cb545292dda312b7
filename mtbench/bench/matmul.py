"""Matrix products: how many a piece of work asks for, and how fast this machine does them."""

import math
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
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

REPETITIONS = {devices.CPU: 1, devices.CUDA: 16}
"""Times that a product is done on the clock; a single one on a GPU is mostly launch and wait."""


def counting() -> FlopCounterMode:
    """Return what counts the operations of matrix products, attention's among them, within it."""
    return FlopCounterMode(display=False, custom_mapping=ATTENTION_ON_CPU | IN_PLACE)


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
