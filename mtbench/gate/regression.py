"""A regression: what is measured now, held against the baseline with one verdict a metric.

In the exact way, a seed's score is held against that of the same seed. In the statistical way,
the hypothesis is "the difference, now - baseline, is at least -tolerance": it is given up where
its one-sided p value, adjusted by Holm's procedure over all gated metrics of all cells, is below
alpha. A metric passes where its one-sided lower bound at the confidence 1 - alpha is above
-tolerance (a test of non-inferiority), or where nothing changed at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from mtbench.evidence.outcomes import OVERALL, CellOutcomes, comparable
from mtbench.evidence.statistics import (
    ALPHA,
    Array,
    Interval,
    Sample,
    holm,
    interval,
    unpaired_interval,
)
from mtbench.gate.baseline import Measured
from mtbench.gate.verdicts import UNDEFINED, Comparison, Verdict
from mtbench.matrix.gating import Gate, Mode


def compare(
    now: Mapping[str, Measured],
    then: Mapping[str, Measured],
    gate: Gate,
    alpha: float = ALPHA,
) -> list[Comparison]:
    """Compare the cells that both have, metric by metric.

    Args:
        now: what is measured now, by the cell's name.
        then: the baseline.
        alpha: share of false alarms that the family of all gated metrics may give.
    """
    compared = [
        _compared(
            Comparison(name, metric, "inconclusive", gate.tolerance_of(metric)),
            now[name].outcomes,
            cell.outcomes,
            gate.mode,
        )
        for name, cell in then.items()
        if name in now
        for metric in gated(gate, now[name], cell)
    ]
    adjusted = holm(
        [None if apart is None else apart.p_below(-row.tolerance) for row, apart in compared]
    )
    return [
        row if apart is None or p is None else _judged(row, apart, p, alpha)
        for (row, apart), p in zip(compared, adjusted, strict=True)
    ]


def gated(gate: Gate, *cells: Measured) -> Iterator[str]:
    """Yield the gated metrics that one of the cells has."""
    for metric in gate.metrics:
        if metric == OVERALL or any(metric in cell.outcomes.tasks for cell in cells):
            yield metric


def unfit_seeds(mode: Mode, now: Sequence[int], then: Sequence[int]) -> str:
    """Return why two measurements cannot be compared for their seeds; empty where they can."""
    if mode == "exact" and {*now} != {*then}:
        return f"other {_both(now, then)}"
    if mode == "statistical" and min(len(now), len(then)) < 2:
        return f'one seed tells no change from chance ({_both(now, then)}); [gate] mode = "exact"'
    return ""


def _both(now: Sequence[int], then: Sequence[int]) -> str:
    """Name the seeds of both sides."""
    names = [", ".join(map(str, seeds)) for seeds in (now, then)]
    return f"seeds {names[0]} now, {names[1]} in the baseline"


def _compared(
    row: Comparison, now: CellOutcomes, then: CellOutcomes, mode: Mode
) -> tuple[Comparison, Interval | None]:
    """Return a comparison with its means and what is amiss, and the difference to be judged."""
    if unfit := unfit_seeds(mode, now.seeds, then.seeds):
        return _incomparable(row, unfit), None
    if mode == "exact":
        now = now.at(then.seeds)
    elif {*now.seeds} <= {*then.seeds}:
        then = then.at(now.seeds)
    if not comparable(now, then, row.metric):
        return _incomparable(row, "other tasks, metrics or examples than the baseline"), None
    left, right = now.samples(row.metric), then.samples(row.metric)
    row = replace(row, baseline=_mean(right), now=_mean(left))
    if right is None:
        return replace(row, reason=UNDEFINED + ("" if left else ", and now")), None
    if left is None:
        return _incomparable(row, "undefined now"), None
    if mode == "exact":
        return _exact(row, _rows(left) - _rows(right), then.seeds), None
    return _statistical(row, left, right, (now.seeds, then.seeds))


def _exact(row: Comparison, changes: Array, seeds: Sequence[int]) -> Comparison:
    """Judge the change of each seed's score."""
    worst, best = int(np.argmin(changes)), int(np.argmax(changes))
    verdict: Verdict = "passed"
    reason, decides = "", worst
    if changes[worst] < -row.tolerance:
        verdict, reason = "regressed", f"seed {seeds[worst]} is worse"
    elif changes[best] > row.tolerance:
        verdict, decides = "inconclusive", best
        reason = f"seed {seeds[best]} is better: 'mtbench check MATRIX --update' if that is meant"
    elif not changes.any():
        reason = "identical"
    return replace(row, verdict=verdict, difference=float(changes[decides]), reason=reason)


def _statistical(
    row: Comparison,
    now: Sequence[Sample],
    then: Sequence[Sample],
    seeds: tuple[Sequence[int], Sequence[int]],
) -> tuple[Comparison, Interval | None]:
    """Return the interval of now - baseline, paired where the baseline has all seeds."""
    if [*seeds[0]] == [*seeds[1]]:
        changes = [a - b for a, b in zip(now, then, strict=True)]
        difference = interval(changes)
        if not any(change.scores.any() or change.outcomes.any() for change in changes):
            row = replace(row, verdict="passed", reason="identical")
    else:
        difference = unpaired_interval(now, then)
        row = replace(row, reason=f"unpaired: {_both(*seeds)}")
    return row if difference else _incomparable(row, "fewer than two examples"), difference


def _judged(row: Comparison, difference: Interval, p: float, alpha: float) -> Comparison:
    bound = difference.lower_bound(alpha)
    verdict = row.verdict
    if p < alpha:
        verdict = "regressed"
    elif bound > -row.tolerance:
        verdict = "passed"
    return replace(
        row,
        verdict=verdict,
        difference=difference.estimate,
        low=difference.low,
        high=difference.high,
        bound=bound,
        p=p,
    )


def _incomparable(row: Comparison, reason: str) -> Comparison:
    return replace(row, verdict="incomparable", reason=reason)


def _rows(samples: Sequence[Sample]) -> Array:
    """Return the scores a seed, the mean over tasks."""
    rows: Array = np.mean([sample.scores for sample in samples], axis=0)
    return rows


def _mean(samples: Sequence[Sample] | None) -> float | None:
    return float(_rows(samples).mean()) if samples else None
