"""Annealed: from drawing tasks by their examples towards drawing them uniformly."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import count
from typing import TYPE_CHECKING

from mtbench.api import Step
from mtbench_builtins.balancers.sampling import Sampler, Weights

if TYPE_CHECKING:
    from mtbench_builtins.balancers.sampling_parameters import AnnealedParameters


class Annealed:
    """Draws task i, of N_i examples, with probability ``p_i ~ N_i^alpha``; alpha falls from 1.

    Stickland and Murray 2019, BERT and PALs: annealed sampling, with
    ``alpha = 1 - 0.8 (e - 1) / (E - 1)`` in epoch e of E. Here e counts the steps of the run
    and E is how many there will be, so that alpha falls evenly from the first step to the last,
    in a run of one epoch too, and in one that ends within an epoch. 0.8 is ``1 - end``.
    """

    def __init__(self, parameters: AnnealedParameters) -> None:
        """Start every task with a whole pass before it; one epoch is the run, until told."""
        self._end = parameters.end
        self._sampler = Sampler(parameters.group)
        self.begin(steps=None, epochs=1)

    def begin(self, *, steps: int | None, epochs: int | None) -> None:
        """Take in the budget of the run."""
        self._steps = steps
        self._epochs = epochs

    def steps(
        self,
        sizes: Mapping[str, int],
        batch_sizes: Mapping[str, int],
        progress: float,
        rng: random.Random,
    ) -> Iterator[Step]:
        """Yield the steps of one epoch; see ``Sampler``."""
        total = self._steps or self._sampler.steps_per_epoch(sizes, batch_sizes) * (
            self._epochs or 1
        )
        weights = self._weights(sizes, round(progress * total), total)
        return self._sampler.epoch(sizes, batch_sizes, weights, rng)

    def _weights(self, sizes: Mapping[str, int], first: int, total: int) -> Iterator[Weights]:
        """Yield the weights of a run's steps from one on."""
        for step in count(first):
            alpha = self._alpha(step, total)
            yield {task: float(size**alpha) for task, size in sizes.items()}

    def _alpha(self, step: int, total: int) -> float:
        """Return the exponent at a step, counted from 0; past the run it stays at its end."""
        return 1 - (1 - self._end) * min(1.0, step / max(1, total - 1))
