"""The report: what was measured, as tables in Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from tabulate import tabulate

from contenders import CONTENDERS, OUR_PCGRAD, OUR_SUM
from contenders.encoding import OURS, OURS_TEXT, TITLES

PRODUCTS = "products"
"""Under this name the matrix products take their turn beside the contenders."""

NONE = "–"


@dataclass(frozen=True)
class Measured:
    """Rounds of one comparison.

    Attributes:
        seconds: by name, of each round.
        tokens: real tokens of each round.
        work: floating-point operations of a step over those of the matrix products, a round.
        rates: floating-point operations a second of the matrix products, a round.
    """

    seconds: Mapping[str, Sequence[float]]
    tokens: Sequence[int]
    work: Sequence[float] = ()
    rates: Sequence[float] = ()

    def median_ratio(self, name: str, to: str) -> float:
        """Return the median over the rounds of one contender's time over another's."""
        pairs = zip(self.seconds[name], self.seconds[to], strict=True)
        return median(one / other for one, other in pairs)

    def quartiles(self, name: str) -> tuple[float, float, float]:
        """Return the quartiles of a contender's seconds."""
        low, middle, high = np.quantile(self.seconds[name], (0.25, 0.5, 0.75))
        return float(low), float(middle), float(high)

    def tokens_per_second(self, name: str) -> float:
        """Return the median over the rounds of real tokens a second."""
        return median(n / s for n, s in zip(self.tokens, self.seconds[name], strict=True))

    def share_of_products(self, name: str) -> float:
        """Return the rate at which a step's operations are done, over that of the products."""
        rounds = zip(self.work, self.seconds[PRODUCTS], self.seconds[name], strict=True)
        return median(work * products / own for work, products, own in rounds)


@dataclass
class Report:
    """All that a session has measured.

    Attributes:
        facts: what the numbers depend on, a line each.
        steps: by examples a task.
        memory: MB above the process before it has a model, by examples a task and contender.
        gradients_mb: size of one gradient a task.
        encoding: of a dev set.
        overhead: share of a step that is the harness's own, by contender.
    """

    facts: list[str] = field(default_factory=list)
    steps: dict[int, Measured] = field(default_factory=dict)
    memory: dict[tuple[int, str], float] = field(default_factory=dict)
    gradients_mb: float | None = None
    encoding: Measured | None = None
    overhead: dict[str, float] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """Yield the tables, each under its title; nothing where nothing was measured."""
        sections = [
            *((f"A step, {size} examples a task", self._steps(size)) for size in self._sizes()),
            ("Predictions for the STS dev set", self._encoding()),
            ("The harness's own share of a step", self._overhead()),
        ]
        for title, table in sections:
            if table:
                yield from ("", f"### {title}", "", *table.splitlines())
        if self.gradients_mb is not None:
            yield from ("", f"One gradient a task, three tasks: {self.gradients_mb:,.0f} MB.")

    def _sizes(self) -> list[int]:
        return sorted({*self.steps, *(size for size, _ in self.memory)})

    def _steps(self, size: int) -> str:
        rows = [[entry.title, *self._row(size, name)] for name, entry in CONTENDERS.items()]
        measured = self.steps.get(size)
        rate = median(measured.rates) / 1e9 if measured else None
        return _table(
            rows,
            "contender",
            "median ms",
            "IQR ms",
            "× our sum",
            "× our pcgrad",
            "tokens/s",
            f"of {rate:,.0f} GFLOP/s" if rate else "of products",
            "peak MB",
        )

    def _row(self, size: int, name: str) -> list[str]:
        measured = self.steps.get(size)
        memory = self.memory.get((size, name))
        peak = NONE if memory is None else f"{memory:,.0f}"
        if measured is None or name not in measured.seconds:
            return [NONE] * 6 + [peak]
        return [
            *_times(measured, name),
            f"{measured.median_ratio(name, OUR_SUM):.2f}",
            f"{measured.median_ratio(name, OUR_PCGRAD):.2f}",
            f"{measured.tokens_per_second(name):,.0f}",
            f"{measured.share_of_products(name):.0%}",
            peak,
        ]

    def _encoding(self) -> str:
        measured = self.encoding
        if measured is None:
            return ""
        rows = [
            [
                TITLES[name],
                *_times(measured, name),
                f"{measured.median_ratio(name, OURS):.2f}",
                f"{measured.median_ratio(name, OURS_TEXT):.2f}",
                f"{measured.tokens_per_second(name):,.0f}",
            ]
            for name in TITLES
            if name in measured.seconds
        ]
        return _table(
            rows,
            "contender",
            "median ms",
            "IQR ms",
            "× ours, from token ids",
            "× ours, from text",
            "tokens/s",
        )

    def _overhead(self) -> str:
        rows = [[CONTENDERS[name].title, f"{share:.2%}"] for name, share in self.overhead.items()]
        return _table(rows, "contender", "1 − computing / wall") if rows else ""


def _times(measured: Measured, name: str) -> list[str]:
    low, middle, high = (1000 * seconds for seconds in measured.quartiles(name))
    return [f"{middle:,.1f}", f"{high - low:,.1f}"]


def _table(rows: Sequence[Sequence[str]], *headers: str) -> str:
    align = ("left", *["right"] * (len(headers) - 1))
    return tabulate(rows, headers, tablefmt="github", colalign=align, disable_numparse=True)
