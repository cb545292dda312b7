"""Cycle, the balanced round-robin: shorter tasks start again until the longest is done."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from math import ceil
from typing import TYPE_CHECKING

from mtbench.api import Step

if TYPE_CHECKING:
    from mtbench.api import Parameters


class Cycle:
    """Gives a batch of every task; an epoch is one pass over the task of most batches.

    A batch never straddles two passes of a task: the last one of a pass may be partial, and the
    next pass starts with a full one. A task's examples come pass after pass, so an epoch goes on
    where the one before left the shorter tasks.
    """

    def __init__(self, parameters: Parameters) -> None:
        """Start every task with a whole pass before it."""
        self._left: dict[str, int] = {}

    def steps(
        self,
        sizes: Mapping[str, int],
        batch_sizes: Mapping[str, int],
        progress: float,
        rng: random.Random,
    ) -> Iterator[Step]:
        """Yield the steps of one epoch; a task without examples takes part in none."""
        tasks = [task for task, size in sizes.items() if size]
        for _ in range(max((ceil(sizes[task] / batch_sizes[task]) for task in tasks), default=0)):
            yield {task: self._take(task, sizes[task], batch_sizes[task]) for task in tasks}

    def _take(self, task: str, size: int, batch_size: int) -> int:
        """Return the size of a task's next batch, and remember what is left of its pass."""
        left = self._left.get(task) or size
        n = min(left, batch_size)
        self._left[task] = left - n
        return n
