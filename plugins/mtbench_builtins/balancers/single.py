"""Single: one task alone, the baseline that the others are held against."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mtbench.api import Cell, Step
from mtbench_builtins.balancers.batches import one_pass

if TYPE_CHECKING:
    from mtbench_builtins.balancers.parameters import SingleParameters


class Single:
    """Gives batches of one task; an epoch is one pass over its data."""

    def __init__(self, parameters: SingleParameters) -> None:
        """Remember which task it is."""
        self.task = parameters.task

    def steps(
        self,
        sizes: Mapping[str, int],
        batch_sizes: Mapping[str, int],
        progress: float,
        rng: random.Random,
    ) -> Iterator[Step]:
        """Yield the steps of one epoch; the last batch may be partial."""
        for n in one_pass(sizes[self.task], batch_sizes[self.task]):
            yield {self.task: n}


def rejects(cell: Cell) -> str | None:
    """Refuse a task that the cell does not have."""
    task = cell.balancer.parameters["task"]
    if task in cell.tasks:
        return None
    return f"the balancer trains the task {task!r}, which is not among {', '.join(cell.tasks)}"
