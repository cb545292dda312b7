"""Sampling: steps made of single-task batches, each of a task that is drawn at random."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import ceil

from mtbench.api import Step

Weights = Mapping[str, float]
"""How likely each task is drawn, up to a factor."""


class Sampler:
    """Draws tasks with replacement, by weights that may differ from step to step.

    An epoch has as many batches as one pass over all tasks, whichever tasks they come from. A
    task's examples come pass after pass, also from one epoch to the next, and a batch never
    straddles two passes: the last one of a pass may be partial, and the next pass starts with a
    full one. A task that is drawn more than once in a step gives all these batches: the step has
    more of its examples, and its loss is the mean over them. A task without examples is never
    drawn.

    Args:
        group: batches that make up a step; the last step of an epoch may have fewer.
    """

    def __init__(self, group: int) -> None:
        self._group = group
        self._left: dict[str, int] = {}

    def steps_per_epoch(self, sizes: Mapping[str, int], batch_sizes: Mapping[str, int]) -> int:
        """Return how many steps an epoch has."""
        return ceil(_batches(sizes, batch_sizes) / self._group)

    def epoch(
        self,
        sizes: Mapping[str, int],
        batch_sizes: Mapping[str, int],
        weights: Iterable[Weights],
        rng: random.Random,
    ) -> Iterator[Step]:
        """Yield the steps of one epoch, the tasks of each in the order of ``sizes``.

        Args:
            sizes: training examples a task.
            batch_sizes: examples a task in a full batch.
            weights: those of each step to come; at least as many as there are steps.
            rng: all that is random comes from it.
        """
        tasks = [task for task, size in sizes.items() if size]
        batches = _batches(sizes, batch_sizes)
        for taken, of_step in zip(range(0, batches, self._group), weights, strict=False):
            k = min(self._group, batches - taken)
            drawn = Counter(rng.choices(tasks, [of_step[task] for task in tasks], k=k))
            yield {
                task: sum(self._take(task, sizes[task], batch_sizes[task]) for _ in range(times))
                for task, times in ((task, drawn[task]) for task in tasks)
                if times
            }

    def _take(self, task: str, size: int, batch_size: int) -> int:
        """Return the size of a task's next batch, and remember what is left of its pass."""
        left = self._left.get(task) or size
        n = min(left, batch_size)
        self._left[task] = left - n
        return n


def _batches(sizes: Mapping[str, int], batch_sizes: Mapping[str, int]) -> int:
    """Return how many batches one pass over all tasks has."""
    return sum(ceil(size / batch_sizes[task]) for task, size in sizes.items())
