"""A regression: what is measured now, held against the baseline with one verdict a metric.

In the exact way, a seed's score is held against that of the same seed. In the statistical way,
the hypothesis is "the difference, now - baseline, is at least -tolerance": it is given up where
its one-sided p value, adjusted by Holm's procedure over all gated metrics of all cells, is below
alpha. A metric passes where its one-sided lower bound at the confidence 1 - alpha is above
-tolerance (a test of non-inferiority), or where nothing changed at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
        WAYS[gate.mode](
            Comparison(name, metric, "inconclusive", gate.tolerance_of(metric)),
            now[name].outcomes,
            cell.outcomes,
        )
        for name, cell in then.items()
        if name in now
        for metric in gated(gate, now[name], cell)
    ]
    family = [found.p_below(-one.tolerance) for one, found in compared if found is not None]
    adjusted = iter(holm(family))
    return [
        one if found is None else _judged(one, found, next(adjusted), alpha)
        for one, found in compared
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


Compared = tuple[Comparison, Interval | None]


def _exact(one: Comparison, now: CellOutcomes, then: CellOutcomes) -> Compared:
    """Hold each seed's score against that of the same seed."""
    if unfit := unfit_seeds("exact", now.seeds, then.seeds):
        return _incomparable(one, unfit), None
    one, left, right = _samples(one, now.at(then.seeds), then)
    if left is None or right is None:
        return one, None
    changes = _rows(left) - _rows(right)
    worst, best = int(np.argmin(changes)), int(np.argmax(changes))
    verdict: Verdict = "passed"
    reason, decides = "", worst
    if changes[worst] < -one.tolerance:
        verdict, reason = "regressed", f"seed {then.seeds[worst]} is worse"
    elif changes[best] > one.tolerance:
        verdict, decides = "inconclusive", best
        reason = (
            f"seed {then.seeds[best]} is better: 'mtbench check MATRIX --update' if that is meant"
        )
    elif not changes.any():
        reason = "identical"
    difference = float(changes[decides])
    return replace(one, verdict=verdict, difference=difference, reason=reason), None


def _statistical(one: Comparison, now: CellOutcomes, then: CellOutcomes) -> Compared:
    """Return the interval of now - baseline, paired where the baseline has all seeds."""
    if unfit := unfit_seeds("statistical", now.seeds, then.seeds):
        return _incomparable(one, unfit), None
    paired = {*now.seeds} <= {*then.seeds}
    if paired:
        then = then.at(now.seeds)
    one, left, right = _samples(one, now, then)
    if left is None or right is None:
        return one, None
    if paired and _identical(left, right):
        one = replace(one, verdict="passed", reason="identical")
    if paired:
        found = interval([a - b for a, b in zip(left, right, strict=True)])
    else:
        one = replace(one, reason=f"unpaired: {_both(now.seeds, then.seeds)}")
        found = unpaired_interval(left, right)
    return one if found else _incomparable(one, "fewer than two examples"), found


def _identical(left: Sequence[Sample], right: Sequence[Sample]) -> bool:
    return all(
        np.array_equal(a.scores, b.scores) and np.array_equal(a.outcomes, b.outcomes)
        for a, b in zip(left, right, strict=True)
    )


def _judged(one: Comparison, found: Interval, p: float, alpha: float) -> Comparison:
    bound = found.lower_bound(alpha)
    verdict = one.verdict
    if p < alpha:
        verdict = "regressed"
    elif bound > -one.tolerance:
        verdict = "passed"
    return replace(
        one,
        verdict=verdict,
        difference=found.estimate,
        low=found.low,
        high=found.high,
        bound=bound,
        p=p,
    )


def _samples(
    one: Comparison, now: CellOutcomes, then: CellOutcomes
) -> tuple[Comparison, list[Sample] | None, list[Sample] | None]:
    """Return the samples of both, and the comparison with their means and what is amiss."""
    if not comparable(now, then, one.metric):
        return _incomparable(one, "other tasks, metrics or examples than the baseline"), None, None
    left, right = now.samples(one.metric), then.samples(one.metric)
    one = replace(one, baseline=_mean(right), now=_mean(left))
    if right is None:
        one = replace(one, reason=UNDEFINED + ("" if left else ", and now"))
    elif left is None:
        one = _incomparable(one, "undefined now")
    return one, left, right


def _incomparable(one: Comparison, reason: str) -> Comparison:
    return replace(one, verdict="incomparable", reason=reason)


def _rows(samples: Sequence[Sample]) -> Array:
    """Return the scores a seed, the mean over tasks."""
    rows: Array = np.mean([sample.scores for sample in samples], axis=0)
    return rows


def _mean(samples: Sequence[Sample] | None) -> float | None:
    return float(_rows(samples).mean()) if samples else None


WAYS: Mapping[Mode, Callable[[Comparison, CellOutcomes, CellOutcomes], Compared]] = {
    "exact": _exact,
    "statistical": _statistical,
}
