"""How often intervals of simulated runs hold the truth: the tables of docs/statistics.md."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from mtbench.evidence.pseudo_values import pseudo_values
from mtbench.evidence.statistics import ALPHA, Interval, Sample, interval

Array = NDArray[np.float64]

ALL, CELL, RUN = math.sqrt(0.55), math.sqrt(0.1), math.sqrt(0.35)
"""What of an example's difficulty is all runs' (55 %), a cell's (10 %), and a run's own (35 %)."""

PEARSON = 0.8
"""Correlation that a simulated similarity task has."""

DRAWS = 400
"""Resamples of a bootstrap, or flips of the signs."""

Pair = Callable[[np.random.Generator], tuple[Sample, Sample]]


def accuracies(
    rng: np.random.Generator, seeds: int, examples: int, sd: float, accuracy: float
) -> tuple[Sample, Sample]:
    """Simulate two cells of the same accuracy.

    A run is right on an example where ability less difficulty is above 0, both normal.

    Args:
        sd: standard deviation of a cell's accuracy over seeds, examples aside.
    """
    level, slope = norm.ppf(accuracy), norm.pdf(norm.ppf(accuracy))
    common = level + ALL * rng.standard_normal(examples, dtype=np.float32)

    def cell() -> Sample:
        ability = sd / slope * rng.standard_normal((seeds, 1), dtype=np.float32)
        own = CELL * rng.standard_normal(examples, dtype=np.float32)
        noise = RUN * rng.standard_normal((seeds, examples), dtype=np.float32)
        right = (common + own + noise + ability > 0).astype(float)
        return Sample(right.mean(axis=1), right)

    return cell(), cell()


def correlations(
    rng: np.random.Generator, seeds: int, examples: int, sd: float
) -> tuple[Sample, Sample]:
    """Simulate two cells whose predictions have the same correlation with normal labels.

    Args:
        sd: standard deviation of a cell's correlation over seeds, examples aside.
    """
    labels = rng.standard_normal(examples)
    common = ALL * rng.standard_normal(examples)
    scale = math.sqrt(1 / PEARSON**2 - 1)
    spread = sd / (PEARSON * (1 - PEARSON**2))  # the correlation's slope in log(scale), inverted

    def cell() -> Sample:
        own = CELL * rng.standard_normal(examples)
        rows = []
        scores = []
        for _ in range(seeds):
            noise = common + own + RUN * rng.standard_normal(examples)
            predicted = labels + scale * math.exp(spread * rng.standard_normal()) * noise
            values = pseudo_values("pearson", predicted, labels)
            assert values is not None  # neither side is constant
            rows.append(values)
            scores.append(np.corrcoef(predicted, labels)[0, 1])
        return Sample(np.array(scores), np.stack(rows))

    return cell(), cell()


def alarms(intervals: Sequence[Interval]) -> float:
    """Return the share of intervals that do not hold 0."""
    return float(np.mean([not found.low <= 0 <= found.high for found in intervals]))


def paired(simulate: Sequence[Pair], rng: np.random.Generator, times: int) -> Iterator[Interval]:
    """Yield intervals of the overall difference of two equal cells, one a simulated study.

    Args:
        simulate: each task's two cells.
    """
    for _ in range(times):
        found = interval([a - b for a, b in (task(rng) for task in simulate)])
        assert found is not None  # there are examples
        yield found


def sign_flips(rng: np.random.Generator, differences: Array) -> bool:
    """Whether flipping the signs of the examples' mean differences calls them significant."""
    columns = differences.mean(axis=0)
    columns = columns[columns != 0]  # of nought the sign says nothing
    signs = 2 * rng.integers(0, 2, (DRAWS, columns.size), dtype=np.int8) - 1
    larger = np.abs(signs @ columns) >= abs(columns.sum()) - 1e-9
    return bool((1 + larger.sum()) / (1 + DRAWS) < ALPHA)


