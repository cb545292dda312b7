"""Statistics: what scores over seeds and examples say about a mean or a difference.

Seeds and examples are crossed: every seed is scored on the same examples. An outcome is modelled
as d[s, e] = mean + seed[s] + example[e] + residual[s, e], all but the mean random, and the mean of
S seeds and E examples has the variance

    V = (MS_seed + max(MS_example - MS_residual, 0)) / (S E),

with the mean squares of the two-way analysis of variance. It is what reader studies use, with
readers for seeds and cases for examples. The degrees of freedom are Satterthwaite's,

    df = (sum of parts)^2 / sum(part^2 / df of part),

a function of the expected mean squares, for which the observed ones are put in. Where MS_seed is
by chance below MS_residual, MS_residual is put in for it: the model expects at least that much,
and with two or three seeds a V that is small by luck would else count as one that is well known.

docs/statistics.md has the reasons, and the coverage as it was measured. Sources: Satterthwaite
1946, An Approximate Distribution of Estimates of Variance Components (degrees of freedom);
Dorfman, Berbaum and Metz 1992, Receiver Operating Characteristic Rating Analysis (pseudo-values
as outcomes); Hillis 2007, A Comparison of Denominator Degrees of Freedom Methods for Multiple
Observer ROC Analysis (the variance, truncated at 0); Thompson 1962, The Problem of Negative
Estimates of Variance Components (mean squares held to what the model expects); Holm 1979, A
Simple Sequentially Rejective Multiple Test Procedure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""Confidence level of every interval."""

ALPHA = 1 - LEVEL
"""Share of false alarms that a family of tests may give."""

POWER = 0.8
"""With which the minimum detectable difference would be found."""

ROUNDING = 1e-12
"""Share of the variance that the model expects at least; what is smaller is taken for 0."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One task's scores over seeds, and what each example contributes to them.

    Attributes:
        scores: the task's metric, one a seed, (S,).
        outcomes: one a seed and example, (S, E): 0 or 1 for an accuracy, a pseudo-value for what
            is no mean over examples; the mean of a row is its score, or nearly.
    """

    scores: Array
    outcomes: Array

    def __sub__(self, other: Sample) -> Sample:
        """Return the paired differences: the same seeds and examples, in the same order."""
        return Sample(self.scores - other.scores, self.outcomes - other.outcomes)

    def at(self, seeds: Sequence[int]) -> Sample:
        """Return the rows of some seeds, by their places."""
        return Sample(self.scores[list(seeds)], self.outcomes[list(seeds)])


@dataclass(frozen=True)
class Interval:
    """A mean or a difference, and how sure it is.

    Attributes:
        estimate: mean over seeds, and over tasks where there are several.
        error: its standard error.
        df: degrees of freedom of the error.
        seeds: S; with one, the error is that of the examples, for this checkpoint only.
        examples: E, of all tasks together.
    """

    estimate: float
    error: float
    df: float
    seeds: int
    examples: int

    @property
    def over(self) -> str:
        """What the interval generalises over."""
        return "seeds and examples" if self.seeds > 1 else "examples, this checkpoint only"

    @property
    def low(self) -> float:
        """Lower end of the two-sided interval."""
        return self.estimate - self._reach(1 - ALPHA / 2)

    @property
    def high(self) -> float:
        """Upper end of the two-sided interval."""
        return self.estimate + self._reach(1 - ALPHA / 2)

    @property
    def p(self) -> float:
        """Two-sided p value of "it is 0"."""
        return min(1.0, 2 * min(self.p_below(0.0), self.p_above(0.0)))

    def p_below(self, bound: float) -> float:
        """One-sided p value of "it is at least ``bound``": small where it is below."""
        from scipy.special import stdtr

        if self.error == 0:
            return float(self.estimate >= bound)
        return float(stdtr(self.df, (self.estimate - bound) / self.error))

    def p_above(self, bound: float) -> float:
        """One-sided p value of "it is at most ``bound``": small where it is above."""
        from scipy.special import stdtr

        if self.error == 0:
            return float(self.estimate <= bound)
        return float(stdtr(self.df, (bound - self.estimate) / self.error))

    def lower_bound(self, alpha: float = ALPHA) -> float:
        """One-sided lower bound, at the confidence 1 - ``alpha``."""
        return self.estimate - self._reach(1 - alpha)

    def detectable(self) -> float:
        """Smallest difference that a test with this error would find with ``POWER``."""
        return self._reach(1 - ALPHA / 2) + self._reach(POWER)

    def _reach(self, quantile: float) -> float:
        from scipy.special import stdtrit  # scipy.stats takes three quarters of a second

        return self.error * float(stdtrit(self.df, quantile)) if self.error else 0.0


@dataclass(frozen=True)
class _Part:
    """A part of a variance.

    Attributes:
        size: as it was measured, with sign.
        df: its degrees of freedom.
        least: what the model expects of it at least.
    """

    size: float
    df: float
    least: float = -math.inf

    @property
    def expected(self) -> float:
        """What it is taken to be where it tells how sure the variance is."""
        return max(self.size, self.least)


def interval(tasks: Sequence[Sample]) -> Interval | None:
    """Return the interval of the mean over tasks, seeds and examples.

    Args:
        tasks: one or several, with the same seeds. What a seed does to all of them stays
            together; the examples of two tasks are independent.

    Returns:
        None where a task has fewer than two examples.
    """
    return _interval(tasks)


