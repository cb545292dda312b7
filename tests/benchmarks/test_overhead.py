"""What the harness itself takes of a step: drawing examples, hashing, bookkeeping."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import pytest

from contenders import CONTENDERS, OUR_PCGRAD, OUR_SUM
from contenders.report import Report
from contenders.rounds import WARMUP, clock, replay

BATCH_SIZE = 8


@pytest.mark.benchmark(timer=clock)
@pytest.mark.parametrize("name", [OUR_SUM, OUR_PCGRAD])
def test_overhead(
    name: str, work: Callable[..., Any], rounds: int, report: Report, benchmark: Any
) -> None:
    """Per step, the seconds of a trainer outside of gradients, combiner and optimizer."""
    given = work(BATCH_SIZE, WARMUP + 2 * rounds)
    ours = CONTENDERS[name].build(given)
    record = ours.trainer.record
    walls, own = [], []
    for taken in given.draws():
        computed, started = record.computing, perf_counter()
        ours.step(taken)
        walls.append(perf_counter() - started)
        own.append(walls[-1] - (record.computing - computed))
    share = sum(own[WARMUP:]) / sum(walls[WARMUP:])
    report.overhead[name] = share
    replay(benchmark, "the harness's own part of a step", own[WARMUP:], share=share)