def bootstrap(rng: np.random.Generator, differences: Array, *, seeds: bool) -> bool:
    """Whether a percentile bootstrap over examples, and over seeds too, excludes 0."""
    count, examples = differences.shape
    drawn = rng.multinomial(count, np.full(count, 1 / count), DRAWS) if seeds else np.ones(count)
    rows = np.broadcast_to(drawn @ differences / count, (DRAWS, examples))
    places = rng.integers(0, examples, (DRAWS, examples))
    means = np.take_along_axis(rows, places, axis=1).mean(axis=1)
    low, high = np.quantile(means, [ALPHA / 2, 1 - ALPHA / 2])
    return bool(not low <= 0 <= high)


def coverage_table(times: int, counts: Sequence[int], sizes: Sequence[int]) -> Iterator[str]:
    """Yield the lines of the table of coverage: accuracies .5 and .8."""
    yield "| E | sd | " + " | ".join(f"S = {seeds}" for seeds in counts) + " |"
    yield "|---:" * (2 + len(counts)) + "|"
    for size in sizes:
        for sd in (0, 0.003, 0.01, 0.03):
            cells = []
            for seeds in counts:
                rng = np.random.default_rng([seeds, size, round(1000 * sd)])
                both = [
                    1 - alarms(list(paired([task_of(seeds, size, sd, level)], rng, times)))
                    for level in (0.5, 0.8)
                ]
                cells.append(" / ".join(f"{100 * share:.1f}" for share in both))
            yield f"| {size} | {sd} | {' | '.join(cells)} |"


def overall_table(times: int, counts: Sequence[int], size: int) -> Iterator[str]:
    """Yield the lines of that of the overall of three tasks: two accuracies and a Pearson."""
    yield "| sd | " + " | ".join(f"S = {seeds}" for seeds in counts) + " |"
    yield "|---:" * (1 + len(counts)) + "|"
    for sd in (0, 0.003, 0.01, 0.03):
        cells = []
        for seeds in counts:
            rng = np.random.default_rng([seeds, size, round(1000 * sd)])
            tasks = [task_of(seeds, size, sd, level) for level in (0.5, 0.8, None)]
            cells.append(f"{100 * (1 - alarms(list(paired(tasks, rng, times)))):.1f}")
        yield f"| {sd} | {' | '.join(cells)} |"


def task_of(seeds: int, examples: int, sd: float, accuracy: float | None) -> Pair:
    """Return the simulation of a task: of an accuracy, or of a correlation for None."""
    if accuracy is None:
        return lambda rng: correlations(rng, seeds, examples, sd)
    return lambda rng: accuracies(rng, seeds, examples, sd, accuracy)


def methods_table(times: int, counts: Sequence[int], size: int, sd: float) -> Iterator[str]:
    """Yield the lines of the table of false alarms, by method."""
    names = ("sign flips", "bootstrap: examples", "bootstrap: seeds x examples", "this interval")
    yield f"| S | {' | '.join(names)} |"
    yield "|---:" * (1 + len(names)) + "|"
    for seeds in counts:
        rng = np.random.default_rng([seeds, size])
        found = []
        for _ in range(times):
            a, b = accuracies(rng, seeds, size, sd, 0.8)
            ours = interval([a - b])
            assert ours is not None
            d = (a - b).outcomes
            flips = sign_flips(rng, d)
            resampled = [bootstrap(rng, d, seeds=both) for both in (False, True)]
            found.append([flips, *resampled, alarms([ours]) == 1])
        yield f"| {seeds} | {' | '.join(f'{100 * x:.1f}' for x in np.mean(found, axis=0))} |"


def main(times: int) -> None:
    """Print the tables.

    Args:
        times: simulated studies a number; a fifth of it for the methods, which resample.
    """
    tables = (
        coverage_table(times, (2, 3, 5, 10), (40, 200, 1000, 10_000)),
        overall_table(times, (2, 3, 5, 10), 1000),
        methods_table(times // 5, (3, 5, 10), 10_000, 0.0095),
    )
    for table in tables:
        for line in table:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        sys.stdout.write("\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
