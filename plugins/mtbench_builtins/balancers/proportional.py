"""Proportional: every batch is of a task drawn by its number of examples."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import TYPE_CHECKING

from mtbench.api import Step
from mtbench_builtins.balancers.sampling import Sampler

if TYPE_CHECKING:
    from mtbench_builtins.balancers.sampling_parameters import SamplingParameters


class Proportional:
    """Draws task i, of N_i examples, with probability ``p_i = N_i / sum_j N_j``.

    Sanh et al. 2019, A Hierarchical Multi-task Approach for Learning Embeddings from Semantic
    Tasks: proportional sampling. Where batches are of one size, each example is met about once
    an epoch in the mean; it is tasks that are drawn, by examples, whatever their batch sizes.
    """

    def __init__(self, parameters: SamplingParameters) -> None:
        """Start every task with a whole pass before it."""
        self._sampler = Sampler(parameters.group)

    def steps(
        self,
        sizes: Mapping[str, int],
        batch_sizes: Mapping[str, int],
        progress: float,
        rng: random.Random,
    ) -> Iterator[Step]:
        """Yield the steps of one epoch; see ``Sampler``."""
        weights = {task: float(size) for task, size in sizes.items()}
        return self._sampler.epoch(sizes, batch_sizes, repeat(weights), rng)
