"""Rounds: contenders take turns, and pytest-benchmark is told what they took."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any, TypeVar

Given = TypeVar("Given")

WARMUP = 2
"""Rounds whose times are forgotten."""


def take_turns(
    contenders: Mapping[str, Callable[[Given], object]], rounds: Iterable[Given]
) -> dict[str, list[float]]:
    """Return the seconds of each contender in each round but the first ones.

    All are given the same in a round, and each round another one begins: what the machine does
    beside them hits them alike.
    """
    names = list(contenders)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for index, given in enumerate(rounds):
        first = index % len(names)
        for name in (*names[first:], *names[:first]):
            started = perf_counter()
            contenders[name](given)
            ended = perf_counter()
            if index >= WARMUP:
                seconds[name].append(ended - started)
    return seconds


class Clock:
    """A timer for pytest-benchmark that moves when it is told to, and by how much."""

    __name__ = "clock"

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds


clock = Clock()
"""The timer of every benchmark here: ``@pytest.mark.benchmark(timer=clock)``."""


def replay(benchmark: Any, group: str, seconds: Sequence[float], **extra: object) -> None:
    """Hand rounds that are over to pytest-benchmark, for its table, its JSON and its comparisons.

    Args:
        benchmark: its fixture, in a test with the mark above.
        extra: goes to ``extra_info``.
    """
    left = iter(seconds)
    benchmark.group = group
    benchmark.extra_info.update(extra)
    benchmark.pedantic(lambda: clock.advance(next(left, 0.0)), rounds=len(seconds))
