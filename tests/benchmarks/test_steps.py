"""One training step on three tasks: mtbench beside other ways of taking it."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch

from contenders import CONTENDERS, OUR_PCGRAD, OUR_SUM
from contenders.products import Products
from contenders.report import PRODUCTS, Measured, Report
from contenders.rounds import WARMUP, clock, replay, take_turns

SIZES = (8, 32)
"""Examples a task in a step."""
YARDSTICK = "transformers-sum"

pytestmark = pytest.mark.benchmark(timer=clock)
sized = pytest.mark.parametrize("size", SIZES, ids="batch{}".format)
named = pytest.mark.parametrize("name", CONTENDERS)
Measure = Callable[[int], Measured]


@pytest.fixture(scope="module")
def measured(work: Callable[..., Any], rounds: int, threads: int, report: Report) -> Measure:
    """Give a function that lets all contenders take turns, once a batch size."""

    @cache
    def measure(size: int) -> Measured:
        torch.set_num_threads(threads)
        given = work(size, rounds + WARMUP)
        built = {
            name: entry.build(given) for name, entry in CONTENDERS.items() if not entry.missing()
        }
        products = Products(given)
        turns = {name: contender.step for name, contender in built.items()}
        seconds = take_turns({**turns, PRODUCTS: products.step}, given.draws())
        lengths = [given.lengths(taken) for taken in given.draws()][WARMUP:]
        operations = [products.operations(of_round) for of_round in lengths]
        done = Measured(
            seconds=seconds,
            tokens=[sum(of_round) for of_round in lengths],
            work=[
                products.operations_of_a_step(of_round) / of_products
                for of_round, of_products in zip(lengths, operations, strict=True)
            ],
            rates=[n / s for n, s in zip(operations, seconds[PRODUCTS], strict=True)],
        )
        report.steps[size] = done
        return done

    return measure


@sized
@named
def test_step(name: str, size: int, measured: Measure, benchmark: Any) -> None:
    if reason := CONTENDERS[name].missing():
        pytest.skip(reason)
    done = measured(size)
    replay(
        benchmark,
        f"a step, {size} examples a task",
        done.seconds[name],
        ratio_to_our_sum=done.median_ratio(name, OUR_SUM),
        ratio_to_our_pcgrad=done.median_ratio(name, OUR_PCGRAD),
        tokens_per_second=done.tokens_per_second(name),
        share_of_matrix_products=done.share_of_products(name),
    )


@sized
@pytest.mark.parametrize("name", [OUR_SUM, OUR_PCGRAD])
def test_ratio(name: str, size: int, measured: Measure, benchmark: Any) -> None:
    """Our time in steps of transformers: a number that machines can compare, "1 s" being 1."""
    if reason := CONTENDERS[YARDSTICK].missing():
        pytest.skip(reason)
    seconds = measured(size).seconds
    replay(
        benchmark,
        f"a step over that of {CONTENDERS[YARDSTICK].title}, {size} examples a task (s is ×)",
        [own / other for own, other in zip(seconds[name], seconds[YARDSTICK], strict=True)],
    )
