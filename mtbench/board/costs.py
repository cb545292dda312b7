"""Costs: what the runs of a cell took, and how far they fit train better than dev."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mtbench.store import Result


@dataclass(frozen=True)
class Cost:
    """What a run of a cell took, as a mean over its runs.

    Attributes:
        steps: of the optimiser.
        examples: of each task that were trained on, one that came again counted again.
        minutes: from the start of the run to its end.
        peak_mb: largest resident size of its process, 2^20 bytes; None where unknown.
        peak_device_mb: most that torch had allocated on a GPU; None without one.
    """

    steps: float
    examples: Mapping[str, float]
    minutes: float
    peak_mb: float | None
    peak_device_mb: float | None


def cost(results: Sequence[Result]) -> Cost | None:
    """Return the mean cost of stored runs, or None for none."""
    if not results:
        return None
    costs = [result.cost for result in results]
    return Cost(
        steps=statistics.fmean(cost.steps for cost in costs),
        examples={
            task: statistics.fmean(cost.examples[task] for cost in costs)
            for task in costs[0].examples
        },
        minutes=statistics.fmean(cost.seconds.total for cost in costs) / 60,
        peak_mb=mean([cost.peak_memory_mb for cost in costs]),
        peak_device_mb=mean([cost.peak_device_memory_mb for cost in costs]),
    )


def trained(results: Sequence[Result]) -> set[str]:
    """Return the tasks that any of some runs trained."""
    return {
        task for result in results for task, examples in result.cost.examples.items() if examples
    }


def gaps(results: Sequence[Result], metrics: Mapping[str, str]) -> dict[str, float | None]:
    """Return each task's score on the sample of train minus that on dev, a mean over runs.

    Args:
        metrics: of each task the primary one.

    Returns:
        None for a task that has no run, or one whose score is undefined.
    """
    scores = [result.scores for result in results]
    return {
        task: mean([_apart(of.train[task][metric], of.dev[task][metric]) for of in scores])
        for task, metric in metrics.items()
    }


def _apart(train: float | None, dev: float | None) -> float | None:
    return None if train is None or dev is None else train - dev


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean; None of nothing, or where one is None."""
    defined = [value for value in values if value is not None]
    return statistics.fmean(defined) if defined and len(defined) == len(values) else None
