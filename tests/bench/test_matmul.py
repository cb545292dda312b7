from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mtbench import devices
from mtbench.bench import matmul
from mtbench.bench.matmul import counting, distinct_weights, multiply, synchronise

CPU = torch.device("cpu")


def test_a_linear_layer_has_three_products_in_training() -> None:
    layer, x = nn.Linear(8, 5), torch.randn(7, 8, requires_grad=True)

    with counting() as products:
        layer(x).sum().backward()

    assert products.get_total_flops() == 3 * (2 * 7 * 8 * 5)


@pytest.mark.parametrize(
    "product",
    [
        lambda out, a, b: torch.mm(a, b, out=out),
        torch.addmm,
        lambda out, a, b: torch.addmm(out.clone(), a, b, out=out),
        lambda out, a, b: out.addmm_(a, b),
    ],
    ids=["mm.out", "addmm", "addmm.out", "addmm_"],
)
def test_products_that_write_into_what_is_there(product: Any) -> None:
    with counting() as products:
        product(torch.zeros(7, 5), torch.randn(7, 8), torch.randn(8, 5))

    assert products.get_total_flops() == 2 * 7 * 8 * 5


@pytest.mark.parametrize(
    "product",
    [
        lambda out, a, b: torch.bmm(a, b, out=out),
        torch.baddbmm,
        lambda out, a, b: torch.baddbmm(out.clone(), a, b, out=out),
        lambda out, a, b: out.baddbmm_(a, b),
    ],
    ids=["bmm.out", "baddbmm", "baddbmm.out", "baddbmm_"],
)
def test_batched_products_that_write_into_what_is_there(product: Any) -> None:
    with counting() as products:
        product(torch.zeros(3, 7, 5), torch.randn(3, 7, 8), torch.randn(3, 8, 5))

    assert products.get_total_flops() == 3 * 2 * 7 * 8 * 5


def test_attention_counts_whichever_kernel_does_it() -> None:
    """Two products forward; backward those again for the scores, and one for q, k, v, weights."""
    q, k, v = (torch.randn(2, 4, 16, 8, requires_grad=True) for _ in range(3))
    product = 2 * (2 * 4) * 16 * 16 * 8

    with counting() as forward:
        output = F.scaled_dot_product_attention(q, k, v)
    with counting() as backward:
        output.sum().backward()

    assert (forward.get_total_flops(), backward.get_total_flops()) == (2 * product, 5 * product)


def test_each_shape_of_a_linear_layer_once() -> None:
    frozen = nn.Linear(4, 3).requires_grad_(False)
    layers = [nn.Linear(3, 4), nn.Linear(3, 4), nn.Linear(4, 3), frozen, nn.Embedding(4, 3)]

    weights = distinct_weights(nn.Sequential(*layers))

    assert [(tuple(w.shape), w.requires_grad) for w in weights] == [
        ((4, 3), True),
        ((3, 4), True),
        ((3, 4), False),
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_of_training(dtype: torch.dtype) -> None:
    weights = [torch.randn(5, 8, requires_grad=True), torch.randn(3, 2)]

    with counting() as products:
        flops, seconds = multiply(weights, 7, dtype)

    assert flops == 3 * (2 * 7 * 5 * 8) + 2 * 7 * 3 * 2  # of what is frozen, forward only
    assert products.get_total_flops() == 2 * flops  # each is done once before it is timed
    assert seconds > 0


def test_repetitions_between_two_readings_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(matmul.REPETITIONS, devices.CPU, 5)
    clock = iter(range(1000))
    monkeypatch.setattr(matmul.time, "perf_counter", lambda: next(clock))

    with counting() as products:
        flops, seconds = multiply([torch.randn(5, 8, requires_grad=True)], 7, torch.float32)

    assert flops == 5 * 3 * (2 * 7 * 5 * 8)
    assert products.get_total_flops() == 6 * 3 * (2 * 7 * 5 * 8)
    assert seconds == 3  # a reading before and one after each of three products


def test_without_linear_layers_there_is_nothing_to_multiply() -> None:
    assert multiply([], 7, torch.float32) == (0, 0.0)


def test_a_cpu_needs_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)

    synchronise(CPU)
    synchronise(torch.device("cuda", 0))

    assert waited == [torch.device("cuda", 0)]
