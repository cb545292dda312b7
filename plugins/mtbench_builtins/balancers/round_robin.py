"""Round-robin, unbalanced: a batch of every task in turn, for as long as it has data."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING

from mtbench.api import Step
from mtbench_builtins.balancers.batches import one_pass

if TYPE_CHECKING:
    from mtbench.api import Parameters


class RoundRobin:
    """Gives a batch of every task that has data left; an epoch is one pass over each task."""

    def __init__(self, parameters: Parameters) -> None:
        """Take no parameters of its own."""

    def steps(
        self,
        sizes: Mapping[str, int],
        batch_sizes: Mapping[str, int],
        progress: float,
        rng: random.Random,
    ) -> Iterator[Step]:
        """Yield the steps of one epoch; each task's last batch may be partial."""
        passes = [one_pass(size, batch_sizes[task]) for task, size in sizes.items()]
        for batches in zip_longest(*passes, fillvalue=0):
            yield {task: n for task, n in zip(sizes, batches, strict=True) if n}