def unpaired_interval(tasks: Sequence[Sample], others: Sequence[Sample]) -> Interval | None:
    """Return the interval of a difference between runs of different seeds.

    Args:
        tasks: of the one, with S seeds.
        others: the same tasks and examples of the other, with S' seeds of its own; S and S' are
            at least 2. (With one, its seed adds nothing, and the interval is labelled so.)

    Returns:
        None where a task has fewer than two examples.
    """
    return _interval(tasks, others)


def _of_seeds(tasks: Sequence[Sample], share: float) -> Iterator[_Part]:
    """Yield the seeds' part: MS_seed / (S E), from the seeds' means over the tasks.

    Args:
        share: of each task in the mean over tasks.
    """
    rows = share * np.sum([task.outcomes.mean(axis=1) for task in tasks], axis=0)
    if len(rows) > 1:
        least = share**2 * math.fsum(_of_residuals(task.outcomes) for task in tasks)
        yield _Part(float(np.var(rows, ddof=1)) / len(rows), len(rows) - 1, least)


def _of_examples(columns: Array, sides: Sequence[Array], share: float) -> Sequence[_Part]:
    """Return the examples' part, (MS_example - MS_residual) / (S E), or nothing below 0.

    Args:
        columns: the examples' means over the seeds, or the differences of these, (E,).
        sides: the outcomes behind them, (S, E) each.
        share: of the task in the mean over tasks.
    """
    df = len(columns) - 1
    parts = [_Part(share**2 * float(np.var(columns, ddof=1)) / len(columns), df)]
    for outcomes in sides:
        if len(outcomes) > 1:
            size = -(share**2) * _of_residuals(outcomes)
            parts.append(_Part(size, (len(outcomes) - 1) * df))
    return parts if math.fsum(part.size for part in parts) > 0 else []


def _of_residuals(outcomes: Array) -> float:
    """Return MS_residual / (S E): what neither seed nor example explains."""
    rows, columns = outcomes.mean(axis=1, keepdims=True), outcomes.mean(axis=0, keepdims=True)
    squares = float(np.square(outcomes - rows - columns + outcomes.mean()).sum())
    seeds, examples = len(outcomes), len(outcomes.T)
    return squares / ((seeds - 1) * (examples - 1)) / (seeds * examples)


def _interval(*sides: Sequence[Sample]) -> Interval | None:
    """Return the interval of one side, or of the first minus the second, after Satterthwaite."""
    tasks = sides[0]
    if any(task.outcomes.shape[1] < 2 for task in tasks):
        return None
    share = 1 / len(tasks)
    parts = [part for side in sides for part in _of_seeds(side, share)]
    for samples in zip(*sides, strict=True):
        columns, *subtracted = (sample.outcomes.mean(axis=0) for sample in samples)
        for means in subtracted:
            columns = columns - means
        parts += _of_examples(columns, [sample.outcomes for sample in samples], share)
    variance = math.fsum(part.size for part in parts)
    expected = math.fsum(part.expected for part in parts)
    if variance <= ROUNDING * expected:
        # Seeds whose means are equal by chance, as on a dozen examples, are no certainty.
        variance = expected
    spread = math.fsum(part.expected**2 / part.df for part in parts)
    estimate, *less = (float(np.mean([task.scores.mean() for task in side])) for side in sides)
    return Interval(
        estimate=estimate - math.fsum(less),
        error=math.sqrt(variance),
        df=expected**2 / spread if spread else math.inf,
        seeds=min(len(side[0].scores) for side in sides),
        examples=sum(task.outcomes.shape[1] for task in tasks),
    )


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Return Holm's adjusted p values of a family, in the order given; None for no p value."""
    family = sorted((value, place) for place, value in enumerate(values) if value is not None)
    adjusted: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (value, place) in enumerate(family):
        largest = max(largest, min(1.0, (len(family) - rank) * value))
        adjusted[place] = largest
    return adjusted


def holm_over_seeds(differences: Sequence[Interval | None]) -> list[float | None]:
    """Return Holm's adjusted p values of a family; None for no difference, or one of one seed."""
    return holm([d.p if d is not None and d.seeds > 1 else None for d in differences])


def rank_ranges(differences: Sequence[Sequence[Interval | None]]) -> list[tuple[int, int]]:
    """Return the ranks that each of k cells may have: best and worst, 1 the highest.

    A cell ranks behind those that are significantly better and before those that are
    significantly worse; Holm's procedure is over all pairs.

    Args:
        differences: k rows of k; ``differences[i][j]`` is the interval of i minus j, read for
            i < j only. None where they cannot be compared: the two are then not separated.
    """
    count = len(differences)
    pairs = [(i, j, differences[i][j]) for i, j in combinations(range(count), 2)]
    adjusted = holm([apart.p if apart is not None else None for _, _, apart in pairs])
    better, worse = [0] * count, [0] * count
    for (i, j, apart), p in zip(pairs, adjusted, strict=True):
        if apart is not None and p is not None and p < ALPHA:
            winner, loser = (i, j) if apart.estimate > 0 else (j, i)
            better[loser] += 1
            worse[winner] += 1
    return [(1 + better[i], count - worse[i]) for i in range(count)]
