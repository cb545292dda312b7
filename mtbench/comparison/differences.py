"""Differences: the scores of two cells, task by task and overall, and how sure they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mtbench.evidence.outcomes import OVERALL, CellOutcomes, comparable
from mtbench.evidence.statistics import Interval, Sample, holm, interval, unpaired_interval


@dataclass(frozen=True)
class ScoreDifference:
    """The scores of a task, or the overall ones, and their difference.

    Attributes:
        what: the task, or ``"overall"``.
        metric: the task's primary one; empty for the overall.
        a, b: means over the compared seeds; None where undefined.
        interval: of B - A; None where nothing can be said.
        p_adjusted: Holm's, over the tasks; of the overall None.
        identical: whether A and B made the same of every example in every compared seed.
        reason: why there is no interval; empty where there is one.
    """

    what: str
    metric: str
    a: float | None
    b: float | None
    interval: Interval | None = None
    p_adjusted: float | None = None
    identical: bool = False
    reason: str = ""

    @property
    def p(self) -> float | None:
        """Two-sided p value of "they are equal"; None where nothing can be said."""
        return None if self.interval is None else self.interval.p


def differences(
    tasks: Sequence[str],
    a: CellOutcomes,
    b: CellOutcomes,
    *,
    paired: bool,
    identical: Collection[str],
) -> list[ScoreDifference]:
    """Return the differences of the tasks that both cells have, then the overall one.

    Args:
        tasks: that both have.
        a, b: of the runs that are compared, in the same order where they are paired.
        paired: whether they are; otherwise they are independent samples.
        identical: tasks of which the two made the same.
    """
    of_tasks = [_difference(task, tasks, (a, b), paired) for task in tasks]
    overall = _difference(OVERALL, tasks, (a, b), paired)
    return [
        *(
            replace(d, p_adjusted=p, identical=d.what in identical)
            for d, p in zip(of_tasks, holm([d.p for d in of_tasks]), strict=True)
        ),
        replace(overall, identical=len(identical) == len(a.tasks) == len(b.tasks)),
    ]


def _difference(
    what: str, tasks: Sequence[str], sides: tuple[CellOutcomes, CellOutcomes], paired: bool
) -> ScoreDifference:
    a, b = sides
    metric = "" if what == OVERALL else a.tasks[what].metric
    left, right = (_samples(cell, what, tasks) for cell in sides)
    scores = ScoreDifference(what, metric, _mean(left), _mean(right))
    if not comparable(a, b, what):
        return replace(scores, reason=_obstacle(a, b, what))
    if left is None or right is None:
        return replace(scores, reason="undefined for a run, or of fewer than three examples")
    if paired:
        changes = [of_b - of_a for of_a, of_b in zip(left, right, strict=True)]
        return replace(scores, interval=interval(changes))
    return replace(scores, interval=unpaired_interval(right, left))


def _samples(cell: CellOutcomes, what: str, tasks: Sequence[str]) -> list[Sample] | None:
    """Return the samples of a task, or of all: those of both sides first, in the same order."""
    chosen = dict.fromkeys([*tasks, *cell.tasks]) if what == OVERALL else [what]
    samples = [s for s in (cell.tasks[task].sample for task in chosen) if s is not None]
    return samples if len(samples) == len(chosen) else None


def _mean(samples: Sequence[Sample] | None) -> float | None:
    return None if samples is None else float(np.mean([s.scores.mean() for s in samples]))


def _obstacle(a: CellOutcomes, b: CellOutcomes, what: str) -> str:
    if what == OVERALL:
        return (
            "not of the same tasks"
            if set(a.tasks) != set(b.tasks)
            else "a task has other dev examples or another metric"
        )
    if a.tasks[what].metric != b.tasks[what].metric:
        return f"another metric: {a.tasks[what].metric} and {b.tasks[what].metric}"
    return "other dev examples"
