"""Uniform: every batch is of a task drawn with equal chances."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import TYPE_CHECKING

from mtbench.api import Step
from mtbench_builtins.balancers.sampling import Sampler

if TYPE_CHECKING:
    from mtbench_builtins.balancers.sampling_parameters import SamplingParameters


class Uniform:
    """Draws each task with the same probability, ``p_i = 1 / m`` of m tasks."""

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
        weights = dict.fromkeys(sizes, 1.0)
        return self._sampler.epoch(sizes, batch_sizes, repeat(weights), rng)
